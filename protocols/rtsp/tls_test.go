package rtsp_test

import (
	"testing"

	"github.com/bluenviron/gortsplib/v4"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/tlsfile/tlsfiletest"
	"github.com/weirmedia/weir/protocols/rtsp"
)

// By RTSPS, what is published is what is played, inside the connection only.
// gortsplib's client encrypts its packets once more.
func TestTLS(t *testing.T) {
	r := newRigWith(t, auth.Config{}, func(c *rtsp.Config) {
		c.TLSListen = "127.0.0.1:0"
		c.Certificate, c.Key = tlsfiletest.Write(t, t.TempDir(), "test")
	})
	base := "rtsps://" + r.server.TLSAddr().String() + "/"
	frames := footage(t, "bframes.flv")
	d, muxers, medias := describe(t, frames)
	tcp := gortsplib.TransportTCP
	c := &gortsplib.Client{Transport: &tcp, TLSConfig: r.tls}
	if err := c.StartRecording(base+"live/test", d); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i, f := range frames {
		packets, err := muxers[f.Track.ID].Mux(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range packets {
			if err := c.WritePacketRTP(medias[f.Track.ID], p); err != nil {
				t.Fatal(err)
			}
		}
		if i == len(frames)/2 {
			r.eventually("the stream is there", func() bool { return r.host.Bus.Stream("live/test") != nil })
		}
	}
	other := r.feed("live/other", frames)
	start := 0
	for i, f := range frames {
		if f.Key {
			start = i
		}
	}
	var players []*player
	for range 5 {
		p, err := r.tryPlay(base+"live/other", tcp)
		if err != nil {
			t.Fatal(err)
		}
		players = append(players, p)
	}
	r.write(other, frames) // to all at once
	for _, p := range players {
		p.expect(t, append(frames[start:len(frames):len(frames)], frames...))
	}
	r.eventually("all that was published has come", func() bool {
		for _, s := range r.host.Sessions.List() {
			if s.Transport != "tls" {
				t.Errorf("the transport of %s is %q", s.Action, s.Transport)
			}
			if s.Stream == "live/test" && s.FramesIn == uint64(len(frames)) {
				return true
			}
		}
		return false
	})
	if _, err := r.tryPlay(base+"live/other", gortsplib.TransportUDP); err == nil {
		t.Error("UDP is not refused")
	}
}

package rtsp_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// ask sends a request and returns the header of the answer.
func ask(t *testing.T, nc net.Conn, r *bufio.Reader, method, url string, headers ...string) textproto.MIMEHeader {
	t.Helper()
	fmt.Fprintf(nc, "%s %s RTSP/1.0\r\nCSeq: 1\r\n%s\r\n", method, url, strings.Join(append(headers, ""), "\r\n"))
	text := textproto.NewReader(r)
	line, err := text.ReadLine()
	if err != nil || !strings.HasPrefix(line, "RTSP/1.0 200") {
		t.Fatalf("%s: %q, %v", method, line, err)
	}
	h, err := text.ReadMIMEHeader()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// A player that stops reading skips, which is counted; the publisher and others
// do not notice.
func TestSlowPlayer(t *testing.T) {
	r := newRig(t, auth.Config{})
	track := footage(t, "bframes.flv")[0].Track
	key := &av.Frame{Track: track, Key: true, Payload: append([]byte{0, 0, 0xC3, 0x50, 0x65}, bytes.Repeat([]byte{0x88}, 49999)...)}
	pub := r.feed("live/test", []*av.Frame{key})

	nc, err := net.Dial("tcp", r.server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.(*net.TCPConn).SetReadBuffer(4096)
	in := bufio.NewReader(nc)
	h := ask(t, nc, in, "SETUP", r.url("live/test/trackID=0"), "Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
	id, _, _ := strings.Cut(h.Get("Session"), ";")
	ask(t, nc, in, "PLAY", r.url("live/test"), "Session: "+id)

	next := *key
	r.eventually("the player skips", func() bool {
		for range 20 {
			next.DTS += 5e6
			next.PTS = next.DTS
			r.write(pub, []*av.Frame{&next})
		}
		s := r.host.Sessions.List()
		return len(s) == 1 && s[0].Skips > 0 && s[0].FramesSkipped > 0
	})
	r.host.Sessions.KillAll(reason.Kicked)
	r.eventually("the session is gone", func() bool { return len(r.host.Sessions.List()) == 0 })
}

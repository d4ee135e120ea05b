//go:build e2e

package e2e

import (
	"context"
	"crypto/md5"
	"debug/buildinfo"
	"errors"
	"fmt"
	"net/url"
	"syscall"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

// gortmplib is an RTMP library that has nothing in common with ours.

// dialGortmplib connects to publish or play; the connection is closed when the
// test ends.
func dialGortmplib(t *testing.T, address string, publish bool) *gortmplib.Client {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	c := &gortmplib.Client{URL: u, Publish: publish}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := c.Initialize(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	_ = c.NetConn().SetDeadline(time.Now().Add(time.Minute))
	return c
}

// playGortmplib plays a stream until the library knows its tracks. Reading on
// begins with the first packet all the same.
func playGortmplib(t *testing.T, address string) *gortmplib.Reader {
	t.Helper()
	return readGortmplib(t, dialGortmplib(t, address, false))
}

func readGortmplib(t *testing.T, c *gortmplib.Client) *gortmplib.Reader {
	t.Helper()
	r := &gortmplib.Reader{Conn: c}
	if err := r.Initialize(); err != nil {
		t.Fatal(err)
	}
	return r
}

// relayed is a packet that gortmplib read, and how it writes the same.
type relayed struct {
	packet
	write func(*gortmplib.Writer) error
}

// receive makes the library call got for each packet of a track.
func receive(t *testing.T, r *gortmplib.Reader, track *gortmplib.Track, got func(relayed)) {
	t.Helper()
	// marshalled is what the library took apart, as it was sent.
	marshalled := func(unit interface{ Marshal() ([]byte, error) }) []byte {
		b, err := unit.Marshal()
		if err != nil {
			t.Error(err)
		}
		return b
	}
	switch track.Codec.(type) {
	case *codecs.H264:
		r.OnDataH264(track, func(pts, dts time.Duration, au [][]byte) {
			if isParameterSets(au) {
				return
			}
			got(relayed{newPacket("video", pts, dts, marshalled(h264.AVCC(au))),
				func(w *gortmplib.Writer) error { return w.WriteH264(track, pts, dts, au) }})
		})
	case *codecs.H265:
		r.OnDataH265(track, func(pts, dts time.Duration, au [][]byte) {
			got(relayed{newPacket("video", pts, dts, marshalled(h264.AVCC(au))),
				func(w *gortmplib.Writer) error { return w.WriteH265(track, pts, dts, au) }})
		})
	case *codecs.AV1:
		r.OnDataAV1(track, func(pts time.Duration, unit [][]byte) {
			got(relayed{newPacket("video", pts, pts, marshalled(av1.Bitstream(unit))),
				func(w *gortmplib.Writer) error { return w.WriteAV1(track, pts, unit) }})
		})
	case *codecs.MPEG4Audio:
		r.OnDataMPEG4Audio(track, func(pts time.Duration, au []byte) {
			got(relayed{newPacket("audio", pts, pts, au),
				func(w *gortmplib.Writer) error { return w.WriteMPEG4Audio(track, pts, au) }})
		})
	case *codecs.Opus:
		r.OnDataOpus(track, func(pts time.Duration, payload []byte) {
			got(relayed{newPacket("audio", pts, pts, payload),
				func(w *gortmplib.Writer) error { return w.WriteOpus(track, pts, payload) }})
		})
	default:
		t.Fatalf("a track of %T", track.Codec)
	}
}

// isParameterSets recognises the sequence header, which the library hands over
// like a picture.
func isParameterSets(au [][]byte) bool {
	const typeMask, sps = 0x1F, 7
	return len(au) == 2 && au[0][0]&typeMask == sps
}

// newPacket describes a payload as ffprobe does.
func newPacket(kind string, pts, dts time.Duration, payload []byte) packet {
	return packet{kind: kind, dts: dts.Milliseconds(), pts: pts.Milliseconds(), size: len(payload),
		hash: fmt.Sprintf("MD5:%x", md5.Sum(payload))}
}

// TestFullGortmplibPlay: gortmplib reads what ffmpeg sent.
func TestFullGortmplibPlay(t *testing.T) {
	t.Run("h264-aac", func(t *testing.T) {
		t.Parallel()
		s := startServer(t, nil)
		s.publish(t, hardClip, "live/test", publishOptions{})
		requireGortmplib(t, s, filePackets(t, hardClip.path(t)))
	})
	for _, c := range []enhancedClip{hevcAAC, av1Opus} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, s := ffmpeg9(t), startServer(t, nil)
			f.publish(t, s, f.clip(t, c.clip), "live/test")
			requireGortmplib(t, s, c.published(t, f))
		})
	}
}

// requireGortmplib plays some seconds of live/test.
func requireGortmplib(t *testing.T, s *server, published []packet) {
	t.Helper()
	r := playGortmplib(t, s.rtmpURL("live/test"))
	var got []packet
	for _, track := range r.Tracks() {
		receive(t, r, track, func(p relayed) { got = append(got, p.packet) })
	}
	for len(got) < hardPackets {
		if err := r.Read(); err != nil {
			t.Fatalf("after %d packets: %v", len(got), err)
		}
	}
	requireRun(t, published, got)
}

// TestFullGortmplibPublish: a stream that gortmplib reads and publishes again
// under another name is the same there.
func TestFullGortmplibPublish(t *testing.T) {
	t.Run("h264-aac", func(t *testing.T) {
		t.Parallel()
		s := startServer(t, nil)
		s.publish(t, hardClip, "live/test", publishOptions{})
		relayGortmplib(t, s, "live/test", "live/again")
		got := readPackets(t, s.rtmpURL("live/again"), hardPackets, 40*time.Second)
		requireRun(t, filePackets(t, hardClip.path(t)), got)
	})
	for _, c := range []enhancedClip{h264Opus, hevcAAC, av1Opus} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, s := ffmpeg9(t), startServer(t, nil)
			f.publish(t, s, f.clip(t, c.clip), "live/test")
			relayGortmplib(t, s, "live/test", "live/again")
			player := startProbeBy(t, f.start, s.rtmpURL("live/again"), 40*time.Second)
			requireRun(t, c.published(t, f), player.read(t, enhancedPackets))
			player.signal(syscall.SIGKILL)
		})
	}
}

// relayGortmplib reads one stream and publishes it as another until the test
// ends.
func relayGortmplib(t *testing.T, s *server, from, to string) {
	t.Helper()
	player := dialGortmplib(t, s.rtmpURL(from), false)
	r := readGortmplib(t, player)
	w := &gortmplib.Writer{Conn: dialGortmplib(t, s.rtmpURL(to), true), Tracks: r.Tracks()}
	if err := w.Initialize(); err != nil {
		t.Fatal(err)
	}
	var failed error
	for _, track := range w.Tracks {
		receive(t, r, track, func(p relayed) { failed = errors.Join(failed, p.write(w)) })
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for failed == nil && r.Read() == nil { // until its connection closes
		}
	}()
	t.Cleanup(func() {
		player.Close()
		<-done
	})
	s.waitLive(t, to)
}

// TestFullGortmplibIsForTests: it is no part of the program.
func TestFullGortmplibIsForTests(t *testing.T) {
	t.Parallel()
	info, err := buildinfo.ReadFile(weirBinary(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, module := range info.Deps {
		if module.Path == "github.com/bluenviron/gortmplib" {
			t.Errorf("the program has %s %s in it", module.Path, module.Version)
		}
	}
}

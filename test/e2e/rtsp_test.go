//go:build e2e

package e2e

import (
	"os/exec"
	"testing"
	"time"

	"github.com/weirmedia/weir/test/freeport"
)

// rtspServer is a server that speaks RTSP too.
type rtspServer struct {
	*server
	rtsp string // host:port
}

func startRTSPServer(t *testing.T) *rtspServer {
	t.Helper()
	address := freeport.Address(t)
	return &rtspServer{startServer(t, settings{"rtsp.listen": address, "rtsp.udp_listen": "127.0.0.1:0"}), address}
}

func (s *rtspServer) url(name string) string { return "rtsp://" + s.rtsp + "/" + name }

// read reads a stream with ffmpeg until it has n packets, in the form that they
// have in FLV. Pictures have made-up times: ffmpeg gives the first ones none.
func (s *rtspServer) read(t *testing.T, name, transport string, n int) []packet {
	t.Helper()
	by := func(t *testing.T, limit time.Duration, setup func(*exec.Cmd), program string, args ...string) *process {
		if program == "ffmpeg" {
			args = append([]string{"-rtsp_transport", transport}, args...)
		}
		return start(t, limit, setup, program, args...)
	}
	return readAsFLV(t, by, s.url(name), nil, n, "-bsf:v", fromTS[1]+",setts=ts=N*3600")
}

// publishRTSP starts ffmpeg, which sends a clip as it is.
func (s *rtspServer) publishRTSP(t *testing.T, c clip, name, transport string) *process {
	t.Helper()
	p := start(t, 3*time.Minute, nil, "ffmpeg", "-nostdin", "-v", "warning", "-re", "-i", c.path(t), "-map", "0", "-c", "copy",
		"-f", "rtsp", "-rtsp_transport", transport, s.url(name))
	s.waitLive(t, name)
	return p
}

// requireRunWithin is requireRun for ways that do not count in milliseconds: times
// may be off by so many.
func requireRunWithin(t *testing.T, published, got []packet, tolerance int64) {
	t.Helper()
	sent := byKind(published)
	shift, known := int64(0), false
	for _, h := range got {
		at := indexOf(sent[h.kind], h)
		if at < 0 {
			continue // requireRun tells
		}
		w := sent[h.kind][at]
		if h.kind == "video" {
			shift, known = h.dts-w.dts, true
			break
		}
	}
	for i := range got {
		h := &got[i]
		at := indexOf(sent[h.kind], *h)
		if at < 0 || !known {
			continue
		}
		w := sent[h.kind][at]
		h.dts, h.pts = near(h.dts, w.dts+shift, tolerance), near(h.pts, w.pts+shift, tolerance)
	}
	requireRun(t, published, got)
}

// near returns want if got is within tolerance of it, else got.
func near(got, want, tolerance int64) int64 {
	if d := got - want; -tolerance <= d && d <= tolerance {
		return want
	}
	return got
}

// rtpTolerance is what rounding twice, to RTP time and to milliseconds, can make.
const rtpTolerance = 2

// TestQuickRTSPIn: what ffmpeg publishes by RTSP is what it reads by RTMP, as
// HTTP-FLV and by RTSP: B-frames, sound against picture, every byte.
func TestQuickRTSPIn(t *testing.T) {
	for _, transport := range []string{"tcp", "udp"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			s := startRTSPServer(t)
			s.publishRTSP(t, hardClip, "live/test", transport)
			published := filePackets(t, hardClip.path(t))
			requireRunWithin(t, published, readPackets(t, s.rtmpURL("live/test"), hardPackets/2, 40*time.Second), rtpTolerance)
			requireRunWithin(t, published, readPackets(t, s.httpURL("live/test.flv"), hardPackets/2, 40*time.Second), rtpTolerance)
			requireSameUnits(t, published, s.read(t, "live/test", transport, hardPackets/2))
		})
	}
}

// TestQuickRTSPOut: what ffmpeg publishes by RTMP is what it reads by RTSP.
func TestQuickRTSPOut(t *testing.T) {
	for _, transport := range []string{"tcp", "udp"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			s := startRTSPServer(t)
			s.publish(t, hardClip, "live/test", publishOptions{})
			got := s.read(t, "live/test", transport, hardPackets)
			requireSameUnits(t, filePackets(t, hardClip.path(t)), got)
		})
	}
}

// requireSameUnits is requireRun without times.
func requireSameUnits(t *testing.T, published, got []packet) {
	t.Helper()
	sent := byKind(published)
	for i := range got {
		if at := indexOf(sent[got[i].kind], got[i]); at >= 0 {
			got[i].dts, got[i].pts = sent[got[i].kind][at].dts, sent[got[i].kind][at].pts
		}
	}
	requireRun(t, published, got)
}

//go:build e2e

package e2e

import (
	"maps"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4"

	"github.com/weirmedia/weir/test/freeport"
)

// rtspServer is a server that speaks RTSP too.
type rtspServer struct {
	*server
	rtsp string // host:port
}

func startRTSPServer(t *testing.T) *rtspServer {
	t.Helper()
	return startRTSPServerWith(t, nil)
}

func startRTSPServerWith(t *testing.T, changes settings) *rtspServer {
	t.Helper()
	address := freeport.Address(t)
	all := settings{"rtsp.listen": address, "rtsp.udp_listen": "127.0.0.1:0"}
	maps.Copy(all, changes)
	return &rtspServer{startServer(t, all), address}
}

func (s *rtspServer) url(name string) string { return "rtsp://" + s.rtsp + "/" + name }

// read reads a stream with ffmpeg until it has n packets, in the form that they
// have in FLV. Pictures have made-up times: ffmpeg gives the first ones none.
func (s *rtspServer) read(t *testing.T, name, transport string, n int) []packet {
	t.Helper()
	return readAsFLV(t, over(start, transport), s.url(name), nil, n, "-bsf:v", fromTS[1]+",setts=ts=N*3600")
}

// over returns what runs programs as run does, ffmpeg so that it reads RTSP by a
// transport.
func over(run starter, transport string) starter {
	return func(t *testing.T, limit time.Duration, setup func(*exec.Cmd), program string, args ...string) *process {
		if program == "ffmpeg" {
			args = append([]string{"-rtsp_transport", transport}, args...)
		}
		return run(t, limit, setup, program, args...)
	}
}

// publishRTSP starts ffmpeg, which sends a clip as it is.
func (s *rtspServer) publishRTSP(t *testing.T, c clip, name, transport string) *process {
	t.Helper()
	return s.publishRTSPTo(t, s.url(name), c, name, transport)
}

// publishRTSPTo is publishRTSP to a stream that is reached by another address.
func (s *rtspServer) publishRTSPTo(t *testing.T, url string, c clip, name, transport string) *process {
	t.Helper()
	p := start(t, 3*time.Minute, nil, "ffmpeg", "-nostdin", "-v", "warning", "-re", "-i", c.path(t), "-map", "0", "-c", "copy",
		"-f", "rtsp", "-rtsp_transport", transport, url)
	s.waitLive(t, name)
	return p
}

// requireRunWithin is requireRun for ways that do not count in milliseconds: times
// may be off by so many.
func requireRunWithin(t *testing.T, published, got []packet, tolerance int64) {
	t.Helper()
	places := counterparts(published, got)
	first := slices.IndexFunc(got, func(p packet) bool { return p.kind == "video" })
	if first >= 0 && places[first] != nil {
		shift := got[first].dts - places[first].dts
		for i, w := range places {
			if h := &got[i]; w != nil {
				h.dts, h.pts = near(h.dts, w.dts+shift, tolerance), near(h.pts, w.pts+shift, tolerance)
			}
		}
	}
	requireRun(t, published, got)
}

// counterparts returns what was published in the place of each packet of an
// unbroken run, nil where there is nothing.
func counterparts(published, got []packet) []*packet {
	sent, next := byKind(published), map[string]int{}
	places := make([]*packet, len(got))
	for i, h := range got {
		list := sent[h.kind]
		at, begun := next[h.kind]
		if !begun {
			at = indexOf(list, h)
		}
		if at >= 0 && at < len(list) {
			places[i], next[h.kind] = &list[at], at+1
		}
	}
	return places
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
// HTTP-FLV, by HLS and by RTSP: B-frames, sound against picture, every byte.
func TestQuickRTSPIn(t *testing.T) {
	for _, transport := range []string{"tcp", "udp"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			s := startRTSPServer(t)
			s.publishRTSP(t, hardClip, "live/test", transport)
			published := filePackets(t, hardClip.path(t))
			requireRunWithin(t, published, readPackets(t, s.rtmpURL("live/test"), hardPackets/2, 40*time.Second), rtpTolerance)
			requireRunWithin(t, published, readPackets(t, s.httpURL("live/test.flv"), hardPackets/2, 40*time.Second), rtpTolerance)
			requireRunWithin(t, published, readAsFLV(t, start, hlsAddress(s.server, "fmp4"), nil, hardPackets/2), rtpTolerance)
			requireSameUnits(t, published, s.read(t, "live/test", transport, hardPackets/2))
		})
	}
}

// TestFullRTSPToHLS is TestQuickRTSPIn for HLS by MPEG-TS.
func TestFullRTSPToHLS(t *testing.T) {
	for _, transport := range []string{"tcp", "udp"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			s := startRTSPServer(t)
			s.publishRTSP(t, hardClip, "live/test", transport)
			got := readAsFLV(t, start, hlsAddress(s.server, "ts"), nil, hardPackets, fromTS...)
			requireRunWithin(t, filePackets(t, hardClip.path(t)), got, rtpTolerance)
		})
	}
}

// TestQuickRTSPTimes: PTS that came by RTMP are those that RTSP has, by its sender
// reports: B-frames, and sound against picture.
func TestQuickRTSPTimes(t *testing.T) {
	for name, transport := range map[string]gortsplib.Transport{"tcp": gortsplib.TransportTCP, "udp": gortsplib.TransportUDP} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startRTSPServer(t)
			s.publish(t, hardClip, "live/test", publishOptions{})
			r := openRTSP(t, s.url("live/test"), transport)
			requirePTS(t, filePackets(t, hardClip.path(t)), r.read(t, hardPackets, 40*time.Second), rtpTolerance)
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
	if err := checkSameUnits(published, got); err != nil {
		t.Fatal(err)
	}
}

func checkSameUnits(published, got []packet) error {
	for i, w := range counterparts(published, got) {
		if w != nil {
			got[i].dts, got[i].pts = w.dts, w.pts
		}
	}
	return checkRun(published, got)
}

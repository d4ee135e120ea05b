//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// opusPackets is how many packets of h264Opus are compared: about three seconds.
const opusPackets = 220

// startWHIP starts a server for publishers by WHIP whose streams are read by
// everything.
func startWHIP(t *testing.T) *rtspServer {
	t.Helper()
	return startRTSPServerWith(t, settings{"webrtc.listen": "127.0.0.1:0"})
}

// requireWHIP checks that ffmpeg reads by other protocols what is published by WHIP
// as live/test: every byte of pictures and sound, and times if they were kept.
func requireWHIP(t *testing.T, f rooted, s *rtspServer, published []packet, timed bool) {
	t.Helper()
	for _, way := range []struct {
		name, url string
		run       starter
		args      []string
	}{
		{"HTTP-FLV", s.httpURL("live/test.flv"), f.start, nil},
		{"RTMP", s.rtmpURL("live/test"), f.start, nil},
		{"HLS", hlsAddress(s.server, "fmp4"), f.start, nil},
		{"RTSP", s.url("live/test"), over(f.start, "tcp"), []string{"-bsf:v", fromTS[1] + ",setts=ts=N*3600"}},
	} {
		got := readAsFLV(t, way.run, way.url, nil, opusPackets, way.args...)
		t.Logf("%s: %d packets, %d ms", way.name, len(got), got[len(got)-1].dts-got[0].dts)
		if timed && way.name != "RTSP" {
			requireRunWithin(t, published, got, whipTolerance)
		} else {
			requireSameUnits(t, published, got)
		}
	}
}

// whipTolerance is what two tracks may be off, each with a clock of its own, in
// milliseconds.
const whipTolerance = 10

// TestFullWHIPFFmpeg: what ffmpeg 9 publishes by WHIP is what it reads by other
// protocols.
func TestFullWHIPFFmpeg(t *testing.T) {
	t.Parallel()
	f, s := ffmpeg9(t), startWHIP(t)
	published := h264Opus.published(t, f)
	p := f.start(t, time.Minute, nil, "ffmpeg", "-nostdin", "-v", "info", "-re", "-i", f.clip(t, h264Opus.clip),
		"-c", "copy", "-f", "whip", s.httpURL("live/test/whip"))
	s.waitLive(t, "live/test")
	requireCodecs(t, s.server, "H264", "Opus")
	requireWHIP(t, f, s, published, true)
	p.signal(syscall.SIGINT)
	requireUnpublished(t, s)
}

// requireUnpublished checks that the publisher has said that it stops.
func requireUnpublished(t *testing.T, s *rtspServer) {
	t.Helper()
	eventually(t, 20*time.Second, "the publisher has taken its leave", func() bool {
		return s.metrics(t)[`weir_sessions_closed_total{action="publish",protocol="webrtc",reason="unpublished"}`] == 1
	})
}

// create makes a file, for what a program of another release writes.
func create(t *testing.T, name string) *os.File {
	t.Helper()
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

// startWebRTCBin runs a pipeline of GStreamer with webrtcbin, which publishes or
// plays at an address.
func startWebRTCBin(t *testing.T, url, pipeline string) *process {
	t.Helper()
	return start(t, time.Minute, nil, "/usr/bin/python3", "testdata/webrtcbin.py", url, pipeline)
}

// TestFullWHIPGStreamer is TestFullWHIPFFmpeg for GStreamer, which makes times of its
// own.
func TestFullWHIPGStreamer(t *testing.T) {
	t.Parallel()
	f, s := ffmpeg9(t), startWHIP(t)
	published := h264Opus.published(t, f)
	file := filepath.Join(t.TempDir(), "clip.mkv")
	mkv := f.start(t, time.Minute, separate(create(t, file)), "ffmpeg", "-nostdin", "-v", "error", "-i", f.clip(t, h264Opus.clip), "-c", "copy", "-f", "matroska", "pipe:1")
	mkv.mustSucceed(t)
	p := startWebRTCBin(t, s.httpURL("live/test/whip"), "webrtcbin name=webrtc bundle-policy=max-bundle filesrc location="+file+" ! matroskademux name=d"+
		" d.video_0 ! h264parse ! queue ! clocksync ! rtph264pay pt=96 config-interval=-1 aggregate-mode=zero-latency ! application/x-rtp,media=video,encoding-name=H264,payload=96 ! webrtc."+
		" d.audio_0 ! opusparse ! queue ! clocksync ! rtpopuspay pt=111 ! application/x-rtp,media=audio,encoding-name=OPUS,payload=111 ! webrtc.")
	s.waitLive(t, "live/test")
	requireCodecs(t, s.server, "H264", "Opus")
	requireWHIP(t, f, s, published, false)
	p.signal(syscall.SIGINT)
	requireUnpublished(t, s)
}

// TestFullWHEPGStreamer: GStreamer plays by WHEP what ffmpeg publishes by RTMP:
// every byte of pictures and sound.
func TestFullWHEPGStreamer(t *testing.T) {
	t.Parallel()
	f, s := ffmpeg9(t), startWHIP(t)
	published := h264Opus.published(t, f)
	f.publish(t, s.server, f.clip(t, h264Opus.clip), "live/test")
	file := filepath.Join(t.TempDir(), "out.mkv")
	p := startWebRTCBin(t, s.httpURL("live/test/whep"), "webrtcbin name=webrtc bundle-policy=max-bundle"+
		" rtph264depay name=H264 ! h264parse config-interval=0 ! queue ! m.video_0 rtpopusdepay name=OPUS ! opusparse ! queue ! m.audio_0"+
		" matroskamux name=m ! filesink async=false location="+file)
	eventually(t, 20*time.Second, "the player is there", func() bool { st, _ := s.stream(t, "live/test"); return st.ViewersTotal == 1 })
	time.Sleep(8 * time.Second)
	p.signal(syscall.SIGINT)
	p.mustSucceed(t)
	requireContains(t, "GStreamer", p.out.String(), "connection connected", "DELETE 200")
	recorded, err := os.Open(file) // ffmpeg 9 would not find it
	if err != nil {
		t.Fatal(err)
	}
	defer recorded.Close()
	got := readAsFLV(t, f.start, "pipe:0", recorded, 0, "-bsf:v", fromTS[1])
	t.Logf("%d packets", len(got))
	if len(got) < opusPackets {
		t.Errorf("%d packets, want %d", len(got), opusPackets)
	}
	requireSameUnits(t, published, got)
}

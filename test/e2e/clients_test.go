//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// someSeconds is the size of a recording of hardClip or simpleClip that holds a
// few seconds.
const someSeconds = 400_000

// record lets a client write to file until it holds some seconds, and ends the
// client as a user would by Ctrl-C.
func record(t *testing.T, file string, size int64, name string, args ...string) {
	t.Helper()
	p := start(t, time.Minute, nil, name, args...)
	eventually(t, 40*time.Second, name+" records", func() bool {
		info, err := os.Stat(file)
		if err == nil && info.Size() >= size {
			return true
		}
		if !p.running() {
			t.Fatalf("%s ended: %v", name, p.wait())
		}
		return false
	})
	p.signal(syscall.SIGINT)
	_ = p.wait() // interrupted clients differ in how they end
}

// requireRecording checks that a recording holds what was published. Its last
// packet may be cut off.
func requireRecording(t *testing.T, published clip, file string) {
	t.Helper()
	got := filePackets(t, file)
	requireRun(t, filePackets(t, published.path(t)), got[:len(got)-1])
}

// requireTransmuxed checks a recording in a container other than FLV: there are
// enough packets of both kinds, and the first three seconds decode without
// complaint; its end may be cut off.
func requireTransmuxed(t *testing.T, file string) {
	t.Helper()
	count := start(t, time.Minute, nil, "ffprobe", "-v", "error", "-count_packets", "-show_entries", "stream=codec_type,nb_read_packets", "-of", "csv=p=0", file)
	count.mustSucceed(t)
	counts := map[string]int{}
	for _, line := range strings.Fields(count.out.String()) {
		kind, n, _ := strings.Cut(line, ",")
		counts[kind], _ = strconv.Atoi(n)
	}
	if counts["video"] < 50 || counts["audio"] < 50 {
		t.Errorf("packets recorded: %v, want 50 of each kind", counts)
	}
	decode := start(t, time.Minute, nil, "ffmpeg", "-nostdin", "-v", "error", "-t", "3", "-i", file, "-f", "null", "-")
	decode.mustSucceed(t)
	if complaint := decode.out.String(); complaint != "" {
		t.Errorf("the recording does not decode cleanly:\n%s", tail(complaint, 1000))
	}
}

// TestFullRTMPDump plays with librtmp.
func TestFullRTMPDump(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	s.publish(t, hardClip, "live/test", publishOptions{})
	file := filepath.Join(t.TempDir(), "out.flv")
	record(t, file, someSeconds, "rtmpdump", "-v", "-r", s.rtmpURL("live/test"), "-o", file)
	requireRecording(t, hardClip, file)
}

// TestFullGStreamerPlay plays with both of GStreamer's RTMP sources; its FLV
// demuxer and parsers must accept what also goes to a file.
func TestFullGStreamerPlay(t *testing.T) {
	for _, source := range []string{"rtmpsrc", "rtmp2src"} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, nil)
			s.publish(t, hardClip, "live/test", publishOptions{})
			gstPlay(t, s, source, "live/test")
		})
	}
}

func gstPlay(t *testing.T, s *server, source, name string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "out.flv")
	location := s.rtmpURL(name)
	if source == "rtmpsrc" {
		location += " live=1" // librtmp's way to say that it is no recording
	}
	args := []string{"-e", source, "location=" + location, "!", "tee", "name=t",
		"t.", "!", "queue", "!", "filesink", "buffer-mode=unbuffered", "location=" + file,
		"t.", "!", "queue", "!", "flvdemux", "name=d",
		"d.video", "!", "queue", "!", "h264parse", "!", "fakesink", "async=false",
		"d.audio", "!", "queue", "!", "aacparse", "!", "fakesink", "async=false"}
	record(t, file, someSeconds, "gst-launch-1.0", args...)
	requireRecording(t, hardClip, file)
}

// TestFullGStreamerPublish publishes with both of GStreamer's RTMP sinks.
func TestFullGStreamerPublish(t *testing.T) {
	for _, sink := range []string{"rtmpsink", "rtmp2sink"} {
		t.Run(sink, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, nil)
			gstPublish(t, s, sink, "live/test")
			s.waitLive(t, "live/test")
			got := readPackets(t, s.rtmpURL("live/test"), 200, 40*time.Second)
			// GStreamer restamps, so only the bytes are compared.
			requireSameBytes(t, filePackets(t, simpleClip.path(t)), got)
		})
	}
}

func gstPublish(t *testing.T, s *server, sink, name string) {
	t.Helper()
	start(t, time.Minute, nil, "gst-launch-1.0", "filesrc", "location="+simpleClip.path(t), "!", "flvdemux", "name=d",
		"flvmux", "name=m", "streamable=true", "!", sink, "location="+s.rtmpURL(name),
		"d.video", "!", "h264parse", "!", "queue", "!", "clocksync", "!", "m.",
		"d.audio", "!", "aacparse", "!", "queue", "!", "clocksync", "!", "m.")
}

// requireSameBytes is requireRun without the times.
func requireSameBytes(t *testing.T, published, got []packet) {
	t.Helper()
	requireRun(t, withoutTimes(published), withoutTimes(got))
}

func withoutTimes(packets []packet) []packet {
	out := make([]packet, len(packets))
	for i, p := range packets {
		p.dts, p.pts = 0, 0
		out[i] = p
	}
	return out
}

// TestFullVLC plays with VLC, over RTMP and over HTTP.
func TestFullVLC(t *testing.T) {
	for _, protocol := range []string{"rtmp", "http"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, nil)
			s.publish(t, simpleClip, "live/test", publishOptions{loop: true})
			url := s.rtmpURL("live/test")
			if protocol == "http" {
				url = s.httpURL("live/test.flv")
			}
			vlcPlay(t, url)
		})
	}
}

func vlcPlay(t *testing.T, url string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "out.ts")
	name, args := unprivileged(t, dir, "cvlc", "-I", "dummy", "--no-one-instance", url, "--sout", "#standard{access=file,mux=ts,dst="+file+"}")
	record(t, file, someSeconds, name, args...)
	requireTransmuxed(t, file)
}

// TestFullClips sends each kind of stream and reads it over both protocols.
func TestFullClips(t *testing.T) {
	clips := []struct {
		clip    clip
		packets int
		flags   byte // of the FLV header
		codec   string
	}{
		{simpleClip, 250, flagVideo | flagAudio, "AAC"},
		{audioOnlyClip, 150, flagAudio, "AAC"},
		{videoOnlyClip, 120, flagVideo, "H264"},
		{mp3Clip, 250, flagVideo | flagAudio, "MP3"},
	}
	for _, tt := range clips {
		t.Run(tt.clip.name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, nil)
			s.publish(t, tt.clip, "live/test", publishOptions{})
			published := filePackets(t, tt.clip.path(t))
			if f := openFLV(t, s.httpURL("live/test.flv")); f.flags != tt.flags {
				t.Errorf("the FLV header's flags are %d, want %d", f.flags, tt.flags)
			}
			requireRun(t, published, readPackets(t, s.rtmpURL("live/test"), tt.packets, 40*time.Second))
			requireRun(t, published, readPackets(t, s.httpURL("live/test.flv"), tt.packets, 40*time.Second))
			requireContains(t, "the list of streams", s.get(t, "api/v1/streams"), tt.codec)
		})
	}
}

// TestFullLateAudio: viewers who are there before the sound is get it from its
// beginning.
func TestFullLateAudio(t *testing.T) {
	for _, protocol := range []string{"rtmp", "http"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, settings{"stream.wait": "10s"})
			published := filePackets(t, lateAudioClip.path(t))
			startPublish(t, lateAudioClip, s.rtmpURL("live/test"), publishOptions{})
			url := s.rtmpURL("live/test")
			if protocol == "http" {
				url = s.httpURL("live/test.flv")
			}
			got := readPackets(t, url, 400, 40*time.Second)
			requireRun(t, published, got)
			first, want := byKind(got)["audio"][0], byKind(published)["audio"][0]
			if first.hash != want.hash {
				t.Errorf("the sound starts with %v, want %v", first, want)
			}
		})
	}
}

// TestFullKeyWithQuery: a query after the stream key, as hosting services give
// to OBS, is no part of the name.
func TestFullKeyWithQuery(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	s.publish(t, simpleClip, "live/test?token=x&key=y", publishOptions{})
	got := readPackets(t, s.rtmpURL("live/test"), 200, 40*time.Second)
	requireRun(t, filePackets(t, simpleClip.path(t)), got)
	if list := s.get(t, "api/v1/streams"); strings.Contains(list, "token=") {
		t.Errorf("the list of streams shows the query:\n%s", list)
	}
}

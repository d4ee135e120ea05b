//go:build e2e

package e2e

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// MPEG-TS has other bytes than FLV for the same access unit: start codes,
// delimiters and parameter sets for pictures, a header for AAC. fromTS are
// ffmpeg's arguments that take them away again.
var (
	fromTS     = []string{"-bsf:v", "filter_units=remove_types=7-9", "-bsf:a", "aac_adtstoasc"}
	fromTSHEVC = "filter_units=remove_types=32-35"
)

// readAsFLV reads a live address, or input if it is not nil, until it has n
// packets, in the form that they have in FLV and with times in milliseconds. If
// n is 0, it reads to the end.
func readAsFLV(t *testing.T, run starter, source string, input io.Reader, n int, args ...string) []packet {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	const limit = time.Minute
	setup := func(c *exec.Cmd) { c.Stdin, c.Stdout = input, w }
	args = join([]string{"-v", "warning", "-i", source, "-map", "0", "-c", "copy"}, args, []string{"-f", "flv", "pipe:1"})
	remux := run(t, limit, setup, "ffmpeg", args...)
	w.Close() // ffmpeg has it
	piped := func(t *testing.T, limit time.Duration, setup func(*exec.Cmd), name string, args ...string) *process {
		return run(t, limit, func(c *exec.Cmd) {
			setup(c)
			c.Stdin = r
		}, name, args...)
	}
	p := startProbeBy(t, piped, "pipe:0", limit)
	got := p.read(t, n)
	p.signal(syscall.SIGKILL)
	remux.signal(syscall.SIGKILL)
	return got
}

// continuousForms are the forms beside FLV: the suffix, and how ffmpeg turns
// them back.
var continuousForms = []struct {
	name, suffix string
	args         []string
}{
	{"ts", ".ts", fromTS},
	{"mp4", ".mp4", nil},
	{"mp4 by GOP", ".mp4?fragment=gop", nil},
}

// TestQuickTSAndMP4: what ffmpeg publishes by RTMP is what it reads as MPEG-TS
// and as fragmented MP4: B-frames, sound against picture, every byte.
func TestQuickTSAndMP4(t *testing.T) {
	for _, form := range continuousForms {
		t.Run(form.name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, nil)
			s.publish(t, hardClip, "live/test", publishOptions{})
			got := readAsFLV(t, start, s.httpURL("live/test"+form.suffix), nil, hardPackets, form.args...)
			requireRun(t, filePackets(t, hardClip.path(t)), got)
		})
	}
}

// TestFullTSAndMP4Clips sends each kind of stream.
func TestFullTSAndMP4Clips(t *testing.T) {
	for _, tt := range []struct {
		clip    clip
		packets int
		fromTS  []string
	}{
		{simpleClip, 250, fromTS},
		{audioOnlyClip, 150, fromTS[2:]},
		{videoOnlyClip, 120, fromTS[:2]},
		{mp3Clip, 250, fromTS[:2]},
	} {
		t.Run(tt.clip.name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, nil)
			s.publish(t, tt.clip, "live/test", publishOptions{})
			published := filePackets(t, tt.clip.path(t))
			requireRun(t, published, readAsFLV(t, start, s.httpURL("live/test.ts"), nil, tt.packets, tt.fromTS...))
			requireRun(t, published, readAsFLV(t, start, s.httpURL("live/test.mp4"), nil, tt.packets))
		})
	}
}

// TestFullTSAndMP4ByWebSocket: over WebSocket come the same bytes, and at the
// end a reason.
func TestFullTSAndMP4ByWebSocket(t *testing.T) {
	for _, form := range continuousForms {
		t.Run(form.name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, settings{"stream.grace": "1s"})
			publisher := s.publish(t, hardClip, "live/test", publishOptions{})
			socket := dialWebSocket(t, s.http, "/live/test"+form.suffix)
			r, w := io.Pipe()
			ended := make(chan error, 1)
			go func() {
				_, err := io.Copy(w, socket)
				w.Close()
				ended <- err
			}()
			time.AfterFunc(8*time.Second, publisher.kill)
			got := readAsFLV(t, start, "pipe:0", r, hardPackets, form.args...)
			requireRun(t, filePackets(t, hardClip.path(t)), got)
			_, _ = io.Copy(io.Discard, r) // what ffmpeg left
			var closed *wsClosed
			if err := <-ended; !errors.As(err, &closed) || closed.code != 1000 || closed.reason != "stream_ended" {
				t.Errorf("the socket ended with %v, want 1000 stream_ended", err)
			}
		})
	}
}

// TestFullTSAndMP4OfNewCodecs: the codecs of Enhanced RTMP, as far as the format
// can carry them.
func TestFullTSAndMP4OfNewCodecs(t *testing.T) {
	hevc := []string{"-bsf:v", fromTSHEVC}
	for _, tt := range []struct {
		clip   enhancedClip
		fromTS []string // nil: TS cannot carry the picture
	}{
		{h264Opus, fromTS[:2]},
		{hevcAAC, join(hevc, fromTS[2:])},
		{hevcAC3, hevc},
		{av1Opus, nil},
		{vp9FLAC, nil},
		{vp9EAC3, nil},
	} {
		t.Run(tt.clip.name, func(t *testing.T) {
			t.Parallel()
			f, s := ffmpeg9(t), startServer(t, nil)
			published := tt.clip.published(t, f)
			f.publish(t, s, f.clip(t, tt.clip.clip), "live/test")
			requireCodecs(t, s, tt.clip.video, tt.clip.audio)
			requireRun(t, published, readAsFLV(t, f.start, s.httpURL("live/test.mp4"), nil, enhancedPackets))
			if tt.fromTS != nil {
				requireRun(t, published, readAsFLV(t, f.start, s.httpURL("live/test.ts"), nil, enhancedPackets, tt.fromTS...))
			}
		})
	}
}

// TestFullGStreamerTSAndMP4 plays with GStreamer: its demuxers and parsers must
// accept what also goes to a file.
func TestFullGStreamerTSAndMP4(t *testing.T) {
	for _, tt := range []struct {
		name, suffix, demuxer string
		args                  []string
	}{
		{"ts", ".ts", "tsdemux", fromTS},
		{"mp4", ".mp4", "qtdemux", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, nil)
			s.publish(t, hardClip, "live/test", publishOptions{})
			dir := t.TempDir()
			file, picture, sound := filepath.Join(dir, "out"), filepath.Join(dir, "picture"), filepath.Join(dir, "sound")
			record(t, file, someSeconds, "gst-launch-1.0", "-e", "souphttpsrc", "is-live=true", "location="+s.httpURL("live/test"+tt.suffix),
				"!", "tee", "name=t",
				"t.", "!", "queue", "!", "filesink", "buffer-mode=unbuffered", "location="+file,
				"t.", "!", "queue", "!", tt.demuxer, "name=d",
				"d.", "!", "queue", "!", "h264parse", "!", "filesink", "buffer-mode=unbuffered", "async=false", "location="+picture,
				"d.", "!", "queue", "!", "aacparse", "!", "filesink", "buffer-mode=unbuffered", "async=false", "location="+sound)
			got := readAsFLV(t, start, file, nil, 0, tt.args...)
			requireRun(t, filePackets(t, hardClip.path(t)), got[:len(got)-2]) // the last ones may be cut off
			for name, least := range map[string]int64{picture: someSeconds / 2, sound: someSeconds / 20} {
				if info, err := os.Stat(name); err != nil || info.Size() < least {
					t.Errorf("demuxed to %s: %v, %v; want %d bytes at least", filepath.Base(name), info, err, least)
				}
			}
		})
	}
}

// TestFullVLCTSAndMP4 plays with VLC.
func TestFullVLCTSAndMP4(t *testing.T) {
	for _, suffix := range []string{".ts", ".mp4"} {
		t.Run(suffix[1:], func(t *testing.T) {
			t.Parallel()
			s := startServer(t, nil)
			s.publish(t, simpleClip, "live/test", publishOptions{loop: true})
			vlcPlay(t, s.httpURL("live/test"+suffix))
		})
	}
}

// TestFullTSAndMP4Answers: who cannot get a stream is told why.
func TestFullTSAndMP4Answers(t *testing.T) {
	t.Parallel()
	s := startServer(t, settings{"stream.wait": "100ms"})
	s.publish(t, videoOnlyClip, "live/test", publishOptions{loop: true})
	for _, tt := range []struct {
		path   string
		status int
		code   string
	}{
		{"live/none.ts", 404, "stream_not_found"},
		{"live/test.mp4?fragment=long", 400, "bad_request"},
		{"live/test.ts?video=0", 415, "unsupported"},
	} {
		head, body := curl(t, 20, s.httpURL(tt.path))
		requireContains(t, tt.path, head, " "+strconv.Itoa(tt.status))
		requireContains(t, tt.path, string(body), tt.code)
	}
}

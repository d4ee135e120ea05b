//go:build e2e

package e2e

import (
	"syscall"
	"testing"
	"time"
)

const (
	smallPicture = "testsrc2=s=320x180:r=25:d=24"
	smallTone    = "sine=f=440:r=48000:d=24"
)

var (
	x265 = []string{"-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-b:v", "300k",
		"-x265-params", "keyint=50:min-keyint=50:scenecut=0:bframes=3:log-level=error"}
	svtAV1    = []string{"-c:v", "libsvtav1", "-preset", "12", "-pix_fmt", "yuv420p", "-b:v", "300k", "-g", "50"}
	libvpxVP9 = []string{"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-pix_fmt", "yuv420p", "-b:v", "300k", "-g", "50"}
)

// enhancedClip is a clip that takes Enhanced RTMP.
type enhancedClip struct {
	clip
	video, audio string // as the API names them
}

// newEnhancedClip makes a clip with a key frame every two seconds. Its sound is
// noise: no two packets of it are the same.
func newEnhancedClip(name string, video, audio string, videoArgs []string, audioArgs ...string) enhancedClip {
	args := join(lavfi(smallPicture, noise), videoArgs, []string{"-ac", "2"}, audioArgs, []string{"-shortest"})
	return enhancedClip{clip{name, args}, video, audio}
}

var (
	hevcAAC  = newEnhancedClip("hevc-aac", "H265", "AAC", x265, "-c:a", "aac")
	av1Opus  = newEnhancedClip("av1-opus", "AV1", "Opus", svtAV1, "-c:a", "libopus")
	vp9FLAC  = newEnhancedClip("vp9-flac", "VP9", "FLAC", libvpxVP9, "-c:a", "flac")
	h264Opus = newEnhancedClip("h264-opus", "H264", "Opus", x264Simple, "-c:a", "libopus")
	hevcAC3  = newEnhancedClip("hevc-ac3", "H265", "AC-3", x265, "-c:a", "ac3")
	vp9EAC3  = newEnhancedClip("vp9-eac3", "VP9", "E-AC-3", libvpxVP9, "-c:a", "eac3")
)

// published returns the clip's packets as they must come back. ffmpeg sends
// AV1 with temporal delimiters, which do not belong into FLV and which weir
// removes.
func (c enhancedClip) published(t *testing.T, f rooted) []packet {
	t.Helper()
	file := f.clip(t, c.clip)
	if c.video == "AV1" {
		file = f.clip(t, withoutDelimiters(c.name, file))
	}
	return startProbeBy(t, f.start, file, time.Minute).read(t, 0)
}

// withoutDelimiters is the AV1 clip that is in a file, less its temporal delimiters.
func withoutDelimiters(name, file string) clip {
	return clip{name + "-without-delimiters", []string{"-i", file, "-c", "copy", "-bsf:v", "av1_metadata=td=remove"}}
}

// TestFullEnhanced: the codecs of Enhanced RTMP come back as ffmpeg 9 sent them,
// over RTMP and over HTTP-FLV.
func TestFullEnhanced(t *testing.T) {
	for _, c := range []enhancedClip{h264Opus, hevcAAC, av1Opus, vp9FLAC, hevcAC3, vp9EAC3} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, s := ffmpeg9(t), startServer(t, nil)
			published := c.published(t, f)
			f.publish(t, s, f.clip(t, c.clip), "live/test")
			requireCodecs(t, s, c.video, c.audio)
			overRTMP := startProbeBy(t, f.start, s.rtmpURL("live/test"), 40*time.Second)
			overHTTP := startProbeBy(t, f.start, s.httpURL("live/test.flv"), 40*time.Second)
			for _, reader := range []*prober{overRTMP, overHTTP} {
				requireRun(t, published, reader.read(t, enhancedPackets))
				reader.signal(syscall.SIGKILL)
			}
		})
	}
}

// enhancedPackets is how many packets are compared: about five seconds.
const enhancedPackets = 350

// requireCodecs checks that the API names the codecs of live/test, and knows the
// picture and the sound. VP9 tells its size only in its first key frame.
func requireCodecs(t *testing.T, s *server, video, audio string) {
	t.Helper()
	var st stream
	eventually(t, 10*time.Second, "the API knows both tracks", func() bool {
		st, _ = s.stream(t, "live/test")
		return len(st.Tracks) == 2 && st.Tracks[0].Width > 0
	})
	if v := st.Tracks[0]; v.Codec != video || v.Width != 320 || v.Height != 180 {
		t.Errorf("the picture is listed as %+v, want %s of 320x180", v, video)
	}
	if a := st.Tracks[1]; a.Codec != audio || a.SampleRate != 48000 || a.Channels != 2 {
		t.Errorf("the sound is listed as %+v, want %s of 48000 Hz, stereo", a, audio)
	}
}

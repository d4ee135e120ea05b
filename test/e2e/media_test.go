//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// A clip is made by ffmpeg on first use.
type clip struct {
	name string
	args []string
}

const (
	picture = "testsrc2=s=640x360:r=25:d=24"
	noise   = "anoisesrc=c=pink:d=24:a=0.3:r=48000"
	tone    = "sine=f=440:r=44100:d=24"
)

// lavfi makes ffmpeg's arguments for test sources.
func lavfi(sources ...string) (args []string) {
	for _, s := range sources {
		args = append(args, "-f", "lavfi", "-i", s)
	}
	return args
}

func join(parts ...[]string) (all []string) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

var (
	x264Simple = []string{"-c:v", "libx264", "-profile:v", "baseline", "-preset", "veryfast", "-pix_fmt", "yuv420p",
		"-b:v", "500k", "-g", "50", "-keyint_min", "50", "-sc_threshold", "0", "-bf", "0"}
	x264Hard = []string{"-c:v", "libx264", "-profile:v", "high", "-preset", "veryfast", "-pix_fmt", "yuv420p",
		"-b:v", "800k", "-g", "50", "-keyint_min", "50", "-sc_threshold", "0", "-bf", "3",
		"-x264-params", "b-pyramid=normal:open-gop=1"}
	aacStereo = []string{"-c:a", "aac", "-ac", "2", "-b:a", "96k"}
)

// The clips. Those with video have a key frame every two seconds.
var (
	// hardClip has B-frames that are references themselves, and leading
	// pictures after key frames.
	hardClip = clip{"hard", join(lavfi(picture, noise), x264Hard, aacStereo, []string{"-shortest"})}
	// simpleClip has what OBS sends with its default settings, without B-frames.
	simpleClip    = clip{"simple", join(lavfi(picture, tone), x264Simple, aacStereo, []string{"-shortest"})}
	audioOnlyClip = clip{"audio-only", join(lavfi(tone), aacStereo)}
	videoOnlyClip = clip{"video-only", join(lavfi(picture), x264Hard)}
	mp3Clip       = clip{"mp3", join(lavfi(picture, tone), x264Simple, []string{"-c:a", "libmp3lame", "-b:a", "96k", "-ac", "2", "-shortest"})}
	// lateAudioClip's audio starts three seconds after its video.
	lateAudioClip = clip{"late-audio", join(lavfi(picture), []string{"-itsoffset", "3"}, lavfi(tone), x264Simple, aacStereo, []string{"-t", "24"})}
)

var makeClip sync.Mutex

// path makes the clip if it is not there yet and returns its file.
func (c clip) path(t *testing.T) string {
	t.Helper()
	makeClip.Lock()
	defer makeClip.Unlock()
	// The user's own folder: a name that others can guess in a shared one is
	// not to be trusted.
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("weir-e2e-media-%d", os.Getuid()))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, c.name+".v1.flv")
	if _, err := os.Stat(file); err == nil {
		return file
	}
	unfinished := fmt.Sprintf("%s.%d.tmp", file, os.Getpid())
	args := join([]string{"-nostdin", "-v", "error", "-y"}, c.args, []string{"-f", "flv", unfinished})
	if out, err := exec.Command("ffmpeg", args...).CombinedOutput(); err != nil {
		t.Fatalf("making the clip %s: %v\n%s", c.name, err, out)
	}
	if err := os.Rename(unfinished, file); err != nil {
		t.Fatal(err)
	}
	return file
}

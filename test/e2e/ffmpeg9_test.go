//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Enhanced RTMP takes a newer ffmpeg than the one that is installed. A Debian
// release that has one lives in a folder of its own, and its programs run with
// that folder as their root. They share the network, so 127.0.0.1 is the same.
const (
	debootstrap = "/usr/sbin/debootstrap"
	newRelease  = "forky"
	// releaseScript is what knows how to install it: every release that is not
	// out yet is installed the same way.
	releaseScript = "sid"
	debianMirror  = "http://deb.debian.org/debian"
	// releaseLimit bounds the installation of the release, which takes a minute
	// or two and happens once.
	releaseLimit    = 4 * time.Minute
	releaseAttempts = 2
)

// rooted runs the programs of another release.
type rooted struct{ root string }

var makeRelease sync.Mutex

// ffmpeg9 returns what runs ffmpeg 9 and its ffprobe, once it has installed
// them in the user's cache folder. Only root can do either; the test fails if
// it cannot be done.
func ffmpeg9(t *testing.T) rooted {
	t.Helper()
	makeRelease.Lock()
	defer makeRelease.Unlock()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(cache, "weir-e2e", newRelease)
	if _, err := os.Stat(root); err == nil {
		return rooted{root}
	}
	if err := os.MkdirAll(filepath.Dir(root), 0o755); err != nil {
		t.Fatal(err)
	}
	for attempt := 1; ; attempt++ {
		err := installRelease(t, root)
		if err == nil {
			return rooted{root}
		}
		if attempt == releaseAttempts {
			t.Fatalf("ffmpeg 9 cannot be had: %v", err)
		}
		t.Logf("attempt %d: %v", attempt, err)
	}
}

// installRelease makes root, whole or not at all.
func installRelease(t *testing.T, root string) error {
	if os.Getuid() != 0 {
		return errors.New("installing a Debian release and running its programs needs root")
	}
	if _, err := os.Stat(debootstrap); err != nil {
		return fmt.Errorf("%w: `test/install.sh all` installs it", err)
	}
	unfinished, err := os.MkdirTemp(filepath.Dir(root), newRelease+"-*.tmp")
	if err != nil {
		return err
	}
	defer os.RemoveAll(unfinished) // what is left of it
	setup := func(c *exec.Cmd) {
		// It mounts file systems in the folder. They must go with it, however it
		// ends, before the folder can be removed.
		c.SysProcAttr.Unshareflags = syscall.CLONE_NEWNS
		c.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	}
	p := start(t, releaseLimit, setup, debootstrap, "--variant=minbase", "--include=ffmpeg",
		newRelease, unfinished, debianMirror, releaseScript)
	if err := p.wait(); err != nil {
		return fmt.Errorf("debootstrap: %w\n%s", err, tail(p.out.String(), 2000))
	}
	if _, err := os.Stat(filepath.Join(unfinished, "usr/bin/ffmpeg")); err != nil {
		return err
	}
	if err := os.Chmod(unfinished, 0o755); err != nil {
		return err
	}
	err = os.Rename(unfinished, root)
	if _, there := os.Stat(root); there == nil {
		return nil // by this process or by another one
	}
	return err
}

// start is the function start for a program of the release. Files are named as
// it sees them.
func (r rooted) start(t *testing.T, limit time.Duration, setup func(*exec.Cmd), name string, args ...string) *process {
	t.Helper()
	return start(t, limit, func(c *exec.Cmd) {
		c.SysProcAttr.Chroot = r.root
		c.Dir = "/"
		c.Env = []string{"PATH=/usr/bin:/bin", "HOME=/", "LC_ALL=C.UTF-8"}
		if setup != nil {
			setup(c)
		}
	}, "/usr/bin/"+name, args...)
}

// clip makes a clip if it is not there yet and returns its file, as the
// programs of the release see it.
func (r rooted) clip(t *testing.T, c clip) string {
	t.Helper()
	makeClip.Lock()
	defer makeClip.Unlock()
	const dir = "/clips"
	if err := os.MkdirAll(filepath.Join(r.root, dir), 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, c.name+".v2.flv")
	if _, err := os.Stat(filepath.Join(r.root, file)); err == nil {
		return file
	}
	unfinished := fmt.Sprintf("%s.%d.tmp", file, os.Getpid())
	args := join([]string{"-nostdin", "-v", "error", "-y"}, c.args, []string{"-f", "flv", unfinished})
	r.start(t, 2*time.Minute, nil, "ffmpeg", args...).mustSucceed(t)
	if err := os.Rename(filepath.Join(r.root, unfinished), filepath.Join(r.root, file)); err != nil {
		t.Fatal(err)
	}
	return file
}

// publish sends a clip to the server as it is, once and in real time, and waits
// until the stream is live.
func (r rooted) publish(t *testing.T, s *server, file, name string) {
	t.Helper()
	r.start(t, 3*time.Minute, nil, "ffmpeg", "-nostdin", "-v", "warning", "-re", "-i", file,
		"-map", "0", "-c", "copy", "-f", "flv", s.rtmpURL(name))
	s.waitLive(t, name)
}

// TestSetupFFmpeg9 installs ffmpeg 9, so that no other test has to wait for it.
func TestSetupFFmpeg9(t *testing.T) {
	p := ffmpeg9(t).start(t, time.Minute, nil, "ffmpeg", "-version")
	p.mustSucceed(t)
	version, _, _ := strings.Cut(p.out.String(), " Copyright")
	t.Log(version)
}

//go:build e2e

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// output collects what a process prints, for reading while it runs.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

var errTimeLimit = errors.New("time limit reached")

// process is a client or server under test. It leads a process group of its
// own, which is killed at the end of the test or of its time limit.
type process struct {
	name string
	cmd  *exec.Cmd
	// out is what the process printed to both outputs, less what setup took
	// away.
	out  *output
	done chan struct{}

	mu      sync.Mutex
	limited bool
	err     error // valid when done is closed
}

// start runs a command under a time limit. setup may change the command before
// it starts and may be nil.
func start(t *testing.T, limit time.Duration, setup func(*exec.Cmd), name string, args ...string) *process {
	t.Helper()
	p := &process{name: filepath.Base(name), cmd: exec.Command(name, args...), out: &output{}, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// A grandchild that inherited the outputs must not keep Wait waiting.
	p.cmd.WaitDelay = 2 * time.Second
	if setup != nil {
		setup(p.cmd)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	timer := time.AfterFunc(limit, func() {
		p.mu.Lock()
		p.limited = true
		p.mu.Unlock()
		p.signal(syscall.SIGKILL)
	})
	go func() {
		err := p.cmd.Wait()
		timer.Stop()
		p.mu.Lock()
		p.err = err
		if p.limited {
			p.err = fmt.Errorf("%w (%v)", errTimeLimit, limit)
		}
		p.mu.Unlock()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s %v printed:\n%s", p.name, p.cmd.Args[1:], tail(p.out.String(), 6000))
		}
	})
	return p
}

func (p *process) signal(s syscall.Signal) {
	select {
	case <-p.done: // the process id may belong to somebody else by now
	default:
		_ = syscall.Kill(-p.cmd.Process.Pid, s)
	}
}

// kill ends the process and all of its children at once.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

// wait returns how the process ended.
func (p *process) wait() error {
	<-p.done
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// running reports whether the process has not ended yet.
func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// mustSucceed waits for the process and fails the test unless it ended with
// status 0.
func (p *process) mustSucceed(t *testing.T) {
	t.Helper()
	if err := p.wait(); err != nil {
		t.Fatalf("%s: %v", p.name, err)
	}
}

// mustFail waits for the process and fails the test unless it ended by itself
// with another status than 0.
func (p *process) mustFail(t *testing.T) {
	t.Helper()
	err := p.wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !exit.Exited() {
		t.Fatalf("%s ended with %v, want an exit status other than 0", p.name, err)
	}
}

// unprivileged makes a command run as user nobody if the tests run as root, for
// programs that refuse to run as root. dir becomes its home.
func unprivileged(t *testing.T, dir, name string, args ...string) (string, []string) {
	t.Helper()
	if os.Getuid() != 0 {
		return name, args
	}
	const nobody = 65534
	// t.TempDir is below a folder that only its owner may enter.
	for d := dir; d != filepath.Clean(os.TempDir()) && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	id := strconv.Itoa(nobody)
	args = append([]string{"--reuid=" + id, "--regid=" + id, "--clear-groups", "env", "HOME=" + dir, name}, args...)
	return "setpriv", args
}

// eventually polls until ok returns true or the limit is over.
func eventually(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

func tail(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return "…" + s[len(s)-n:]
}

// separate sends the standard output of a command to w, so that process.out
// holds only its messages.
func separate(w io.Writer) func(*exec.Cmd) {
	return func(c *exec.Cmd) { c.Stdout = w }
}

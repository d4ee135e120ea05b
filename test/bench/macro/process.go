package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// clockTick is the unit of processor time in /proc on all systems that Go runs
// on.
const clockTick = 10 * time.Millisecond

// process is a child that runs until it ends by itself or is stopped.
type process struct {
	name string
	cmd  *exec.Cmd
	out  bytes.Buffer // complete when done is closed
	log  tail
	done chan struct{}
	err  error // valid when done is closed
}

// start starts a program on cores, such as "0" or "0,1". taskset becomes the
// program, so that the process is its own.
func start(cores, dir string, env []string, program string, args ...string) (*process, error) {
	p := &process{name: filepath.Base(program), done: make(chan struct{})}
	p.cmd = exec.Command("taskset", append([]string{"-c", cores, program}, args...)...)
	p.cmd.Dir, p.cmd.Env = dir, env
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.log
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// wait returns what the process printed once it has ended by itself.
func (p *process) wait(ctx context.Context) ([]byte, error) {
	select {
	case <-p.done:
	case <-ctx.Done():
		p.kill()
		return nil, ctx.Err()
	}
	if p.err != nil {
		return p.out.Bytes(), fmt.Errorf("%s: %w: %s", p.name, p.err, p.log.String())
	}
	return p.out.Bytes(), nil
}

// stop asks the process to end, and returns what it printed.
func (p *process) stop() []byte {
	p.signal(syscall.SIGINT)
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		p.kill()
	}
	return p.out.Bytes()
}

func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

func (p *process) signal(s syscall.Signal) {
	select {
	case <-p.done: // the process id may belong to somebody else by now
	default:
		_ = p.cmd.Process.Signal(s) // it may have ended just now
	}
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// usage returns the processor time that the process has used.
func (p *process) usage() (time.Duration, error) { return usageOf(p.pid()) }

func usageOf(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseUsage(string(stat))
}

// parseUsage reads utime and stime of proc_pid_stat(5).
func parseUsage(stat string) (time.Duration, error) {
	// The name, in parentheses, may hold anything.
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	const utime, stime = 11, 12 // behind the name
	if len(fields) <= stime {
		return 0, fmt.Errorf("/proc/PID/stat has %d fields behind the name", len(fields))
	}
	user, err := strconv.ParseInt(fields[utime], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("/proc/PID/stat: %w", err)
	}
	system, err := strconv.ParseInt(fields[stime], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("/proc/PID/stat: %w", err)
	}
	return time.Duration(user+system) * clockTick, nil
}

// memory returns the resident bytes of the process.
func (p *process) memory() (float64, error) { return memoryOf(p.pid()) }

func memoryOf(pid int) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	return parseMemory(string(status))
}

// parseMemory reads VmRSS of proc_pid_status(5).
func parseMemory(status string) (float64, error) {
	_, rest, _ := strings.Cut(status, "\nVmRSS:")
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " kB\n")
	kib, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("/proc/PID/status: VmRSS: %w", err)
	}
	return float64(kib * 1024), nil
}

// tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tail) Write(p []byte) (int, error) {
	const keep = 2000
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	t.buf = t.buf[max(0, len(t.buf)-keep):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.buf))
}

// sleep waits, and returns why if ctx ends first.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

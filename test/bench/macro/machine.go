package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// machine tells in one line what the figures were measured on.
func machine() string {
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		model = cpuModel(string(text))
	}
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		kernel = []byte("unknown")
	}
	control, err := os.ReadFile("/proc/sys/net/ipv4/tcp_congestion_control")
	if err != nil {
		control = []byte("unknown")
	}
	return fmt.Sprintf("%d × %s, Linux %s, TCP %s, %s", runtime.NumCPU(), model, bytes.TrimSpace(kernel), bytes.TrimSpace(control), runtime.Version())
}

func cpuModel(cpuinfo string) string {
	_, rest, _ := strings.Cut(cpuinfo, "model name")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimLeft(line, "\t :")
}

// cpuTimes are the times of all cores since the machine started, in clock ticks.
type cpuTimes struct{ all, steal uint64 }

func readCPUTimes() (cpuTimes, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return cpuTimes{}, err
	}
	return parseCPUTimes(string(text))
}

// parseCPUTimes reads the first line of proc_stat(5).
func parseCPUTimes(stat string) (cpuTimes, error) {
	line, _, _ := strings.Cut(stat, "\n")
	fields := strings.Fields(line)
	const steal, guest = 8, 9 // guest time is in the user time already
	if len(fields) <= steal || fields[0] != "cpu" {
		return cpuTimes{}, fmt.Errorf("/proc/stat begins with %q", line)
	}
	var t cpuTimes
	for i, field := range fields[1:min(guest, len(fields))] {
		n, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			return cpuTimes{}, fmt.Errorf("/proc/stat: %w", err)
		}
		t.all += n
		if i+1 == steal {
			t.steal = n
		}
	}
	return t, nil
}

// stealSince returns the share of the time that other machines on the same
// hardware took, in percent.
func (t cpuTimes) stealSince(before cpuTimes) float64 {
	if t.all <= before.all {
		return 0
	}
	return 100 * float64(t.steal-before.steal) / float64(t.all-before.all)
}

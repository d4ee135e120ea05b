package bench

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// ticksPerSecond is the unit of the times in /proc/PID/stat: USER_HZ, which is
// 100 on every system that Go runs on.
const ticksPerSecond = 100

// process is another process of this machine, seen through /proc (proc(5)).
type process struct{ path string }

// openProcess fails if there is no such process, or no /proc.
func openProcess(pid int) (*process, error) {
	p := &process{fmt.Sprintf("/proc/%d/stat", pid)}
	_, _, err := p.usage()
	return p, err
}

// usage returns the processor time that the process has used, and the memory
// that it occupies, in bytes.
func (p *process) usage() (cpu time.Duration, memory int64, err error) {
	b, err := os.ReadFile(p.path)
	if err != nil {
		return 0, 0, err
	}
	cpu, pages, err := parseStat(string(b))
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w", p.path, err)
	}
	return cpu, pages * int64(os.Getpagesize()), nil
}

// parseStat reads utime, stime and rss, the fields 14, 15 and 24.
func parseStat(stat string) (cpu time.Duration, pages int64, err error) {
	// The second field is the program's name, in which there may be anything.
	end := strings.LastIndexByte(stat, ')')
	if end < 0 {
		return 0, 0, errors.New("there is no name in it")
	}
	const third, utime, stime, rss = 3, 14, 15, 24
	fields := strings.Fields(stat[end+1:])
	if len(fields) <= rss-third {
		return 0, 0, fmt.Errorf("%d fields after the name, want at least %d", len(fields), rss-third+1)
	}
	var ticks int64
	for _, number := range []int{utime, stime} {
		n, err := strconv.ParseInt(fields[number-third], 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("field %d: %w", number, err)
		}
		ticks += n
	}
	if pages, err = strconv.ParseInt(fields[rss-third], 10, 64); err != nil {
		return 0, 0, fmt.Errorf("field %d: %w", rss, err)
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond, pages, nil
}

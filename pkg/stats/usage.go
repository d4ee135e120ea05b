package stats

import (
	"os"
	"runtime/metrics"
	"strconv"
	"strings"
)

// memory returns the bytes of memory that the process occupies (proc(5)); where
// the system does not tell, what Go has taken for it.
func memory() int64 {
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		if fields := strings.Fields(string(text)); len(fields) > 1 {
			if pages, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
				return pages * int64(os.Getpagesize())
			}
		}
	}
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
}

// openFiles returns the number of the process' file descriptors, 0 if the system
// does not tell. Since Linux 6.2 it is the size of their folder; before, they have to
// be listed.
func openFiles() int {
	folder, err := os.Open("/proc/self/fd")
	if err != nil {
		return 0
	}
	defer folder.Close()
	const itself = 1
	if info, err := folder.Stat(); err == nil && info.Size() > 0 {
		return int(info.Size()) - itself
	}
	names, err := folder.Readdirnames(-1)
	if err != nil {
		return 0
	}
	return len(names) - itself
}

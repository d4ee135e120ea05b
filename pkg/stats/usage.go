package stats

import (
	"errors"
	"os"
	"runtime/metrics"
	"strconv"
	"strings"
	"syscall"

	"github.com/weirmedia/weir/pkg/overload"
)

// Memory returns the bytes of memory that the process occupies (proc(5)); where
// the system does not tell, what Go has taken for it.
func Memory() int64 {
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

const descriptors = "/proc/self/fd"

// OpenFiles returns the number of the process' file descriptors, 0 if the system
// does not tell. Since Linux 6.2 it is the size of their folder, for which none has to
// be free; before, they have to be listed.
func OpenFiles() int {
	if info, err := os.Stat(descriptors); err == nil && info.Size() > 0 {
		return int(info.Size())
	}
	return listDescriptors()
}

func listDescriptors() int {
	folder, err := os.Open(descriptors)
	switch {
	case errors.Is(err, syscall.EMFILE):
		return int(overload.SystemDescriptors())
	case err != nil:
		return 0
	}
	defer folder.Close()
	names, err := folder.Readdirnames(-1)
	if err != nil {
		return 0
	}
	const itself = 1
	return len(names) - itself
}

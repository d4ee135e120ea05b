package overload

import (
	"bytes"
	"math"
	"os"
	"strconv"
	"strings"
)

// SystemMemory returns how many bytes the process may occupy: what its control groups
// allow (cgroups(7), version 2 and 1), or else what the machine has; 0 if the system
// does not tell.
func SystemMemory() int64 {
	least := int64(math.MaxInt64)
	for _, name := range memoryFiles() {
		if n, ok := number(name); ok && n > 0 {
			least = min(least, n)
		}
	}
	if total := machineMemory(); total > 0 {
		least = min(least, total)
	}
	if least == math.MaxInt64 {
		return 0
	}
	return least
}

// memoryFiles returns the files that may hold a limit: of the process' group and all
// those around it, and the group that a container sees as the outermost.
func memoryFiles() (names []string) {
	const v2, v1 = "/sys/fs/cgroup", "/sys/fs/cgroup/memory"
	groups, _ := os.ReadFile("/proc/self/cgroup") // without it there is no limit
	for line := range strings.Lines(string(groups)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		root, file := v2, "memory.max"
		if parts[1] != "" {
			root, file = v1, "memory.limit_in_bytes"
			if !strings.Contains(","+parts[1]+",", ",memory,") {
				continue
			}
		}
		for path := parts[2]; ; path = path[:strings.LastIndexByte(path, '/')] {
			names = append(names, root+path+"/"+file)
			if !strings.Contains(path, "/") {
				break
			}
		}
	}
	return append(names, v2+"/memory.max", v1+"/memory.limit_in_bytes")
}

// number reads a file with one number; "max" is none.
func number(name string) (int64, bool) {
	text, err := os.ReadFile(name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64)
	return n, err == nil
}

func machineMemory() int64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == "MemTotal:" {
			n, _ := strconv.ParseInt(fields[1], 10, 64)
			return n << 10
		}
	}
	return 0
}

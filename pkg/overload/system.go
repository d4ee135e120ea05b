package overload

import (
	"bytes"
	"io/fs"
	"math"
	"os"
	"path"
	"strconv"
	"strings"
)

// SystemMemory returns how many bytes the process may occupy: what its control groups
// allow (cgroups(7), version 2 and 1), or else what the machine has; 0 if the system
// does not tell.
func SystemMemory() int64 { return memoryOf(os.DirFS("/")) }

// memoryOf does that with the system's files.
func memoryOf(system fs.FS) int64 {
	least := int64(math.MaxInt64)
	for _, name := range memoryFiles(system) {
		if n, ok := number(system, name); ok && n > 0 {
			least = min(least, n)
		}
	}
	if total := machineMemory(system); total > 0 {
		least = min(least, total)
	}
	if least == math.MaxInt64 {
		return 0
	}
	return least
}

// memoryFiles returns the files that may hold a limit: of the process' group and all
// those around it, and the group that a container sees as the outermost. In version 2
// a process is ended beyond memory.max, and beyond memory.high slowed down so much that
// it is of no more use.
func memoryFiles(system fs.FS) (names []string) {
	const v2, v1 = "sys/fs/cgroup", "sys/fs/cgroup/memory"
	add := func(root, group string) {
		if root == v1 {
			names = append(names, path.Join(root, group, "memory.limit_in_bytes"))
			return
		}
		names = append(names, path.Join(root, group, "memory.max"), path.Join(root, group, "memory.high"))
	}
	groups, _ := fs.ReadFile(system, "proc/self/cgroup") // without it there is no limit
	for line := range strings.Lines(string(groups)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		root := v2
		if parts[1] != "" {
			root = v1
			if !strings.Contains(","+parts[1]+",", ",memory,") {
				continue
			}
		}
		for group := path.Clean("/" + parts[2]); group != "/"; group = path.Dir(group) {
			add(root, group)
		}
	}
	add(v2, "/")
	add(v1, "/")
	return names
}

// number reads a file with one number; "max" is none.
func number(system fs.FS, name string) (int64, bool) {
	text, err := fs.ReadFile(system, name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64)
	return n, err == nil
}

func machineMemory(system fs.FS) int64 {
	text, err := fs.ReadFile(system, "proc/meminfo")
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

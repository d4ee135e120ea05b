package overload

import (
	"bytes"
	"io/fs"
	"math"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// SystemMemory returns how many bytes the process may occupy: what its control groups
// allow (cgroups(7), version 2 and 1), or else what the machine has; 0 if the system
// does not tell. If that is what a group allows, used is what the group takes of it, all
// its processes and their sockets' buffers included; else it is 0.
func SystemMemory() (limit, used int64) { return memoryOf(os.DirFS("/")) }

// memoryOf does that with the system's files.
func memoryOf(system fs.FS) (limit, used int64) {
	least := int64(math.MaxInt64)
	if total := machineMemory(system); total > 0 {
		least = total
	}
	var narrowest memoryGroup
	for _, g := range memoryGroups(system) {
		if n := g.limit(system); n < least {
			least, narrowest = n, g
		}
	}
	if least == math.MaxInt64 {
		return 0, 0
	}
	return least, narrowest.used(system)
}

// memoryGroup is a control group and what its files are called.
type memoryGroup struct {
	dir    string
	limits []string // the files that may hold a limit
	usage  string
	cache  []string // what in memory.stat the kernel takes back before it ends a process
}

// In version 2 a process is ended beyond memory.max, and beyond memory.high slowed down
// so much that it is of no more use.
var (
	groupV2 = memoryGroup{
		limits: []string{"memory.max", "memory.high"}, usage: "memory.current",
		cache: []string{"active_file", "inactive_file", "slab_reclaimable"},
	}
	groupV1 = memoryGroup{
		limits: []string{"memory.limit_in_bytes"}, usage: "memory.usage_in_bytes",
		cache: []string{"total_active_file", "total_inactive_file"},
	}
)

// memoryGroups returns the process' group and all those around it, and the group that a
// container sees as the outermost.
func memoryGroups(system fs.FS) (groups []memoryGroup) {
	const v2, v1 = "sys/fs/cgroup", "sys/fs/cgroup/memory"
	add := func(g memoryGroup, root, group string) {
		g.dir = path.Join(root, group)
		groups = append(groups, g)
	}
	text, _ := fs.ReadFile(system, "proc/self/cgroup") // without it there is no limit
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		g, root := groupV2, v2
		if parts[1] != "" {
			g, root = groupV1, v1
			if !strings.Contains(","+parts[1]+",", ",memory,") {
				continue
			}
		}
		for group := path.Clean("/" + parts[2]); group != "/"; group = path.Dir(group) {
			add(g, root, group)
		}
	}
	add(groupV2, v2, "/")
	add(groupV1, v1, "/")
	return groups
}

// limit returns how much the group may take, MaxInt64 if there is no limit.
func (g memoryGroup) limit(system fs.FS) int64 {
	least := int64(math.MaxInt64)
	for _, name := range g.limits {
		if n, ok := number(system, path.Join(g.dir, name)); ok && n > 0 {
			least = min(least, n)
		}
	}
	return least
}

// used returns how much it takes and cannot give back; 0 if the system does not tell.
func (g memoryGroup) used(system fs.FS) int64 {
	n, ok := number(system, path.Join(g.dir, g.usage))
	stat, err := fs.ReadFile(system, path.Join(g.dir, "memory.stat"))
	if !ok || err != nil {
		return 0
	}
	for line := range strings.Lines(string(stat)) {
		if fields := strings.Fields(line); len(fields) == 2 && slices.Contains(g.cache, fields[0]) {
			cached, _ := strconv.ParseInt(fields[1], 10, 64)
			n -= cached
		}
	}
	return max(n, 0)
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

//go:build unix

package overload

import "golang.org/x/sys/unix"

// SystemDescriptors returns how many descriptors the process may have open, 0 for any
// number. Go has raised that to what the system allows at most (os).
func SystemDescriptors() int64 {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil || limit.Cur > 1<<40 {
		return 0
	}
	return int64(limit.Cur)
}

package library

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lockFile makes file this program's until it is closed, and reports false if it is
// another's. A file system without locks has nobody else's.
func lockFile(file *os.File) bool {
	ok := true
	conn, err := file.SyscallConn()
	if err != nil {
		return ok
	}
	_ = conn.Control(func(fd uintptr) { // fails for closed files only
		ok = !errors.Is(unix.Flock(int(fd), unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK)
	})
	return ok
}

// freeBytes returns how much room there is in a folder.
func freeBytes(folder string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(folder, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * s.Bsize, nil
}

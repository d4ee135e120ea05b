//go:build linux && race

package fanout

import (
	"errors"

	"golang.org/x/sys/unix"
)

// send does what the one for programs without race detector does, by a call
// that the detector sees reading b.
func send(fd uintptr, b []byte) (int, error) {
	for {
		n, err := unix.Write(int(fd), b)
		switch {
		case err == nil:
			return n, nil
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return 0, errWouldBlock
		default:
			return 0, err
		}
	}
}

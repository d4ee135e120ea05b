//go:build linux && race

package socket

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Send does what the one for programs without race detector does, by a call
// that the detector sees reading b.
func Send(fd uintptr, b []byte) (int, error) {
	return repeat(func() (int, error) { return unix.Write(int(fd), b) })
}

// Receive does what the one for programs without race detector does, by a call
// that the detector sees writing b.
func Receive(fd uintptr, b []byte) (int, error) {
	return repeat(func() (int, error) { return unix.Read(int(fd), b) })
}

func repeat(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		switch {
		case err == nil:
			return n, nil
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return 0, ErrWouldBlock
		default:
			return 0, err
		}
	}
}

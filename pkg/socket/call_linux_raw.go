//go:build linux && !race

package socket

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Send writes b to descriptor fd without waiting, again if a signal interrupts
// it, and returns how much went. Use it inside RawConn.Control or RawConn.Write
// only, which keep fd open meanwhile.
func Send(fd uintptr, b []byte) (int, error) {
	return call(unix.SYS_SENDTO, fd, b, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

// Receive reads from descriptor fd into b without waiting; 0 bytes mean that the
// peer has closed its side. Use it inside RawConn.Read only.
func Receive(fd uintptr, b []byte) (int, error) {
	return call(unix.SYS_RECVFROM, fd, b, unix.MSG_DONTWAIT)
}

func call(trap, fd uintptr, b []byte, flags uintptr) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for {
		n, _, errno := unix.RawSyscall6(trap, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), flags, 0, 0) //nolint:gosec // b stays where it is for the time of the call
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		case unix.EAGAIN:
			return 0, ErrWouldBlock
		default:
			return 0, errno
		}
	}
}

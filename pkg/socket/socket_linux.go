package socket

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// Raw returns access to the descriptor of a plain TCP connection, nil for
// another.
func Raw(conn net.Conn) syscall.RawConn {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// LimitUnsent bounds the bytes that the kernel takes for a connection beyond
// those on their way (TCP_NOTSENT_LOWAT).
func LimitUnsent(raw syscall.RawConn, bytes int) {
	set(raw, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, bytes)
}

// wakeAt has a reader woken when that many bytes wait (SO_RCVLOWAT).
func wakeAt(raw syscall.RawConn, bytes int) { set(raw, unix.SOL_SOCKET, unix.SO_RCVLOWAT, bytes) }

// set sets an option that only saves work: where it cannot be set, such as on
// what is not TCP, the kernel's default is good.
func set(raw syscall.RawConn, level, option, value int) {
	_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), level, option, value) })
}

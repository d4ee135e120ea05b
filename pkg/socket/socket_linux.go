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

// LimitSendBuffer bounds the bytes that the kernel holds for a connection until
// they are acknowledged (SO_SNDBUF; the kernel doubles the number, for what it
// needs beside the bytes, and takes no more than net.core.wmem_max).
func LimitSendBuffer(raw syscall.RawConn, bytes int) {
	set(raw, unix.SOL_SOCKET, unix.SO_SNDBUF, bytes)
}

// Acknowledged returns how many bytes the peer has acknowledged since the
// connection began (tcpi_bytes_acked of TCP_INFO); always 0 if it is not TCP.
func Acknowledged(raw syscall.RawConn) (bytes uint64) {
	_ = raw.Control(func(fd uintptr) { // fails if closed: then nothing is acknowledged any more
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			bytes = info.Bytes_acked
		}
	})
	return bytes
}

// wakeAt has a reader woken when that many bytes wait (SO_RCVLOWAT).
func wakeAt(raw syscall.RawConn, bytes int) { set(raw, unix.SOL_SOCKET, unix.SO_RCVLOWAT, bytes) }

// set sets an option that only saves work: where it cannot be set, such as on
// what is not TCP, the kernel's default is good.
func set(raw syscall.RawConn, level, option, value int) {
	_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), level, option, value) })
}

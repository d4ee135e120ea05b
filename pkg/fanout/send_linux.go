package fanout

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// unsentLimit bounds what one socket holds that was not yet put on the wire,
// so that many viewers joining at once cannot fill the kernel's TCP memory, and
// a slow viewer's backlog stays here, where it can be skipped. A second of
// 1 Mbit/s; larger writes still go in one call when the socket is empty.
const unsentLimit = 128 << 10

// direct returns access to conn's descriptor if the delivery loops may write
// to it: plain TCP only.
func direct(conn net.Conn) syscall.RawConn {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	_ = raw.Control(func(fd uintptr) { // not TCP: the kernel's own limits apply
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentLimit)
	})
	return raw
}

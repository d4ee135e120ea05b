package webrtc

import (
	"encoding/binary"
	"net"

	"golang.org/x/sys/unix"
)

// canSegment reports whether the system splits what is written to conn into
// packets (Linux 4.18).
func canSegment(conn *net.UDPConn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	var known error
	err = raw.Control(func(fd uintptr) { _, known = unix.GetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_SEGMENT) })
	return err == nil && known == nil
}

// appendSegmentSize appends the control message that says into packets of which
// size a write is split (udp(7); cmsg(3)).
func appendSegmentSize(b []byte, size int) []byte {
	const sizeBytes = 2
	length := unix.CmsgLen(sizeBytes)
	if unix.SizeofCmsghdr == 16 { // as wide as size_t is
		b = binary.NativeEndian.AppendUint64(b, uint64(length))
	} else {
		b = binary.NativeEndian.AppendUint32(b, uint32(length))
	}
	b = binary.NativeEndian.AppendUint32(b, unix.SOL_UDP)
	b = binary.NativeEndian.AppendUint32(b, unix.UDP_SEGMENT)
	b = binary.NativeEndian.AppendUint16(b, uint16(size))
	return append(b, make([]byte, unix.CmsgSpace(sizeBytes)-length)...)
}

package bench

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// lazySocket is a socket of UDP at which is looked every drainInterval: nothing
// wakes when a packet arrives, neither here nor in the sender's system, to which a
// sender on this machine would be charged.
type lazySocket struct {
	mu   sync.RWMutex // of fd against closing
	fd   int          // -1 once it is closed
	done chan struct{}
}

var _ packetSocket = (*lazySocket)(nil)

// relax returns what takes the place of c, which it takes over, also if it fails.
func relax(c *net.UDPConn) (packetSocket, error) {
	fd, err := duplicate(c)
	if closed := c.Close(); err != nil || closed != nil {
		return nil, errors.Join(err, closed)
	}
	return &lazySocket{fd: fd, done: make(chan struct{})}, nil
}

// read waits for a packet.
func (s *lazySocket) read(b []byte) (int, netip.AddrPort, error) {
	for {
		n, from, err := s.receive(b)
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			return n, from, err
		}
		select {
		case <-time.After(drainInterval):
		case <-s.done:
			return 0, netip.AddrPort{}, net.ErrClosed
		}
	}
}

// receive does not wait.
func (s *lazySocket) receive(b []byte) (int, netip.AddrPort, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.fd < 0 {
		return 0, netip.AddrPort{}, net.ErrClosed
	}
	n, from, err := unix.Recvfrom(s.fd, b, unix.MSG_DONTWAIT)
	if err != nil {
		return 0, netip.AddrPort{}, os.NewSyscallError("recvfrom", err)
	}
	return n, addressOf(from), nil
}

// write sends a packet, or loses it if the system has no room.
func (s *lazySocket) write(b []byte, to netip.AddrPort) (int, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.fd < 0 {
		return 0, net.ErrClosed
	}
	var address unix.Sockaddr = &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}
	if to.Addr().Is4() {
		address = &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}
	}
	if err := unix.Sendto(s.fd, b, unix.MSG_DONTWAIT, address); err != nil && !errors.Is(err, unix.EAGAIN) {
		return 0, os.NewSyscallError("sendto", err)
	}
	return len(b), nil
}

// close lets read return.
func (s *lazySocket) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd < 0 {
		return nil
	}
	fd := s.fd
	s.fd = -1
	close(s.done)
	return unix.Close(fd)
}

func addressOf(a unix.Sockaddr) netip.AddrPort {
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port))
	}
	return netip.AddrPort{}
}

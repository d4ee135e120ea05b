package bench

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// drainInterval is how often a loop looks at its connections. Rarer costs
	// less, since what arrives in between is dropped in one call: 500 players at
	// 350 kbit/s in 68 writes/s cost 15 % of a core at 20 ms, 8 % at 50 ms and
	// 5 % at 100 ms. 50 ms let 20 Mbit/s through the smallest usual receive
	// buffer of 128 KiB, which grows if that is too little.
	drainInterval = 50 * time.Millisecond
	// discardAtOnce bounds what one call drops, in bytes: more than a receive
	// buffer holds.
	discardAtOnce = 16 << 20
	// eventBatch is how many connections are asked for at once.
	eventBatch = 256
)

// datagramsAtOnce bounds what one pass takes of a socket of UDP: more than a
// receive buffer holds.
const datagramsAtOnce = 1024

// drain receives what is sent to many connections and drops it. Plain TCP and UDP
// are served by a loop for each core, which lets the kernel drop the bytes
// without a copy (MSG_TRUNC, tcp(7), udp(7)).
type drain struct {
	loops []*drainLoop
	next  atomic.Uint32
	other readers // for all else
}

func newDrain() (*drain, error) {
	d := &drain{}
	for range runtime.GOMAXPROCS(0) {
		l, err := newDrainLoop()
		if err != nil {
			return nil, errors.Join(err, d.close())
		}
		d.loops = append(d.loops, l)
	}
	return d, nil
}

// add takes a connection; it ends at once if close was called.
func (d *drain) add(s *sink) {
	var socket syscall.Conn
	switch c := s.conn.(type) {
	case *net.TCPConn:
		socket = c
	case *net.UDPConn:
		socket = c
	default:
		d.other.add(s)
		return
	}
	fd, err := duplicate(socket)
	s.release()
	if err == nil {
		err = d.loops[int(d.next.Add(1))%len(d.loops)].add(fd, s)
	}
	if err != nil {
		s.ended(err)
	}
}

// duplicate returns a descriptor of the socket that the runtime's poller does
// not know: it would wake for every segment that arrives, which costs as much as
// all the rest (29 % of a core instead of 15 %, see drainInterval). The socket
// lives until both are closed.
func duplicate(c syscall.Conn) (fd int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var dup error
	err = raw.Control(func(old uintptr) { fd, dup = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) })
	return fd, errors.Join(err, dup)
}

// close ends all sinks.
func (d *drain) close() error {
	errs := []error{d.other.close()}
	for _, l := range d.loops {
		errs = append(errs, l.close())
	}
	return errors.Join(errs...)
}

// drainLoop owns its sinks and their descriptors: it alone receives for them.
type drainLoop struct {
	epoll  int
	events [eventBatch]unix.EpollEvent
	// discard is given to the kernel for its length; nothing is written to it.
	discard []byte
	head    [rtpHead]byte
	stop    chan struct{}
	done    chan struct{}

	mu     sync.Mutex
	closed bool
	sinks  map[int]*sink // by descriptor
}

func newDrainLoop() (*drainLoop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	l := &drainLoop{
		epoll: epoll, discard: make([]byte, discardAtOnce), sinks: make(map[int]*sink),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	go l.run()
	return l, nil
}

// add takes fd over, also if it fails.
func (l *drainLoop) add(fd int, s *sink) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := net.ErrClosed
	if !l.closed {
		err = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
	}
	if err != nil {
		return errors.Join(err, unix.Close(fd))
	}
	l.sinks[fd] = s
	return nil
}

func (l *drainLoop) run() {
	defer close(l.done)
	tick := time.NewTicker(drainInterval)
	defer tick.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-tick.C:
			l.pass()
		}
	}
}

// pass receives once for every connection that has something.
func (l *drainLoop) pass() {
	l.mu.Lock()
	rounds := len(l.sinks)/eventBatch + 1 // the kernel asks for each in turn
	l.mu.Unlock()
	for range rounds {
		n, err := unix.EpollWait(l.epoll, l.events[:], 0)
		if err != nil { // interrupted; the next pass goes on
			return
		}
		for _, e := range l.events[:n] {
			l.serve(int(e.Fd))
		}
		if n < len(l.events) {
			return
		}
	}
}

// serve receives for one connection and ends its sink if that fails.
func (l *drainLoop) serve(fd int) {
	l.mu.Lock()
	s := l.sinks[fd]
	l.mu.Unlock()
	receive := l.receive
	if s.packets != nil {
		receive = l.receivePackets
	}
	err := receive(fd, s)
	if err == nil {
		return
	}
	l.mu.Lock()
	delete(l.sinks, fd)
	l.mu.Unlock()
	_ = unix.Close(fd) // which takes it out of the epoll set
	s.ended(err)
}

func (l *drainLoop) receive(fd int, s *sink) error {
	n, _, err := unix.Recvfrom(fd, l.discard, unix.MSG_TRUNC|unix.MSG_DONTWAIT)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return err
	case n == 0:
		return io.EOF
	}
	if beat := s.count(n); beat != nil {
		// It has some bytes; a server that does not even take these is stuck.
		return unix.Send(fd, beat, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	}
	return nil
}

// receivePackets takes what a socket of UDP has, one packet after the other.
func (l *drainLoop) receivePackets(fd int, s *sink) error {
	for range datagramsAtOnce {
		n, _, err := unix.Recvfrom(fd, l.head[:], unix.MSG_TRUNC|unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
			return nil
		case err != nil:
			return err
		}
		s.packets.take(l.head[:min(n, len(l.head))])
		s.bytes.Add(uint64(n))
	}
	return nil
}

// close ends all sinks.
func (l *drainLoop) close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	close(l.stop)
	<-l.done
	var errs []error
	for fd, s := range l.sinks { // nobody else uses them any more
		errs = append(errs, unix.Close(fd))
		s.ended(net.ErrClosed)
	}
	return errors.Join(append(errs, unix.Close(l.epoll))...)
}

// Package relay passes UDP datagrams on as a bad network does: some get lost,
// some are late, some are overtaken by others. A seed decides which, so that a
// test has the same network each time, as far as its peers send the same.
//
// Peers on the near side send to the relay's address; to the far side each of
// them is an address of its own, as behind a NAT:
//
//	r, err := relay.Start("127.0.0.1:8189", 1)
//	r.Set(relay.Forth, relay.Conditions{Loss: 0.05})
//	dial(r.Addr())
package relay

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Conditions are what happens to the datagrams of one direction. The zero value
// passes all on at once.
type Conditions struct {
	// Loss is the share of them that get lost, 0..1.
	Loss float64
	// Delay is how long each takes, and Jitter bounds what is added to that, evenly
	// distributed.
	Delay, Jitter time.Duration
	// Reorder lets them overtake one another; without it they wait for those
	// before them.
	Reorder bool
}

// Figures count datagrams of one direction.
type Figures struct {
	Received uint64
	// Lost got lost as the Conditions say, Overflowed because too many waited.
	Lost, Overflowed uint64
	Sent             uint64
	// Overtaken were sent after one that had come later.
	Overtaken uint64
}

// Direction is the way that datagrams go.
type Direction int

// The two directions.
const (
	Forth Direction = iota // from near to far
	Back
	directions
)

// maxFlows bounds the peers on the near side.
const maxFlows = 256

// maxDatagram is what UDP can carry.
const maxDatagram = 1 << 16

// Relay is safe for concurrent use.
type Relay struct {
	seed   uint64
	near   *net.UDPConn
	far    netip.AddrPort
	ways   [directions]*way
	closed chan struct{}
	done   sync.WaitGroup

	mu    sync.Mutex
	flows map[netip.AddrPort]*flow
	ended bool
}

// flow is one peer of the near side.
type flow struct {
	conn  *net.UDPConn // that the far side sees
	forth *line
}

// Start returns a running Relay on a free port of 127.0.0.1 towards the address
// far. Close ends it.
func Start(far string, seed uint64) (*Relay, error) {
	target, err := net.ResolveUDPAddr("udp4", far)
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	near, err := listen()
	if err != nil {
		return nil, err
	}
	r := &Relay{
		seed: seed, near: near, far: address(target), ways: [directions]*way{new(way), new(way)},
		closed: make(chan struct{}), flows: make(map[netip.AddrPort]*flow),
	}
	r.done.Go(r.readNear)
	return r, nil
}

// readBuffer of a socket holds the burst of a key frame.
const readBuffer = 1 << 20

func listen() (*net.UDPConn, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	_ = conn.SetReadBuffer(readBuffer) // the system may allow less, which works too
	return conn, nil
}

// Addr returns the address that peers of the near side send to.
func (r *Relay) Addr() netip.AddrPort { return address(r.near.LocalAddr()) }

// Source returns the address that the far side knows the peer near by, which need
// not have sent anything yet. It fails if there are too many peers.
func (r *Relay) Source(near netip.AddrPort) (netip.AddrPort, error) {
	f, err := r.flow(plain(near))
	if err != nil {
		return netip.AddrPort{}, err
	}
	return address(f.conn.LocalAddr()), nil
}

func address(a net.Addr) netip.AddrPort { return plain(a.(*net.UDPAddr).AddrPort()) }

// plain returns a in the form that the sockets here have.
func plain(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// Set puts other conditions in force, for datagrams that come from now on.
func (r *Relay) Set(d Direction, c Conditions) {
	w := r.ways[d]
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conditions = c
}

// Figures returns what happened so far.
func (r *Relay) Figures(d Direction) Figures {
	w := r.ways[d]
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.figures
}

// Close ends the relay; datagrams that are under way get lost. It waits until
// nothing is left, and returns nil.
func (r *Relay) Close() error {
	r.mu.Lock()
	if !r.ended {
		r.ended = true
		close(r.closed)
		_ = r.near.Close()
		for _, f := range r.flows {
			_ = f.conn.Close()
		}
	}
	r.mu.Unlock()
	r.done.Wait()
	return nil
}

// flow returns the flow of a peer, a new one if it has none.
func (r *Relay) flow(near netip.AddrPort) (*flow, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.flows[near]
	switch {
	case f != nil:
		return f, nil
	case r.ended:
		return nil, net.ErrClosed
	case len(r.flows) == maxFlows:
		return nil, errors.New("relay: too many peers")
	}
	conn, err := listen()
	if err != nil {
		return nil, err
	}
	stream := uint64(len(r.flows)) * uint64(directions)
	forth := newLine(r.ways[Forth], r.seed, stream, func(b []byte) { _, _ = conn.WriteToUDPAddrPort(b, r.far) })
	back := newLine(r.ways[Back], r.seed, stream+1, func(b []byte) { _, _ = r.near.WriteToUDPAddrPort(b, near) })
	f = &flow{conn, forth}
	r.flows[near] = f
	r.done.Go(func() { forth.run(r.closed) })
	r.done.Go(func() { back.run(r.closed) })
	r.done.Go(func() { r.readFar(conn, back) })
	return f, nil
}

// readNear takes in what peers send until the relay is closed.
func (r *Relay) readNear() {
	buffer := make([]byte, maxDatagram)
	for {
		n, from, err := r.near.ReadFromUDPAddrPort(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // a peer's port is closed: that is no end for others
		}
		if f, err := r.flow(from); err == nil {
			f.forth.push(time.Now(), append([]byte(nil), buffer[:n]...))
		}
	}
}

// readFar takes in what the far side sends to one peer. Others are not heard.
func (r *Relay) readFar(conn *net.UDPConn, back *line) {
	buffer := make([]byte, maxDatagram)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil && from == r.far {
			back.push(time.Now(), append([]byte(nil), buffer[:n]...))
		}
	}
}

package bench

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// heartbeatBytes and heartbeatTime are when a sink sends its heartbeat,
	// whichever comes first. RTMP servers announce windows of 2.5 MB and more,
	// and give up on silent players after 30 s and more.
	heartbeatBytes = 1 << 20
	heartbeatTime  = 10 * time.Second
	// heartbeatPatience bounds a write that should not wait at all.
	heartbeatPatience = time.Second
	// discardBuffer is for what is read and dropped by a goroutine: a TLS record
	// at once.
	discardBuffer = 16 << 10
)

// sink is a connection whose bytes are counted and dropped.
type sink struct {
	conn      net.Conn
	release   func() // closes conn and what is above it
	bytes     *atomic.Uint64
	heartbeat func(received uint64) []byte // may be nil
	ended     func(error)                  // called once
	// packets looks at the beginning of each packet of UDP; nil if conn is none of
	// UDP.
	packets *rtpCounter

	received, told uint64
	last           time.Time // of a heartbeat
}

// count adds what was received and returns what is to be sent now, or nil.
func (s *sink) count(n int) []byte {
	s.bytes.Add(uint64(n))
	s.received += uint64(n)
	if s.heartbeat == nil {
		return nil
	}
	now := time.Now()
	if s.received-s.told < heartbeatBytes && now.Sub(s.last) < heartbeatTime {
		return nil
	}
	s.told, s.last = s.received, now
	return s.heartbeat(s.received)
}

// readers drains connections by a goroutine each: what the system's own way
// cannot do, such as TLS.
type readers struct {
	mu     sync.Mutex
	closed bool
	sinks  map[*sink]struct{}
	wg     sync.WaitGroup
}

// add takes a connection; it ends at once if close was called.
func (r *readers) add(s *sink) {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		s.release()
		s.ended(net.ErrClosed)
		return
	}
	if r.sinks == nil {
		r.sinks = make(map[*sink]struct{})
	}
	r.sinks[s] = struct{}{}
	r.wg.Add(1)
	r.mu.Unlock()
	go func() {
		defer r.wg.Done()
		err := s.read()
		r.mu.Lock()
		delete(r.sinks, s)
		r.mu.Unlock()
		s.release()
		s.ended(err)
	}()
}

func (s *sink) read() error {
	b := make([]byte, discardBuffer)
	for {
		n, err := s.conn.Read(b)
		if err != nil {
			return err
		}
		if s.packets != nil {
			s.packets.take(b[:n])
		}
		if beat := s.count(n); beat != nil {
			_ = s.conn.SetWriteDeadline(time.Now().Add(heartbeatPatience)) // fails if closed: so does writing
			if _, err := s.conn.Write(beat); err != nil {
				return err
			}
		}
	}
}

// close ends all sinks.
func (r *readers) close() error {
	r.mu.Lock()
	r.closed = true
	for s := range r.sinks {
		_ = s.conn.Close() // lets reading fail
	}
	r.mu.Unlock()
	r.wg.Wait()
	return nil
}

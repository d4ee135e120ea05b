package bench

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// pair returns the two ends of a TCP connection.
func pair(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if ours, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if theirs, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	return ours, theirs
}

// wrapped is a connection that is not plain TCP, as TLS is not.
type wrapped struct{ net.Conn }

func TestDrain(t *testing.T) {
	for _, test := range []struct {
		name string
		wrap func(net.Conn) net.Conn
	}{
		{"plain", func(c net.Conn) net.Conn { return c }},
		{"not plain TCP", func(c net.Conn) net.Conn { return wrapped{c} }},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, err := newDrain()
			if err != nil {
				t.Fatal(err)
			}
			add := func(beat string) (theirs net.Conn, received *atomic.Uint64, ended chan error) {
				ours, theirs := pair(t)
				received, ended = new(atomic.Uint64), make(chan error, 2)
				d.add(&sink{
					conn: test.wrap(ours), release: func() { _ = ours.Close() }, bytes: received, last: time.Now(),
					heartbeat: func(uint64) []byte { return []byte(beat) }, ended: func(err error) { ended <- err },
				})
				return theirs, received, ended
			}

			theirs, received, ended := add("alive")
			if _, err := theirs.Write(bytes.Repeat([]byte("x"), heartbeatBytes+1)); err != nil {
				t.Fatal(err)
			}
			beat := make([]byte, len("alive"))
			if _, err := io.ReadFull(theirs, beat); err != nil || string(beat) != "alive" {
				t.Errorf("heartbeat %q, %v", beat, err)
			}
			eventually(t, "all is counted", func() bool { return received.Load() == heartbeatBytes+1 })
			theirs.Close()
			if err := <-ended; err == nil {
				t.Error("the server's end is no error")
			}

			_, _, still := add("")
			if err := d.close(); err != nil {
				t.Fatal(err)
			}
			if err := <-still; !errors.Is(err, net.ErrClosed) {
				t.Errorf("after close: %v", err)
			}
			_, _, late := add("")
			if err := <-late; !errors.Is(err, net.ErrClosed) {
				t.Errorf("added after close: %v", err)
			}
			for _, c := range []chan error{ended, still, late} {
				if len(c) > 0 {
					t.Error("ended twice")
				}
			}
		})
	}
}

package webrtc

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/protocols/internal/httplive/httplivetest"
)

// A client learns that a stream is over, also where one of its tracks never sent
// anything. It takes one for cut off if a goodbye gets lost.
func TestClientStreamEnds(t *testing.T) {
	for _, tt := range []struct {
		name    string
		plain   bool
		silent  bool // of sound, nothing is sent
		deafFor int32
		want    error
	}{
		{"with repair", false, false, 0, io.EOF},
		{"plain", true, false, 0, io.EOF},
		{"without sound", false, true, 0, io.EOF},
		{"a goodbye is lost", false, false, 1, io.ErrUnexpectedEOF},
		{"all goodbyes are lost", false, false, 2, io.ErrUnexpectedEOF},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, nil)
			r.Publish(opus, httplivetest.Video)
			c, err := Play(t.Context(), r.Plain+"/live/test/whep", ClientOptions{Plain: tt.plain, Socket: func(s *net.UDPConn) net.PacketConn {
				d := &deafSocket{PacketConn: s}
				d.left.Store(tt.deafFor)
				return d
			}})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := c.Next(); err != nil { // the server is connected too
				t.Fatal(err)
			}
			if !tt.silent {
				r.Frame(opus, false)
			}
			r.Pub.End(reason.StreamEnded)
			for err == nil {
				_, err = c.Next()
			}
			if !errors.Is(err, tt.want) {
				t.Errorf("it ended with %v, want %v", err, tt.want)
			}
		})
	}
}

// A client learns that a stream is over too if that was before it could be sent
// anything.
func TestClientStreamEndsEarly(t *testing.T) {
	r := newRig(t, nil)
	r.Publish(opus, httplivetest.Video)
	c, err := Play(t.Context(), r.Plain+"/live/test/whep", ClientOptions{Socket: func(s *net.UDPConn) net.PacketConn {
		return &firstSocket{s, sync.OnceFunc(func() { r.Pub.End(reason.StreamEnded) })}
	}})
	if err == nil { // else it was over before Play returned
		defer c.Close()
	}
	for err == nil {
		_, err = c.Next()
	}
	if !errors.Is(err, io.EOF) {
		t.Errorf("it ended with %v", err)
	}
}

// firstSocket calls first before its first packet, when the server has answered
// already.
type firstSocket struct {
	net.PacketConn
	first func()
}

func (s *firstSocket) WriteTo(b []byte, to net.Addr) (int, error) {
	s.first()
	return s.PacketConn.WriteTo(b, to)
}

// deafSocket loses the next packets that say goodbye.
type deafSocket struct {
	net.PacketConn
	left atomic.Int32
}

func (s *deafSocket) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		const goodbye = 203 // RFC 3550, 12.1; it is not encrypted (RFC 3711, 3.4)
		n, from, err := s.PacketConn.ReadFrom(b)
		if err != nil || !isRTCP(b[:n], goodbye) || s.left.Add(-1) < 0 {
			return n, from, err
		}
	}
}

func isRTCP(b []byte, kind byte) bool { return len(b) > 1 && b[0]&0xC0 == 0x80 && b[1] == kind }

//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// protocols are the ways to view, by their names in metrics.
var protocols = []string{"rtmp", "httpflv"}

// connection is a viewer's connection to the server.
type connection struct {
	*net.TCPConn
	r    *bufio.Reader          // of what next did not read
	next func() (flvTag, error) // reads a tag, whose body is valid until the next call
}

// connect asks to play a stream. A narrow connection lets the system hold next
// to nothing for a viewer that does not read.
func (s *server) connect(protocol, name string, narrow bool) (*connection, error) {
	address := s.http
	if protocol == "rtmp" {
		address = s.rtmp
	}
	conn, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		return nil, err
	}
	c := &connection{TCPConn: conn.(*net.TCPConn), r: bufio.NewReader(conn)}
	if narrow {
		err = c.SetReadBuffer(4 << 10)
	}
	switch {
	case err != nil:
	case protocol == "rtmp":
		err = (&rtmpClient{conn}).open("play", name)
		c.next = (&chunkReader{r: c.r, size: 128}).next
	default:
		err = askFLV(conn, name)
		c.next = (&responseReader{r: c.r}).next
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

// readHalf reads up to the middle of a message.
func (c *connection) readHalf() error {
	for {
		tag, err := c.next()
		if err != nil {
			return err
		}
		if tag.media() {
			break
		}
	}
	_, err := io.CopyN(io.Discard, c.r, 20) // a header has 16 bytes at most, a body more
	return err
}

// reset closes as a peer does whose machine fails.
func (c *connection) reset() {
	_ = c.SetLinger(0) // fails if the server was first, which its metrics tell
	c.Close()
}

// responseReader reads FLV behind the header of an HTTP response.
type responseReader struct {
	r    *bufio.Reader
	tags *flvReader
}

func (r *responseReader) next() (flvTag, error) {
	if r.tags == nil {
		resp, err := http.ReadResponse(r.r, nil)
		if err != nil {
			return flvTag{}, err
		}
		if resp.StatusCode != http.StatusOK {
			return flvTag{}, fmt.Errorf("status %s", resp.Status)
		}
		if r.tags, err = newFLVReader(resp.Body); err != nil {
			return flvTag{}, err
		}
	}
	return r.tags.next()
}

// chunkReader reads what weir sends to a player: messages whole and one after
// the other, with chunk headers of type 0 and 3 only (RTMP 1.0, 5.3.1).
type chunkReader struct {
	r    *bufio.Reader
	size int // of chunks
	body []byte
}

// next returns the next audio, video or data message.
func (c *chunkReader) next() (flvTag, error) {
	for {
		tag, err := c.message()
		switch {
		case err != nil:
			return flvTag{}, err
		case tag.kind == 1:
			c.size = int(binary.BigEndian.Uint32(tag.body))
		case tag.kind == tagAudio, tag.kind == tagVideo, tag.kind == tagScript:
			return tag, nil
		}
	}
}

// message reads one message. It returns io.EOF only between messages.
func (c *chunkReader) message() (flvTag, error) {
	var h [12]byte
	if _, err := io.ReadFull(c.r, h[:]); err != nil {
		return flvTag{}, err
	}
	if h[0]>>6 != 0 || h[0] < 2 {
		return flvTag{}, fmt.Errorf("a message begins with % x", h)
	}
	timestamp := uint32(h[1])<<16 | uint32(h[2])<<8 | uint32(h[3])
	if timestamp == 0xFFFFFF {
		return flvTag{}, fmt.Errorf("an extended timestamp, after less than four hours")
	}
	n := int(h[4])<<16 | int(h[5])<<8 | int(h[6])
	c.body = append(c.body[:0], make([]byte, n)...)
	for rest := c.body; ; {
		part := rest[:min(len(rest), c.size)]
		if _, err := io.ReadFull(c.r, part); err != nil {
			return flvTag{}, fmt.Errorf("in a message: %w", err)
		}
		if rest = rest[len(part):]; len(rest) == 0 {
			return flvTag{kind: h[7], timestamp: timestamp, body: c.body}, nil
		}
		b, err := c.r.ReadByte()
		if err != nil {
			return flvTag{}, fmt.Errorf("in a message: %w", err)
		}
		if b != 0xC0|h[0] {
			return flvTag{}, fmt.Errorf("a message of % x goes on with %#x", h, b)
		}
	}
}

// witness is a viewer that checks that it gets every frame of the footage, in
// order, with its time, to the last byte.
type witness struct {
	*connection
	name    string
	footage *footage
	seen    atomic.Int64 // 1 + the place of the newest frame
	done    chan struct{}
	err     error // valid once done is closed
}

// witnesses connects n viewers and waits until all have a picture.
func (s *server) witnesses(t *testing.T, protocol, name string, f *footage, n int) []*witness {
	t.Helper()
	all := make([]*witness, n)
	for i := range all {
		c, err := s.connect(protocol, name, false)
		if err != nil {
			t.Fatalf("viewer %d: %v", i, err)
		}
		w := &witness{connection: c, name: fmt.Sprintf("%s viewer %d of %s", protocol, i, name), footage: f, done: make(chan struct{})}
		go w.run()
		t.Cleanup(w.leave)
		all[i] = w
	}
	for _, w := range all {
		w.reach(t, 1)
	}
	return all
}

func (w *witness) run() {
	defer close(w.done)
	defer w.Close()
	for {
		tag, err := w.connection.next()
		if err == nil {
			err = w.check(tag)
		}
		if err != nil {
			w.err = err
			return
		}
	}
}

// check compares a tag with the one that is due.
func (w *witness) check(tag flvTag) error {
	switch {
	case tag.kind == tagScript:
		return nil
	case !tag.media():
		if !bytes.Equal(tag.body, w.footage.headers[tag.kind]) {
			return fmt.Errorf("header % x of type %d", tag.body, tag.kind)
		}
		return nil
	}
	due := int(w.seen.Load())
	place, known := w.footage.places[frameTime{tag.kind, tag.timestamp}]
	switch {
	case !known:
		return fmt.Errorf("a frame of type %d at %d ms, which was never sent", tag.kind, tag.timestamp)
	case due == 0 && !tag.key():
		return fmt.Errorf("begins with frame %d, which is no key frame", place)
	case due != 0 && place != due:
		return fmt.Errorf("frame %d where %d was due", place, due)
	case !bytes.Equal(tag.body, w.footage.frames[place].body):
		return fmt.Errorf("frame %d is not as it was sent", place)
	}
	w.seen.Store(int64(place) + 1)
	return nil
}

// reach waits until the viewer has so many frames of the footage.
func (w *witness) reach(t *testing.T, frames int) {
	t.Helper()
	eventually(t, patience, fmt.Sprintf("%s has %d frames", w.name, frames), func() bool {
		select {
		case <-w.done:
			if int(w.seen.Load()) < frames {
				t.Fatalf("%s ended after %d frames: %v", w.name, w.seen.Load(), w.err)
			}
		default:
		}
		return int(w.seen.Load()) >= frames
	})
}

// requireConnected fails the test if anything was wrong so far.
func (w *witness) requireConnected(t *testing.T) {
	t.Helper()
	select {
	case <-w.done:
		t.Errorf("%s ended after %d frames: %v", w.name, w.seen.Load(), w.err)
	default:
	}
}

// await waits until done is closed.
func await(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("not within %v: %s", patience, what)
	}
}

// leave closes the connection.
func (w *witness) leave() {
	w.Close()
	<-w.done
}

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirmedia/weir/protocols/rtmp"
	"github.com/weirmedia/weir/remux/flv"
)

// tagReader is a stream as a viewer gets it.
type tagReader interface {
	ReadTag() (flv.Tag, error)
	Close() error
}

var (
	_ tagReader = (*flvReader)(nil)
	_ tagReader = (*rtmp.PlayClient)(nil)
)

// flvReader plays HTTP-FLV.
type flvReader struct {
	*net.TCPConn
	tags *flv.Reader
}

// openFLV asks for a stream, which need not be there yet.
func (s *testServer) openFLV(t testing.TB, name string) *flvReader {
	t.Helper()
	conn := dialTCP(t, s.http.Addr())
	if _, err := fmt.Fprintf(conn, "GET /%s.flv HTTP/1.1\r\nHost: weir\r\n\r\n", name); err != nil {
		t.Fatal(err)
	}
	conn.SetReadDeadline(time.Time{}) // who waits for the viewer has patience
	return &flvReader{TCPConn: conn}
}

// ReadTag returns the next tag, io.EOF at a clean end.
func (r *flvReader) ReadTag() (flv.Tag, error) {
	if r.tags == nil {
		response, err := http.ReadResponse(bufio.NewReader(r.TCPConn), nil)
		if err != nil {
			return flv.Tag{}, err
		}
		if response.StatusCode != http.StatusOK {
			return flv.Tag{}, errors.New(response.Status)
		}
		r.tags = flv.NewReader(response.Body)
	}
	return r.tags.Next()
}

// viewer plays a stream and checks every frame of it.
type viewer struct {
	t       testing.TB
	tags    tagReader
	leaving atomic.Bool
	newest  atomic.Uint64 // 1 + position.number() of the newest frame
	done    chan struct{}

	// Of the reading goroutine, valid once done is closed.
	sight
	err error
}

// watch starts a viewer with the protocol "rtmp" or "httpflv".
func (s *testServer) watch(t testing.TB, protocol, name string) *viewer {
	t.Helper()
	var tags tagReader
	if protocol == "rtmp" {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		p, err := rtmp.Play(ctx, s.url(name), rtmp.ClientOptions{})
		if err != nil {
			t.Fatal(err)
		}
		tags = p
	} else {
		tags = s.openFLV(t, name)
	}
	return view(t, tags)
}

// watchBoth starts n viewers, half of them with each protocol.
func (s *testServer) watchBoth(t testing.TB, name string, n int) []*viewer {
	t.Helper()
	all := make([]*viewer, n)
	for i := range all {
		all[i] = s.watch(t, [...]string{"rtmp", "httpflv"}[i%2], name)
	}
	return all
}

// view reads tags until the stream or the test ends.
func view(t testing.TB, tags tagReader) *viewer {
	v := &viewer{t: t, tags: tags, done: make(chan struct{})}
	go v.run()
	t.Cleanup(func() { v.leave() })
	return v
}

func (v *viewer) run() {
	defer close(v.done)
	for {
		tag, err := v.tags.ReadTag()
		if err == nil {
			err = v.see(tag)
		}
		if err != nil {
			v.err = err
			return
		}
		if v.frames > 0 {
			v.newest.Store(1 + v.position.number())
		}
	}
}

// reach waits until the viewer has the frame at p or a later one.
func (v *viewer) reach(p position) {
	v.t.Helper()
	eventually(v.t, fmt.Sprintf("frame %v", p), func() bool {
		select {
		case <-v.done:
			if v.newest.Load() <= p.number() {
				v.t.Fatalf("the viewer ended with %v before frame %v", v.err, p)
			}
		default:
		}
		return v.newest.Load() > p.number()
	})
}

// leave closes the viewer and waits for its goroutine. What it saw is then
// valid.
func (v *viewer) leave() sight {
	if !v.leaving.Swap(true) {
		v.tags.Close()
	}
	<-v.done
	return v.sight
}

// expectAll fails unless the viewer is connected and saw every frame from its
// first to last. It leaves.
func (v *viewer) expectAll(last position) {
	v.t.Helper()
	v.reach(last)
	if got := v.leave(); got.gaps > 0 || got.position != last {
		v.t.Errorf("a viewer lost %d frames in %d gaps and ended at %v, want all to %v", got.missed, got.gaps, got.position, last)
	}
}

// sight is what a viewer saw.
type sight struct {
	position    position // of the newest frame
	frames      int
	gaps        int // places where frames are missing
	missed      int
	generations int
	dts         [32]uint32 // by tag type, in milliseconds
	began       [32]bool   // dts is valid
	longest     int32      // the greatest step between two video frames in milliseconds
}

// see checks the next tag: its frame is whole, its DTS does not fall, and frames
// are missing only before a key frame.
func (s *sight) see(tag flv.Tag) error {
	frame, key, ok := media(tag)
	if !ok {
		return nil
	}
	p, err := parseFrame(frame)
	if err != nil {
		return err
	}
	if s.began[tag.Type] {
		step := int32(tag.Timestamp - s.dts[tag.Type])
		if step < 0 {
			return fmt.Errorf("DTS of frame %v falls by %d ms", p, -step)
		}
		if tag.Type == flv.VideoTag {
			s.longest = max(s.longest, step)
		}
	}
	s.dts[tag.Type], s.began[tag.Type] = tag.Timestamp, true
	return s.place(p, key)
}

func (s *sight) place(p position, key bool) error {
	switch {
	case s.frames == 0 || p.generation > s.position.generation:
		s.generations++
		if !key {
			return fmt.Errorf("the stream begins with frame %v, which is no key frame", p)
		}
	case p.number() <= s.position.number():
		return fmt.Errorf("frame %v comes after %v", p, s.position)
	case p.sequence > s.position.sequence+1:
		if !key {
			return fmt.Errorf("after %v the next frame is %v, which is no key frame", s.position, p)
		}
		s.gaps++
		s.missed += int(p.sequence - s.position.sequence - 1)
	}
	s.position = p
	s.frames++
	return nil
}

// media returns the frame that a tag holds, if it holds one.
func media(tag flv.Tag) (frame []byte, key, ok bool) {
	const nalHeader = 4 + 1 // length, type
	b := tag.Body
	switch {
	case tag.Type == flv.VideoTag && len(b) > 5+nalHeader && b[1] == 1:
		return b[5+nalHeader:], b[0]>>4 == 1, true
	case tag.Type == flv.AudioTag && len(b) > 2 && b[1] == 1:
		return b[2:], false, true
	}
	return nil, false, false
}

// witness is a good publisher with good viewers beside whatever else a test
// does to the server. They must notice nothing.
type witness struct {
	stop    func() position
	viewers []*viewer
	steady  resources // with the witness at work
}

const witnessStream = "live/witness"

// witness starts one publisher and a viewer of each protocol.
func (s *testServer) witness(t testing.TB) *witness {
	t.Helper()
	src := s.publish(t, witnessStream, sourceOptions{})
	w := &witness{stop: src.run(), viewers: s.watchBoth(t, witnessStream, 2)}
	for _, v := range w.viewers {
		v.reach(position{})
	}
	w.steady = measure(t)
	return w
}

// verify fails if anything disturbed the witness or what was done beside it
// left something behind.
func (w *witness) verify(t testing.TB) {
	t.Helper()
	w.steady.expect(t, "beside the witness")
	for _, v := range w.viewers { // what was done has had time to disturb it
		v.reach(position{sequence: usualGOP})
	}
	last := w.stop()
	for _, v := range w.viewers {
		v.expectAll(last)
	}
}

//go:build e2e

package e2e

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

const (
	// footageRate is the bitrate of the footage, in bit/s.
	footageRate = 690_000
	// fillerUnit is the type of a NAL unit without meaning (H.264, 7.3.2.7).
	fillerUnit = 12
)

// footage is a stream that is known to the last byte, so that every viewer can
// check every frame. It is immutable.
type footage struct {
	headers map[byte][]byte   // by tag type
	frames  []flvTag          // in the order in which they are sent
	places  map[frameTime]int // where in frames
}

type frameTime struct {
	kind      byte
	timestamp uint32
}

// newFootage repeats the built-in clip, with filler up to footageRate, which
// also numbers the pictures.
func newFootage(t *testing.T, length time.Duration) *footage {
	t.Helper()
	data, err := os.ReadFile("../../cmd/weir/demo.flv")
	if err != nil {
		t.Fatal(err)
	}
	reader, err := newFLVReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	f := &footage{headers: make(map[byte][]byte), places: make(map[frameTime]int)}
	var clip []flvTag
	pictures, size, end := 0, 0, map[byte]uint32{}
	for {
		tag, err := reader.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case tag.media():
			clip = append(clip, tag)
			size += len(tag.body)
			end[tag.kind] = tag.timestamp
			if tag.kind == tagVideo {
				pictures++
			}
		case tag.kind != tagScript && tag.body[1] == 0: // the clip's end is not that of the footage
			f.headers[tag.kind] = tag.body
		}
	}
	period := max(end[tagVideo]+40, end[tagAudio]+24) // ms; a picture, 1024 samples
	filler := (footageRate/8*int(period)/1000 - size) / pictures
	for offset := uint32(0); ; offset += period {
		for _, tag := range clip {
			tag.timestamp += offset
			if time.Duration(tag.timestamp)*time.Millisecond > length {
				return f
			}
			if tag.kind == tagVideo {
				tag.body = appendFiller(bytes.Clone(tag.body), len(f.frames), filler)
			}
			f.places[frameTime{tag.kind, tag.timestamp}] = len(f.frames)
			f.frames = append(f.frames, tag)
		}
	}
}

// appendFiller adds a NAL unit of n bytes that holds a number.
func appendFiller(body []byte, number, n int) []byte {
	body = append(body, byte(n>>24), byte(n>>16), byte(n>>8), byte(n), fillerUnit)
	rest := bytes.Repeat([]byte{0xFF}, n-1)
	for i := range 4 { // no byte is 0: nothing looks like a start code
		rest[i] = 0x80 | byte(number>>(7*i))
	}
	return append(body, rest...)
}

// feed publishes footage.
type feed struct {
	*rtmpClient
	footage *footage
	sent    atomic.Int64 // frames
	quit    chan struct{}
	done    chan struct{}
	err     error // valid once done is closed
}

// errOver is how a feed ends that has sent all.
var errOver = errors.New("the footage is over")

// feed publishes f, speed times as fast as real time, until it is stopped or all
// is sent. Then it closes the connection.
func (s *server) feed(t *testing.T, name string, f *footage, speed float64) *feed {
	t.Helper()
	p, err := dialPublisher(s.rtmp, name)
	if err != nil {
		t.Fatal(err)
	}
	d := &feed{rtmpClient: p, footage: f, quit: make(chan struct{}), done: make(chan struct{})}
	go d.run(speed)
	t.Cleanup(func() {
		d.conn.Close()
		<-d.done
	})
	return d
}

func (d *feed) run(speed float64) {
	defer close(d.done)
	if d.err = d.sendHeaders(d.footage); d.err != nil {
		return
	}
	begin := time.Now()
	for _, tag := range d.footage.frames {
		due := begin.Add(time.Duration(float64(tag.timestamp) / speed * float64(time.Millisecond)))
		select {
		case <-d.quit:
			return
		case <-time.After(time.Until(due)):
		}
		if d.err = d.send(tag); d.err != nil {
			return
		}
		d.sent.Add(1)
	}
	d.err = errOver
	d.conn.Close()
}

func (p *rtmpClient) sendHeaders(f *footage) error {
	for _, kind := range []byte{tagVideo, tagAudio} {
		if err := p.send(flvTag{kind: kind, body: f.headers[kind]}); err != nil {
			return err
		}
	}
	return nil
}

// stop ends sending, not the connection, and returns how many frames there were.
func (d *feed) stop(t *testing.T) int {
	t.Helper()
	close(d.quit)
	<-d.done
	if d.err != nil {
		t.Fatalf("the publisher: %v", d.err)
	}
	return int(d.sent.Load())
}

// awaitKey waits until a key frame has just been sent.
func (d *feed) awaitKey(t *testing.T) {
	t.Helper()
	place := int(d.sent.Load())
	for ; !d.footage.frames[place].key(); place++ {
	}
	eventually(t, patience, "the next key frame is sent", func() bool { return int(d.sent.Load()) > place })
}

package main

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirmedia/weir/protocols/rtmp/message"
	"github.com/weirmedia/weir/remux/rtmpchunk"
)

const (
	// tick is the distance of two video frames; each comes with an audio frame.
	tick = 40 * time.Millisecond
	// usualFrame makes a stream of about 500 kbit/s: 25 frames a second, of
	// which one is a key frame of four times the size.
	usualFrame = 2100
	// usualGOP is the distance of key frames in ticks.
	usualGOP = 25
	// soundSize is the size of audio frames: 100 bytes 25 times a second.
	soundSize = 100

	// avcConfig and audioConfig were written by ffmpeg: High 1.3 at 322x182,
	// and AAC LC at 48 kHz with two channels.
	avcConfig   = "0164000dffe1001a6764000dacd941519e226c0440000003004000000f03c50a658001000668ebe3cb22c0fdf8f800"
	audioConfig = "1190"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// position is what every frame of a source says of itself.
type position struct {
	generation uint16 // of the publisher
	sequence   uint32 // from 0, video and audio together
}

const positionSize = 2 + 4

// number makes positions comparable: later ones are greater.
func (p position) number() uint64 { return uint64(p.generation)<<32 | uint64(p.sequence) }

// filler is what frames hold beside their position, beginning at a place that
// depends on it, so that any change of a byte shows.
var filler = sync.OnceValue(func() []byte {
	b := make([]byte, 1<<17)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b) // never fails
	return b
})

func appendFrame(dst []byte, p position, size int) []byte {
	dst = binary.BigEndian.AppendUint16(dst, p.generation)
	dst = binary.BigEndian.AppendUint32(dst, p.sequence)
	return append(dst, fill(p, size-positionSize)...)
}

func fill(p position, n int) []byte {
	offset := int(p.sequence * 251 % (1 << 10))
	return filler()[offset : offset+n]
}

// parseFrame returns the position of a frame and checks its content.
func parseFrame(b []byte) (position, error) {
	if len(b) < positionSize {
		return position{}, fmt.Errorf("a frame of %d bytes", len(b))
	}
	p := position{binary.BigEndian.Uint16(b), binary.BigEndian.Uint32(b[2:])}
	if rest := b[positionSize:]; !bytes.Equal(rest, fill(p, len(rest))) {
		return p, fmt.Errorf("frame %v with %d bytes is damaged", p, len(b))
	}
	return p, nil
}

// sourceOptions say what a source publishes. Zero values mean the usual.
type sourceOptions struct {
	generation uint16
	frameSize  int // of video frames that are no key frames
	gop        int // ticks
	start      uint32
}

// source publishes a synthetic stream. Its methods are for one goroutine at a
// time.
type source struct {
	*peer
	options sourceOptions
	ticks   uint32
	next    position
	drained chan struct{} // closed when the server has closed the connection
	codes   []string      // statuses that the server sent, valid after drained
}

// publish connects and publishes name with its codec headers. The source ends
// with the test at the latest.
func (s *testServer) publish(t testing.TB, name string, o sourceOptions) *source {
	t.Helper()
	src, err := s.tryPublish(t, name, o)
	must(t, err)
	t.Cleanup(src.end)
	return src
}

// tryPublish is publish for a source that may be refused, and whose end is up
// to the caller.
func (s *testServer) tryPublish(t testing.TB, name string, o sourceOptions) (*source, error) {
	conn, err := connectTCP(s.app.rtmp)
	if err != nil {
		return nil, err
	}
	p := &peer{TCPConn: conn, t: t}
	app, key, _ := strings.Cut(name, "/")
	if err = p.open(app); err == nil {
		err = p.begin(message.NamePublish, key, message.CodePublishStart)
	}
	if err != nil {
		p.Close()
		return nil, err
	}
	p.SetReadDeadline(time.Time{})
	o.frameSize, o.gop = cmp.Or(o.frameSize, usualFrame), cmp.Or(o.gop, usualGOP)
	src := &source{peer: p, options: o, next: position{generation: o.generation}, drained: make(chan struct{})}
	go src.drain()
	src.send(
		video(o.start, append([]byte{0x17, 0, 0, 0, 0}, unhex(avcConfig)...)),
		audio(o.start, append([]byte{0xAF, 0}, unhex(audioConfig)...)),
	)
	return src, nil
}

// drain reads what the server has to say, which must not block it.
func (s *source) drain() {
	defer close(s.drained)
	for {
		cmd, err := s.receive()
		if err != nil {
			return
		}
		if status, ok := message.ParseStatus(cmd); ok {
			s.codes = append(s.codes, status.Code)
		}
	}
}

// end closes the connection.
func (s *source) end() {
	s.Close()
	<-s.drained
}

func video(at uint32, body []byte) []byte {
	return chunks(rtmpchunk.Header{ChunkStream: 6, Type: rtmpchunk.TypeVideo, StreamID: 1, Timestamp: at}, body)
}

func audio(at uint32, body []byte) []byte {
	return chunks(rtmpchunk.Header{ChunkStream: 4, Type: rtmpchunk.TypeAudio, StreamID: 1, Timestamp: at}, body)
}

// tick sends the next video and audio frame, stamped as the options say.
func (s *source) tick() {
	s.tickAt(s.options.start + s.ticks*uint32(tick.Milliseconds()))
}

// tickAt sends the next video and audio frame with a timestamp.
func (s *source) tickAt(at uint32) {
	size, first, nal := s.options.frameSize, byte(0x27), byte(0x41) // inter frame; slice of a picture that is no IDR
	if s.ticks%uint32(s.options.gop) == 0 {
		size, first, nal = 4*size, 0x17, 0x65 // key frame; slice of an IDR picture
	}
	body := append([]byte{first, 1, 0, 0, 0}, binary.BigEndian.AppendUint32(nil, uint32(1+size))...)
	picture := video(at, appendFrame(append(body, nal), s.advance(), size))
	sound := audio(at, appendFrame([]byte{0xAF, 1}, s.advance(), soundSize))
	s.ticks++
	s.send(picture, sound)
}

func (s *source) advance() position {
	p := s.next
	s.next.sequence++
	return p
}

// last returns the position of the newest frame.
func (s *source) last() position { return position{s.next.generation, s.next.sequence - 1} }

// run sends in real time until stop is called, which returns the position of
// the last frame. It goes on where it stopped when it is called again.
func (s *source) run() (stop func() position) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		clock := time.NewTicker(tick)
		defer clock.Stop()
		for {
			s.tick()
			select {
			case <-clock.C:
			case <-quit:
				return
			}
		}
	}()
	var once sync.Once
	end := func() position {
		once.Do(func() { close(quit) })
		<-done
		return s.last()
	}
	s.t.Cleanup(func() {
		s.Close() // a write that blocks fails
		end()
	})
	return end
}

// unpublish ends the stream as an encoder does that is stopped.
func (s *source) unpublish() {
	s.send(command(0, message.NameFCUnpublish, 0, nil, ""), command(0, message.NameDeleteStream, 0, nil, 1.0))
	_ = s.CloseWrite() // the server may have closed already; if not, it does now
	<-s.drained
	s.Close()
}

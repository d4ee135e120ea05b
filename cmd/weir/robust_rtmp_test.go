package main

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/amf0"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/rtmp/message"
	"github.com/weirmedia/weir/remux/rtmpchunk"
)

// stage is how far a bad peer behaves well.
type stage int

const (
	connected    stage = iota // TCP only
	shaken                    // after the handshake
	opened                    // after connect and createStream
	publishing                // with codec headers and a key frame
	watchingGood              // plays the witness's stream
)

// badPeer is a row of the tables below.
type badPeer struct {
	name  string
	after stage
	send  []byte
	// half closes the peer's side behind send.
	half bool
	// why is the reason for the end of a session to do action, or without
	// action that of a refusal; empty if the peer is not worth a word.
	why    reason.Reason
	action session.Action
	// code is the status that the peer is told, if any.
	code string
}

// setChunkSize is Set Chunk Size with any size.
func setChunkSize(size uint32) []byte {
	return chunks(rtmpchunk.Header{ChunkStream: 2, Type: rtmpchunk.TypeSetChunkSize}, binary.BigEndian.AppendUint32(nil, size))
}

// manyChunkStreams are one byte of a message on each of n chunk streams.
func manyChunkStreams(n int) (b []byte) {
	for i := range n {
		b = append(b, chunks(rtmpchunk.Header{ChunkStream: 8 + uint32(i), Type: rtmpchunk.TypeAudio}, []byte{0xAF})...)
	}
	return b
}

func publishCommand(key string) []byte { return command(1, message.NamePublish, 3, nil, key, "live") }

func playCommand(key string) []byte { return command(1, message.NamePlay, 4, nil, key) }

// badHandshakes never get to messages.
var badHandshakes = []badPeer{
	{name: "a port scanner", half: true},
	{name: "garbage", send: bytes.Repeat([]byte{0xA5, 0x5A, 0xFF}, 2000), why: reason.BadHandshake},
	{name: "TLS", send: []byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3}, why: reason.BadHandshake},
	{name: "HTTP", send: []byte("GET /live/test.flv HTTP/1.1\r\nHost: weir\r\n\r\n"), why: reason.BadHandshake},
	{name: "encrypted RTMP", send: append([]byte{6}, make([]byte, 1536)...), why: reason.BadHandshake},
	{name: "end inside C1", send: append([]byte{3}, make([]byte, 700)...), half: true, why: reason.ClientClosed},
	{name: "end inside C2", send: append([]byte{3}, make([]byte, 1536+700)...), half: true, why: reason.ClientClosed},
	{name: "end after the handshake", after: shaken, half: true, why: reason.ClientClosed},
}

// badChunks break the chunk stream or its limits.
var badChunks = []badPeer{
	{name: "chunk size 0", after: shaken, send: setChunkSize(0), why: reason.BadChunk},
	{name: "chunk size 2^31-1", after: shaken, send: setChunkSize(1<<31 - 1), why: reason.BadChunk},
	{name: "chunk size with the top bit", after: shaken, send: setChunkSize(1<<31 + 128), why: reason.BadChunk},
	{name: "chunk size cut off", after: shaken, send: chunks(rtmpchunk.Header{ChunkStream: 2, Type: 1}, []byte{0, 1}), why: reason.BadChunk},
	{name: "message of 16 MB", after: shaken, send: []byte{3, 0, 0, 0, 0xFF, 0xFF, 0xFF, 20, 0, 0, 0, 0}, why: reason.BadChunk},
	{name: "64 chunk streams and more", after: shaken, send: manyChunkStreams(65), why: reason.BadChunk},
	{name: "continuation of nothing", after: shaken, send: []byte{0xC5, 1, 2, 3}, why: reason.BadChunk},
	{name: "message inside another", after: shaken,
		send: slices.Concat([]byte{5, 0, 0, 0, 0, 1, 0, 9, 1, 0, 0, 0}, make([]byte, 128), []byte{5, 0, 0, 0, 0, 0, 9, 8, 1, 0, 0, 0}), why: reason.BadChunk},
	{name: "end inside a message", after: shaken, send: []byte{3, 0, 0, 0, 0, 0, 50, 20, 0, 0, 0, 0, 1}, half: true, why: reason.ClientClosed},
}

// badCommands have broken AMF0 or no business where they come.
var badCommands = []badPeer{
	{name: "no AMF0", after: shaken, send: values([]byte{0xEE, 0xEE}), why: reason.BadMessage},
	{name: "nothing", after: shaken, send: values([]byte{5}), why: reason.BadMessage},
	{name: "objects in objects", after: shaken,
		send: values(append(amf0.Append(nil, "connect", 1.0), bytes.Repeat([]byte{3, 0, 1, 'a'}, 1000)...)), why: reason.BadMessage},
	{name: "array of 2^32-1", after: shaken, send: values(append(amf0.Append(nil, "connect", 1.0), 10, 0xFF, 0xFF, 0xFF, 0xFF)), why: reason.BadMessage},
	{name: "thousands of values", after: shaken, send: values(append(amf0.Append(nil, "connect", 1.0), bytes.Repeat([]byte{5}, 10000)...)), why: reason.BadMessage},
	{name: "string of 4 GB", after: shaken, send: values(append(amf0.Append(nil, "connect", 1.0), 12, 0xFF, 0xFF, 0xFF, 0xFF)), why: reason.BadMessage},
	{name: "connect without an object", after: shaken, send: command(0, message.NameConnect, 1, 7.0), why: reason.BadMessage},
	{name: "short ping", after: opened, send: chunks(rtmpchunk.Header{ChunkStream: 2, Type: rtmpchunk.TypeUserControl}, []byte{0, 6, 1}), why: reason.BadMessage},
	{name: "nine message streams", after: opened,
		send: bytes.Repeat(command(0, message.NameCreateStream, 5, nil), 8), why: reason.LimitReached},
}

// badOrder are sound commands that come at the wrong time.
var badOrder = []badPeer{
	{name: "publish before connect", after: shaken, send: publishCommand("x"), why: reason.BadMessage},
	{name: "play before connect", after: shaken, send: playCommand("x"), why: reason.BadMessage},
	{name: "createStream before connect", after: shaken, send: command(0, message.NameCreateStream, 1, nil), why: reason.BadMessage},
	{name: "connect twice", after: opened, send: connect("live"), why: reason.BadMessage},
	{name: "publish twice", after: publishing, send: publishCommand("other"), why: reason.BadMessage, action: session.Publish, code: message.CodePublishBadName},
	{name: "play while publishing", after: publishing, send: playCommand("x"), why: reason.BadMessage, action: session.Publish, code: message.CodePlayFailed},
	{name: "play twice", after: watchingGood, send: playCommand("x"), why: reason.BadMessage, action: session.Play, code: message.CodePlayFailed},
	{name: "publish while playing", after: watchingGood, send: publishCommand("x"), why: reason.BadMessage, action: session.Play, code: message.CodePublishBadName},
}

// badNames are reserved or malformed. The app is "live".
var badNames = []badPeer{
	{name: "reserved last segment", after: opened, send: publishCommand("index"), why: reason.BadName, code: message.CodePublishBadName},
	{name: "extension of an output", after: opened, send: publishCommand("test.flv"), why: reason.BadName, code: message.CodePublishBadName},
	{name: "tilde", after: opened, send: publishCommand("~hls"), why: reason.BadName, code: message.CodePublishBadName},
	{name: "parent directory", after: opened, send: publishCommand("../../etc/passwd"), why: reason.BadName, code: message.CodePublishBadName},
	{name: "control character", after: opened, send: publishCommand("a%00b"), why: reason.BadName, code: message.CodePublishBadName},
	{name: "too long", after: opened, send: publishCommand(strings.Repeat("x", 300)), why: reason.BadName, code: message.CodePublishBadName},
	{name: "not UTF-8", after: opened, send: publishCommand("a%FFb"), why: reason.BadName, code: message.CodePublishBadName},
	{name: "broken escape in play", after: opened, send: playCommand("a%zz"), why: reason.BadName, code: message.CodePlayFailed},
	{name: "empty segment in play", after: opened, send: playCommand("a//b"), why: reason.BadName, code: message.CodePlayFailed},
}

// badMedia are broken codec headers and access units.
var badMedia = []badPeer{
	{name: "avcC cut off", after: publishing, send: video(0, append([]byte{0x17, 0, 0, 0, 0}, unhex(avcConfig)[:20]...)), why: reason.BadMedia, action: session.Publish, code: message.CodePublishBadName},
	{name: "avcC empty", after: publishing, send: video(0, []byte{0x17, 0, 0, 0, 0}), why: reason.BadMedia, action: session.Publish, code: message.CodePublishBadName},
	{name: "video header cut off", after: publishing, send: video(0, []byte{0x17, 1, 0}), why: reason.BadMedia, action: session.Publish, code: message.CodePublishBadName},
	{name: "ASC cut off", after: publishing, send: audio(0, []byte{0xAF, 0, 0x11}), why: reason.BadMedia, action: session.Publish, code: message.CodePublishBadName},
	{name: "NAL length beyond the frame", after: publishing, send: video(40, []byte{0x27, 1, 0, 0, 0, 0, 0, 0, 99, 0x41, 1}), why: reason.BadMedia, action: session.Publish, code: message.CodePublishBadName},
	{name: "NAL length of 4 GB", after: publishing, send: video(40, []byte{0x27, 1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x41}), why: reason.BadMedia, action: session.Publish, code: message.CodePublishBadName},
	{name: "NAL length cut off", after: publishing, send: video(40, []byte{0x27, 1, 0, 0, 0, 0, 0, 1}), why: reason.BadMedia, action: session.Publish, code: message.CodePublishBadName},
}

// TestBadPeers: whatever a peer sends, it comes to an end for a reason that is
// logged and counted, and nobody else notices. Rows are few enough that no log
// line is left out.
func TestBadPeers(t *testing.T) {
	for _, group := range []struct {
		name  string
		peers []badPeer
	}{
		{"handshake", badHandshakes}, {"chunks", badChunks}, {"commands", badCommands},
		{"order", badOrder}, {"names", badNames}, {"media", badMedia},
	} {
		t.Run(group.name, func(t *testing.T) {
			s := startServer(t, nil)
			w := s.witness(t)
			for _, p := range group.peers {
				t.Run(p.name, func(t *testing.T) { p.run(t, s) })
			}
			w.verify(t)
			if faults := s.lines.atLevel(slog.LevelError); len(faults) > 0 {
				t.Errorf("the log holds errors: %v", faults)
			}
		})
	}
}

func (b badPeer) run(t *testing.T, s *testServer) {
	before := s.ends("rtmp", b.action, b.why)
	p := s.reach(t, b.after)
	p.send(b.send)
	if b.half {
		_ = p.CloseWrite() // the server may have closed already
	}
	codes := p.farewell()
	p.Close()
	if b.why == "" {
		if _, ok := s.lines.end(p.LocalAddr().String()); ok {
			t.Error("there is a log line about it, want none")
		}
		return
	}
	s.expectEnd(t, p.LocalAddr(), b.why)
	if n := s.ends("rtmp", b.action, b.why) - before; n != 1 {
		t.Errorf("the metric of %s grew by %d, want 1", b.why, n)
	}
	if b.code != "" && !slices.Contains(codes, b.code) {
		t.Errorf("the peer was told %q, want %s", codes, b.code)
	}
}

// reach connects a peer that behaves well so far.
func (s *testServer) reach(t testing.TB, to stage) *peer {
	t.Helper()
	p := s.dial(t)
	switch to {
	case shaken:
		must(t, p.shake())
	case opened:
		must(t, p.open("live"))
	case publishing:
		must(t, p.open("live"))
		must(t, p.begin(message.NamePublish, "bad", message.CodePublishStart))
		p.send(
			video(0, append([]byte{0x17, 0, 0, 0, 0}, unhex(avcConfig)...)),
			audio(0, append([]byte{0xAF, 0}, unhex(audioConfig)...)),
			video(0, []byte{0x17, 1, 0, 0, 0, 0, 0, 0, 2, 0x65, 1}),
		)
	case watchingGood:
		must(t, p.open("live"))
		must(t, p.begin(message.NamePlay, "witness", message.CodePlayStart))
	}
	return p
}

// TestSlowPeers: who does not get anywhere within rtmp.handshake_timeout is
// closed, however far it came, and so is a publisher that sends nothing.
func TestSlowPeers(t *testing.T) {
	const short = config.Duration(2 * time.Second)
	s := startServer(t, func(s *settings) {
		s.rtmp().HandshakeTimeout = short
		s.stream.PublishTimeout = short
	})
	w := s.witness(t)
	slow := []struct {
		name   string
		after  stage
		send   []byte
		drip   bool // goes on with a byte from time to time
		why    reason.Reason
		action session.Action
	}{
		{name: "nothing sent", why: reason.HandshakeTimeout},
		{name: "half of C1", send: append([]byte{3}, make([]byte, 700)...), why: reason.HandshakeTimeout},
		{name: "C1 byte by byte", send: []byte{3}, drip: true, why: reason.HandshakeTimeout},
		{name: "no C2", send: append([]byte{3}, make([]byte, 1536)...), why: reason.HandshakeTimeout},
		{name: "handshake only", after: shaken, why: reason.HandshakeTimeout},
		{name: "connect and createStream only", after: opened, why: reason.HandshakeTimeout},
		{name: "command byte by byte", after: opened, send: []byte{3, 0, 0, 0, 0, 1, 0, 20, 0, 0, 0, 0}, drip: true, why: reason.HandshakeTimeout},
		{name: "publisher without a frame", after: opened, send: publishCommand("silent"), why: reason.PublishTimeout, action: session.Publish},
		{name: "publisher that falls silent", after: publishing, why: reason.PublishTimeout, action: session.Publish},
	}
	peers, stops := make([]*peer, len(slow)), make([]func(), len(slow))
	for i, b := range slow { // all at once: each takes as long as the others
		peers[i] = s.reach(t, b.after)
		peers[i].send(b.send)
		stops[i] = func() {}
		if b.drip {
			stops[i] = peers[i].drip()
		}
	}
	for i, b := range slow {
		t.Run(b.name, func(t *testing.T) {
			p := peers[i]
			p.t = t
			p.farewell()
			stops[i]()
			p.Close()
			s.expectEnd(t, p.LocalAddr(), b.why)
		})
	}
	if n := s.ends("rtmp", "", reason.HandshakeTimeout); n != 7 {
		t.Errorf("%d handshake timeouts were counted, want 7", n)
	}
	if n := s.ends("rtmp", session.Publish, reason.PublishTimeout); n != 2 {
		t.Errorf("%d publish timeouts were counted, want 2", n)
	}
	w.verify(t)
}

// drip sends a zero from time to time until stop is called or the test ends.
func (p *peer) drip() (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-time.After(50 * time.Millisecond):
				p.send([]byte{0})
			case <-quit:
				return
			}
		}
	}()
	stop = sync.OnceFunc(func() {
		close(quit)
		<-done
	})
	p.t.Cleanup(stop)
	return stop
}

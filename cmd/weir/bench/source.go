package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptrace"
	"strings"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/protocols/httpflv"
	"github.com/weirmedia/weir/protocols/httpmp4"
	"github.com/weirmedia/weir/protocols/httpts"
	"github.com/weirmedia/weir/protocols/rtmp"
	"github.com/weirmedia/weir/protocols/rtsp"
	"github.com/weirmedia/weir/protocols/webrtc"
	"github.com/weirmedia/weir/remux/flv"
	"github.com/weirmedia/weir/remux/rtmpchunk"
	"github.com/weirmedia/weir/remux/websocket"
)

// connectTimeout bounds connecting and waiting for the stream. Servers let
// players wait for a publisher; weir does it for 5 s unless told otherwise.
const connectTimeout = 15 * time.Second

// errNoAnswer is why a session failed that did not begin in time.
var errNoAnswer = fmt.Errorf("no answer within %v", connectTimeout)

// source is a stream that is being played.
type source struct {
	// next reads the next piece of the stream, lets v look at it, and returns what
	// it is and about how many bytes it had on the wire.
	next func(v *verifier) (what content, size int, err error)
	io.Closer
	// conn is below; nil if there is none that carries all.
	conn net.Conn
	// heartbeat returns what a player whose bytes are dropped unread sends now
	// and then, so that the server knows that it is there. It may be nil.
	heartbeat func(received uint64) []byte
}

// openSource begins to play. ctx bounds the time until then.
func openSource(ctx context.Context, url string, protocol Protocol, mode HLSMode, transport Transport) (*source, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, connectTimeout, errNoAnswer)
	defer cancel()
	switch protocol {
	case protoRTMP:
		c, err := rtmp.Play(ctx, url, rtmp.ClientOptions{})
		if err != nil {
			return nil, err
		}
		return &source{next: nextTag(c.ReadTag), Closer: c, conn: c.NetConn(), heartbeat: acknowledge}, nil
	case protoRTSP:
		return openRTSP(ctx, url, transport)
	case protoWHEP:
		return openWHEP(ctx, url)
	}
	s := &source{}
	if strings.HasPrefix(strings.ToLower(url), "ws") {
		s.heartbeat = pong
	}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { s.conn = info.Conn }, // the last one, after redirections
	})
	return s, s.open(ctx, url, protocol, mode)
}

// openRTSP plays RTSP to look at all of it.
func openRTSP(ctx context.Context, url string, transport Transport) (*source, error) {
	c, err := rtsp.Play(ctx, url, rtsp.ClientOptions{Transport: transport.client()})
	if err != nil {
		return nil, err
	}
	return &source{Closer: c, next: nextFrame(func() (*av.Frame, error) { p, err := c.Next(); return p.Frame, err })}, nil
}

// openWHEP plays WHEP to look at all of it.
func openWHEP(ctx context.Context, url string) (*source, error) {
	c, err := webrtc.Play(ctx, url, webrtc.ClientOptions{})
	if err != nil {
		return nil, err
	}
	return &source{Closer: c, next: nextFrame(func() (*av.Frame, error) { p, err := c.Next(); return p.Frame, err })}, nil
}

// open plays what comes in an answer of HTTP.
func (s *source) open(ctx context.Context, url string, protocol Protocol, mode HLSMode) error {
	switch protocol {
	case protoHLS:
		return s.openHLS(ctx, url, mode)
	case protoTS:
		c, err := httpts.Play(ctx, url, httpts.ClientOptions{})
		if err == nil {
			s.Closer = c
			s.next = nextFrame(func() (*av.Frame, error) { p, err := c.Next(); return p.Frame, err })
		}
		return err
	case protoMP4:
		c, err := httpmp4.Play(ctx, url, httpmp4.ClientOptions{})
		if err == nil {
			s.Closer, s.next = c, nextFrame(c.Next)
		}
		return err
	}
	c, err := httpflv.Play(ctx, url, httpflv.ClientOptions{})
	if err == nil {
		s.Closer, s.next = c, nextTag(c.ReadTag)
	}
	return err
}

// frameOverhead is what FLV spends on a tag besides its body, in bytes; other
// formats spend about as much on a frame. Who does not see the connection's bytes
// counts with it.
const frameOverhead = 15

func nextTag(read func() (flv.Tag, error)) func(*verifier) (content, int, error) {
	return func(v *verifier) (content, int, error) {
		tag, err := read()
		if err != nil {
			return content{}, 0, err
		}
		return v.observe(tag, time.Now()), frameOverhead + len(tag.Body), nil
	}
}

// nextFrame is for readers of frames, which return none for what they ignore.
func nextFrame(read func() (*av.Frame, error)) func(*verifier) (content, int, error) {
	return func(v *verifier) (content, int, error) {
		f, err := read()
		if err != nil || f == nil {
			return content{}, 0, err
		}
		return v.observeFrame(f, time.Now()), frameOverhead + len(f.Payload), nil
	}
}

// acknowledge is what RTMP players send as bytes arrive (section 5.4.3).
func acknowledge(received uint64) []byte { return rtmpchunk.AppendAck(nil, uint32(received)) }

// pong is a heartbeat of one side (RFC 6455, 5.5.3), masked with zeros.
func pong(uint64) []byte {
	const final, masked = 0x80, 0x80
	return []byte{final | byte(websocket.Pong), masked, 0, 0, 0, 0}
}

// cause shortens an error so that those of many sessions are equal: without
// the addresses, of which each connection has its own.
func cause(err error) string {
	var op *net.OpError
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return "the server ended the stream"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the server closed the connection"
	case errors.As(err, &op):
		return op.Op + ": " + op.Err.Error()
	}
	return err.Error()
}

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

	"github.com/weirmedia/weir/protocols/httpflv"
	"github.com/weirmedia/weir/protocols/rtmp"
	"github.com/weirmedia/weir/remux/flv"
	"github.com/weirmedia/weir/remux/rtmpchunk"
	"github.com/weirmedia/weir/remux/websocket"
)

// connectTimeout bounds connecting and waiting for the stream. Servers let
// players wait for a publisher; weir does it for 5 s unless told otherwise.
const connectTimeout = 15 * time.Second

// source is a stream that is being played.
type source struct {
	client interface {
		ReadTag() (flv.Tag, error)
		Close() error
	}
	// conn is below client.
	conn net.Conn
	// heartbeat returns what a player whose bytes are dropped unread sends now
	// and then, so that the server knows that it is there. It may be nil.
	heartbeat func(received uint64) []byte
}

// openSource begins to play. ctx bounds the time until then.
func openSource(ctx context.Context, url string) (*source, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, connectTimeout, fmt.Errorf("no answer within %v", connectTimeout))
	defer cancel()
	scheme, _, _ := strings.Cut(strings.ToLower(url), "://")
	if strings.HasPrefix(scheme, "rtmp") {
		c, err := rtmp.Play(ctx, url, rtmp.ClientOptions{})
		if err != nil {
			return nil, err
		}
		return &source{client: c, conn: c.NetConn(), heartbeat: acknowledge}, nil
	}
	s := &source{}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { s.conn = info.Conn }, // the last one, after redirections
	})
	c, err := httpflv.Play(ctx, url, httpflv.ClientOptions{})
	if err != nil {
		return nil, err
	}
	s.client = c
	if strings.HasPrefix(scheme, "ws") {
		s.heartbeat = pong
	}
	return s, nil
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

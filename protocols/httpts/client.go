package httpts

import (
	"context"
	"io"

	"github.com/weirmedia/weir/protocols/internal/httpplay"
	"github.com/weirmedia/weir/remux/ts"
)

// ClientOptions configure Play. The zero value is usable.
type ClientOptions = httpplay.Options

// Timings tells when the steps of Play were done. FirstByte is when the first
// packet was there.
type Timings = httpplay.Timings

// StatusError is what a server says when it refuses to send a stream, or when
// it closes a WebSocket for another reason than the end of the stream.
type StatusError = httpplay.StatusError

// Client plays one stream as MPEG-TS over HTTP or WebSocket. Next is for one
// goroutine at a time, all else is safe for concurrent use. Close must be
// called, also after an error of Next.
type Client struct {
	stream  *httpplay.Stream
	demuxer *ts.Demuxer
	first   *ts.Packet // read by Play
}

// Play asks the server for the stream that rawURL names: http, https, ws or
// wss. "user:pass@" in it is sent as basic authentication. Up to five
// redirections are followed, but none from TLS to plain. It returns once
// the first
// program or frame was read; ctx bounds the time until then and has no effect later.
// Proxies of the environment are not used.
//
// A refusal is a *StatusError. Other errors are those of the URL, of the
// network, and of an answer that is not MPEG-TS.
func Play(ctx context.Context, rawURL string, o ClientOptions) (*Client, error) {
	c := &Client{}
	stream, err := httpplay.Open(ctx, "httpts", rawURL, o, func(body io.Reader) (err error) {
		c.demuxer = ts.NewDemuxer(body)
		first, err := c.demuxer.Next()
		c.first = &first
		return err
	})
	if err != nil {
		return nil, err
	}
	c.stream = stream
	return c, nil
}

// Next returns the next part of the stream, as ts.Demuxer has them.
//
// The error is io.EOF if the stream is over, a *StatusError if a WebSocket
// closes for another reason, net.ErrClosed after Close, and else as ts.Demuxer
// has it. It is final.
func (c *Client) Next() (ts.Packet, error) {
	if c.first != nil {
		p := *c.first
		c.first = nil
		return p, nil
	}
	p, err := c.demuxer.Next()
	if err != nil {
		return ts.Packet{}, c.stream.Explain(err)
	}
	return p, nil
}

// Timings returns how long the steps of Play took.
func (c *Client) Timings() Timings { return c.stream.Timings() }

// Close ends the connection. A Next that waits returns. The error is always
// nil.
func (c *Client) Close() error { return c.stream.Close() }

package httpmp4

import (
	"context"
	"io"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/protocols/internal/httpplay"
	"github.com/weirmedia/weir/remux/fmp4"
)

// ClientOptions configure Play. The zero value is usable.
type ClientOptions = httpplay.Options

// Timings tells when the steps of Play were done. FirstByte is when the init
// segment was there.
type Timings = httpplay.Timings

// StatusError is what a server says when it refuses to send a stream, or when
// it closes a WebSocket for another reason than the end of the stream.
type StatusError = httpplay.StatusError

// Client plays one stream as fragmented MP4 over HTTP or WebSocket. Next is for
// one goroutine at a time, all else is safe for concurrent use. Close must be
// called, also after an error of Next.
type Client struct {
	stream  *httpplay.Stream
	demuxer *fmp4.Demuxer
}

// Play asks the server for the stream that rawURL names: http, https, ws or
// wss. "user:pass@" in it is sent as basic authentication. Up to five
// redirections are followed, but none from TLS to plain. It returns once the
// init segment was read; ctx bounds the time until then and has no effect
// later. Proxies of the environment are not used.
//
// A refusal is a *StatusError. Other errors are those of the URL, of the
// network, and of an answer that is not fragmented MP4.
func Play(ctx context.Context, rawURL string, o ClientOptions) (*Client, error) {
	c := &Client{}
	stream, err := httpplay.Open(ctx, "httpmp4", rawURL, o, func(body io.Reader) (err error) {
		c.demuxer = fmp4.NewDemuxer(body)
		_, err = c.demuxer.Tracks()
		return err
	})
	if err != nil {
		return nil, err
	}
	c.stream = stream
	return c, nil
}

// Next returns the next frame, as fmp4.Demuxer has them.
//
// The error is io.EOF if the stream is over, a *StatusError if a WebSocket
// closes for another reason, net.ErrClosed after Close, and else as
// fmp4.Demuxer has it. It is final.
func (c *Client) Next() (*av.Frame, error) {
	f, err := c.demuxer.Next()
	if err != nil {
		return nil, c.stream.Explain(err)
	}
	return f, nil
}

// Timings returns how long the steps of Play took.
func (c *Client) Timings() Timings { return c.stream.Timings() }

// Close ends the connection. A Next that waits returns. The error is always
// nil.
func (c *Client) Close() error { return c.stream.Close() }

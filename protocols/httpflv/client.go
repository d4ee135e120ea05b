package httpflv

import (
	"context"
	"io"

	"github.com/weirmedia/weir/protocols/internal/httpplay"
	"github.com/weirmedia/weir/remux/flv"
)

// ClientOptions configure Play. The zero value is usable.
type ClientOptions = httpplay.Options

// Timings tells when the steps of Play were done. FirstByte is when the FLV
// header was there.
type Timings = httpplay.Timings

// StatusError is what a server says when it refuses to send a stream, or when
// it closes a WebSocket for another reason than the end of the stream.
type StatusError = httpplay.StatusError

// Client plays one stream by HTTP-FLV or WS-FLV. ReadTag is for one goroutine
// at a time, all else is safe for concurrent use. Close must be called, also
// after an error of ReadTag.
type Client struct {
	stream *httpplay.Stream
	reader *flv.Reader
	header flv.Header
}

// Play asks the server for the stream that rawURL names: http, https, ws or
// wss. "user:pass@" in it is sent as basic authentication. Up to five
// redirections are followed, but none from TLS to plain. It returns once the
// FLV header was read; ctx bounds the time until then and has no effect later.
// Proxies of the environment are not used.
//
// A refusal is a *StatusError. Other errors are those of the URL, of the
// network, and of an answer that is not FLV.
func Play(ctx context.Context, rawURL string, o ClientOptions) (*Client, error) {
	c := &Client{}
	stream, err := httpplay.Open(ctx, "httpflv", rawURL, o, func(body io.Reader) (err error) {
		c.reader = flv.NewReader(body)
		c.header, err = c.reader.Header()
		return err
	})
	if err != nil {
		return nil, err
	}
	c.stream = stream
	return c, nil
}

// Header returns what the FLV header announces.
func (c *Client) Header() flv.Header { return c.header }

// Timings returns how long the steps of Play took.
func (c *Client) Timings() Timings { return c.stream.Timings() }

// ReadTag returns the next tag, whose body belongs to the caller.
//
// The error is io.EOF if the stream is over, a *StatusError if a WebSocket
// closes for another reason, one that wraps io.ErrUnexpectedEOF if the stream
// ends inside of a tag, net.ErrClosed after Close. It is final.
func (c *Client) ReadTag() (flv.Tag, error) {
	tag, err := c.reader.Next()
	if err != nil {
		return flv.Tag{}, c.stream.Explain(err)
	}
	return tag, nil
}

// Close ends the connection. A ReadTag that waits returns. The error is always
// nil.
func (c *Client) Close() error { return c.stream.Close() }

// CheckURL returns nil if Play can use rawURL. The error repeats no credentials.
func CheckURL(rawURL string) error {
	_, _, err := httpplay.NewRequest(rawURL, ClientOptions{})
	return err
}

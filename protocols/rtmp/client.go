package rtmp

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/weirmedia/weir/pkg/amf0"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/protocols/rtmp/handshake"
	"github.com/weirmedia/weir/protocols/rtmp/message"
	"github.com/weirmedia/weir/remux/rtmpchunk"
)

const (
	// clientChunkSize leaves nearly every frame in one chunk, as the server's
	// own default does.
	clientChunkSize = 60000
	// maxIdleBuffer is how much of a write buffer is kept between writes, in
	// bytes: most frames fit, and one large key frame is not held for ever.
	maxIdleBuffer = 256 << 10
	// maxRedirects bounds how many servers send the client elsewhere in a row.
	// One balances load; more than a few are a loop.
	maxRedirects = 5
)

// ClientOptions configure Publish and Play. The zero value is usable.
type ClientOptions struct {
	// WriteTimeout bounds every write to the server; 0 means 10 s.
	WriteTimeout time.Duration
	// Agent is what the client calls itself (flashVer); empty means a name that
	// servers take for an encoder or a player and that holds "weir".
	Agent string
	// Buffered makes WriteTag collect messages: they go out once there are
	// 64 KiB, or with Flush or Close.
	Buffered bool
	// TLS is for rtmps URLs; nil means defaults. An empty ServerName means the
	// URL's host.
	TLS *tls.Config
	// Digest does the handshake of the Flash player. Some old servers withhold
	// H.264 from clients without it; all others take either.
	Digest bool
}

// StatusError is what a server says when it refuses a command or ends a stream
// for a reason (section 7.2.2).
type StatusError struct {
	Code        string // such as NetStream.Publish.BadName
	Description string // for people; may be empty
	// Redirect is the tcUrl that the server names instead of its own, if it
	// refuses connect for that.
	Redirect string
}

func statusError(s message.Status) *StatusError {
	e := &StatusError{Code: cmp.Or(s.Code, message.CodeCallFailed), Description: s.Description}
	if s.Code == message.CodeConnectRejected {
		ex, _ := s.More.Get("ex")
		o, _ := amf0.AsObject(ex)
		e.Redirect = o.String("redirect")
	}
	return e
}

// Error returns code and description.
func (e *StatusError) Error() string {
	if e.Description == "" {
		return "the server says " + e.Code
	}
	return "the server says " + e.Code + ": " + e.Description
}

// client is the connection below PublishClient and PlayClient. One goroutine
// at a time reads; writing is safe for concurrent use.
type client struct {
	url     URL
	net     net.Conn
	timeout time.Duration // of a write
	digest  bool

	// reconnect holds the newest wish of the server that was not yet taken.
	reconnect chan ReconnectRequest

	// Of the reading goroutine.
	reader *rtmpchunk.Reader
	window uint64 // acknowledge after so many bytes
	acked  uint64
	parts  []rtmpchunk.Message // of an aggregate message, to be received yet

	// Set while connecting, then constant.
	chunkSize int
	stream    uint32 // message stream

	mu          sync.Mutex
	out         []byte // not yet written
	transaction float64
	broken      error // of the first write that failed: the chunk stream ends inside a message
}

// dial connects to the server, or the one that it redirects to, does the
// handshake and connect, and then open, all while ctx lasts.
func dial(ctx context.Context, rawURL string, o ClientOptions, info message.Connect, open func(*client) error) (*client, error) {
	u, err := ParseURL(rawURL)
	if err != nil {
		return nil, err
	}
	for redirects := 0; ; redirects++ {
		c, err := dialServer(ctx, u, o, info, open)
		var status *StatusError
		if !errors.As(err, &status) || status.Redirect == "" {
			return c, err
		}
		if redirects == maxRedirects {
			return nil, fmt.Errorf("%w (after %d redirects)", err, redirects)
		}
		if u, err = u.elsewhere(status.Redirect); err != nil {
			return nil, fmt.Errorf("rtmp: redirected: %w", err)
		}
	}
}

func dialServer(ctx context.Context, u URL, o ClientOptions, info message.Connect, open func(*client) error) (*client, error) {
	nc, err := dialTransport(ctx, u, o.TLS)
	if err != nil {
		return nil, fmt.Errorf("rtmp: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() }) // whatever uses it then fails
	c := &client{
		url: u, net: nc, timeout: cmp.Or(o.WriteTimeout, writeTimeout), digest: o.Digest, window: ackWindow,
		chunkSize: rtmpchunk.DefaultChunkSize, reconnect: make(chan ReconnectRequest, 1),
	}
	info.FlashVer = cmp.Or(o.Agent, info.FlashVer)
	if err = c.connect(info); err == nil {
		err = open(c)
	}
	if !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = nc.Close() // err says more
		return nil, fmt.Errorf("rtmp: %s: %w", u.Host, unexpected(err))
	}
	return c, nil
}

func dialTransport(ctx context.Context, u URL, settings *tls.Config) (net.Conn, error) {
	if u.TLS {
		d := tls.Dialer{Config: settings} // which fills in the server's name
		return d.DialContext(ctx, "tcp", u.Host)
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", u.Host)
}

// unexpected marks the end of the connection as unexpected.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// connect does the handshake and the connect command (section 7.2.1.1).
func (c *client) connect(info message.Connect) error {
	if err := c.shakeHands(); err != nil {
		return err
	}
	// A server whose messages are as large as the format allows must be playable.
	c.reader = rtmpchunk.NewReader(c.net, rtmpchunk.Limits{MaxMessage: rtmpchunk.MaxPayload})
	c.reader.ExpectMedia(nil)
	info.App, info.TCURL = c.url.App, c.url.TCURL()
	info.More = append(slices.Clip(info.More), amf0.Property{Name: "capsEx", Value: float64(capsReconnect)})
	call := info.Command()
	c.transaction = call.TransactionID
	if err := c.send(c.appendCommand(nil, 0, call)); err != nil {
		return err
	}
	if _, err := c.result(call.TransactionID); err != nil {
		return err
	}
	b := rtmpchunk.AppendWindowAckSize(nil, ackWindow)
	b = rtmpchunk.AppendSetChunkSize(b, clientChunkSize)
	c.chunkSize = clientChunkSize
	return c.send(b)
}

func (c *client) shakeHands() error {
	if !c.digest {
		return handshake.Client(c.net)
	}
	// A server that is not Adobe's is as good; nothing proves anything here.
	_, err := handshake.ClientDigest(c.net, handshake.Scheme1)
	return err
}

// createStream asks for a message stream (section 7.2.1.3).
func (c *client) createStream() error {
	call := c.newCall(message.NameCreateStream)
	if err := c.send(c.appendCommand(nil, 0, call)); err != nil {
		return err
	}
	answer, err := c.result(call.TransactionID)
	if err != nil {
		return err
	}
	id := answer.Number(0, 0)
	if id < 1 || id > 1<<32-1 {
		return reason.Wrap(reason.BadMessage, fmt.Errorf("createStream: the server gave no stream id"))
	}
	c.stream = uint32(id)
	return nil
}

// newCall returns a command that wants an answer.
func (c *client) newCall(name string, args ...any) message.Command {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.transaction++
	return message.Command{Name: name, TransactionID: c.transaction, Args: args}
}

func (c *client) appendCommand(dst []byte, stream uint32, cmd message.Command) []byte {
	return rtmpchunk.AppendMessage(dst, rtmpchunk.Header{
		ChunkStream: commandChunkStream, Type: rtmpchunk.TypeCommandAMF0, StreamID: stream,
	}, c.chunkSize, cmd.Append(nil))
}

// command sends a command that wants no answer on the message stream.
func (c *client) command(name string, args ...any) error {
	return c.send(c.appendCommand(nil, c.stream, message.Command{Name: name, Args: args}))
}

// send writes whole messages at once, after those that were buffered.
func (c *client) send(b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = append(c.out, b...)
	return c.flush()
}

// flush writes what is buffered. The caller locks.
func (c *client) flush() error {
	if c.broken != nil || len(c.out) == 0 {
		return c.broken
	}
	_ = c.net.SetWriteDeadline(time.Now().Add(c.timeout)) // fails if closed: so does the write
	_, c.broken = c.net.Write(c.out)
	if c.out = c.out[:0]; cap(c.out) > maxIdleBuffer {
		c.out = nil
	}
	return c.broken
}

// result reads until the call with this transaction id is answered. A refusal
// is a *StatusError.
func (c *client) result(transaction float64) (message.Command, error) {
	for {
		cmd, err := c.nextCommand()
		if err != nil {
			return message.Command{}, err
		}
		status, _ := message.ParseStatus(cmd)
		switch {
		case cmd.Name == message.NameOnStatus && status.Level == message.LevelError:
			return message.Command{}, statusError(status)
		case cmd.TransactionID != transaction:
		case cmd.Name == message.NameError, cmd.Name == message.NameResult && status.Level == message.LevelError:
			return message.Command{}, statusError(status)
		case cmd.Name == message.NameResult:
			return cmd, nil
		}
	}
}

func (c *client) nextCommand() (message.Command, error) {
	for {
		m, err := c.receive()
		if err != nil {
			return message.Command{}, err
		}
		if m.Type == rtmpchunk.TypeCommandAMF0 || m.Type == rtmpchunk.TypeCommandAMF3 {
			return parseCommand(m)
		}
	}
}

// receive returns the next message, be it by itself or part of an aggregate
// message, having done what the protocol itself asks for.
func (c *client) receive() (rtmpchunk.Message, error) {
	for len(c.parts) == 0 {
		m, err := c.receiveWhole()
		if err != nil || m.Type != rtmpchunk.TypeAggregate {
			return m, err
		}
		if c.parts, err = rtmpchunk.SplitAggregate(m); err != nil {
			return m, err
		}
	}
	m := c.parts[0]
	c.parts = c.parts[1:]
	return m, nil
}

// receiveWhole reads a message and sends acknowledgements and the answers to
// pings.
func (c *client) receiveWhole() (rtmpchunk.Message, error) {
	m, err := c.reader.ReadMessage()
	if err != nil {
		return m, err
	}
	var reply []byte
	switch m.Type {
	case rtmpchunk.TypeWindowAckSize:
		size, err := rtmpchunk.ParseWindowAckSize(m.Payload)
		if err != nil {
			return m, reason.Wrap(reason.BadMessage, err)
		}
		c.window = uint64(max(size, minAckWindow))
	case rtmpchunk.TypeUserControl:
		u, err := rtmpchunk.ParseUserControl(m.Payload)
		if err != nil {
			return m, reason.Wrap(reason.BadMessage, err)
		}
		if u.Event == rtmpchunk.EventPingRequest {
			reply = rtmpchunk.AppendUserControl(nil, rtmpchunk.UserControl{Event: rtmpchunk.EventPingResponse, Value: u.Value})
		}
	}
	if n := c.reader.BytesRead(); n-c.acked >= c.window {
		c.acked = n
		reply = rtmpchunk.AppendAck(reply, uint32(n))
	}
	if reply == nil {
		return m, nil
	}
	// A server that is about to close may read no more. Then what it said last
	// is still to be read, and reading finds the end. One that takes nothing
	// for long is stuck.
	if err := c.send(reply); isTimeout(err) || errors.Is(err, net.ErrClosed) {
		return m, err
	}
	return m, nil
}

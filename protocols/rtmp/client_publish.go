package rtmp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/weirmedia/weir/pkg/amf0"
	"github.com/weirmedia/weir/protocols/rtmp/message"
	"github.com/weirmedia/weir/remux/flv"
	"github.com/weirmedia/weir/remux/rtmpchunk"
)

// maxBuffered is what a client with ClientOptions.Buffered collects, in bytes.
const maxBuffered = 64 << 10

// PublishClient publishes one stream to an RTMP server. Its methods are safe
// for concurrent use. Close must be called, also after an error.
type PublishClient struct {
	*client
	buffered bool

	closing  sync.Once
	closeErr error
	leave    chan struct{} // closed by Close
	done     chan struct{} // closed when the reading goroutine has ended
	err      error         // why it ended, valid once done is closed; nil after Close
}

// Publish connects to the server that rawURL names and publishes the stream.
// It returns once the server has said NetStream.Publish.Start. ctx bounds the
// time until then and has no effect later.
//
// A refusal is a *StatusError, such as NetStream.Publish.BadName if somebody
// else publishes the stream. Other errors are those of ParseURL, of the
// network, and io.ErrUnexpectedEOF if the server closes the connection.
func Publish(ctx context.Context, rawURL string, o ClientOptions) (*PublishClient, error) {
	// Servers and their operators tell encoders by "FMLE" and "nonprivate".
	info := message.Connect{Type: "nonprivate", FlashVer: "FMLE/3.0 (compatible; weir)"}
	c, err := dial(ctx, rawURL, o, info, (*client).publish)
	if err != nil {
		return nil, err
	}
	p := &PublishClient{client: c, buffered: o.Buffered, leave: make(chan struct{}), done: make(chan struct{})}
	go p.read()
	return p, nil
}

// publish begins the stream, in the order of common encoders: some servers
// free a name only by releaseStream, others prepare for it by FCPublish.
func (c *client) publish() error {
	b := c.appendCommand(nil, 0, c.newCall(message.NameReleaseStream, c.url.Key))
	b = c.appendCommand(b, 0, c.newCall(message.NameFCPublish, c.url.Key))
	if err := c.send(b); err != nil {
		return err
	}
	if err := c.createStream(); err != nil {
		return err
	}
	call := c.newCall(message.NamePublish, c.url.Key, "live")
	if err := c.send(c.appendCommand(nil, c.stream, call)); err != nil {
		return err
	}
	for {
		cmd, err := c.nextCommand()
		if err != nil {
			return err
		}
		status, ok := message.ParseStatus(cmd)
		switch {
		case ok && cmd.Name == message.NameOnStatus && status.Code == message.CodePublishStart:
			return nil
		case ok && cmd.Name == message.NameOnStatus && status.Level == message.LevelError,
			cmd.Name == message.NameError && cmd.TransactionID == call.TransactionID:
			return statusError(status)
		}
	}
}

// WriteTag sends one FLV tag body as an audio, video or data message. The
// timestamp is in milliseconds modulo 2^32. "@setDataFrame" is put before
// onMetaData, so that the server keeps it for players to come. body is copied.
//
// Once the server has ended the stream, the error is its *StatusError; after
// Close it is net.ErrClosed. Any error but that of a wrong argument is final.
func (p *PublishClient) WriteTag(t flv.TagType, timestamp uint32, body []byte) error {
	return p.WriteParts(t, timestamp, body)
}

// WriteParts is WriteTag for a body in parts, one after the other, such as a header and
// a payload that is shared. onMetaData, if that is what it is, is in the first.
func (p *PublishClient) WriteParts(t flv.TagType, timestamp uint32, body ...[]byte) error {
	h := rtmpchunk.Header{Type: rtmpchunk.Type(t), StreamID: p.stream, Timestamp: timestamp}
	switch t { // on the chunk streams that encoders use
	case flv.AudioTag:
		h.ChunkStream = 4
	case flv.ScriptTag:
		h.ChunkStream = 5
		if len(body) > 0 && bytes.HasPrefix(body[0], amf0.Append(nil, "onMetaData")) {
			body = slices.Insert(slices.Clip(body), 0, amf0.Append(nil, "@setDataFrame"))
		}
	case flv.VideoTag:
		h.ChunkStream = 6
	default:
		return fmt.Errorf("rtmp: tags of type %d cannot be sent", t)
	}
	n := 0
	for _, part := range body {
		n += len(part)
	}
	if n > rtmpchunk.MaxPayload {
		return fmt.Errorf("rtmp: a message of %d bytes cannot be sent, at most %d can", n, rtmpchunk.MaxPayload)
	}
	if err := p.ended(); err != nil {
		return err
	}
	p.mu.Lock()
	p.out = rtmpchunk.AppendMessage(p.out, h, p.chunkSize, body...)
	if p.buffered && len(p.out) < maxBuffered {
		p.mu.Unlock()
		return nil
	}
	err := p.flush()
	p.mu.Unlock()
	return p.explain(err)
}

// Flush sends what ClientOptions.Buffered has collected. Errors are those of
// WriteTag.
func (p *PublishClient) Flush() error {
	if err := p.ended(); err != nil {
		return err
	}
	return p.explain(p.send(nil))
}

// Wait waits until the stream has ended and returns why: nil after Close, else
// a *StatusError or an error of the network. A server that closes without a
// word gives io.ErrUnexpectedEOF.
func (p *PublishClient) Wait() error {
	<-p.done
	return p.err
}

// Close ends the stream and the connection. It sends what is buffered and
// waits until the server has closed its side, at most 2 s; a WriteTag that waits
// gives up by then. The error is that of
// sending; later calls return the same. It is nil if the server had ended the
// stream before.
func (p *PublishClient) Close() error {
	p.closing.Do(func() {
		if p.ended() != nil {
			return
		}
		close(p.leave)
		_ = p.net.SetWriteDeadline(time.Now().Add(farewell)) // of a write that has begun; fails if closed
		b := p.appendCommand(nil, 0, p.newCall(message.NameFCUnpublish, p.url.Key))
		b = p.appendCommand(b, 0, p.newCall(message.NameDeleteStream, float64(p.stream)))
		if p.closeErr = p.send(b); p.closeErr != nil {
			_ = p.net.Close() // the send error says more
		}
		// Closing with unread bytes would reset the connection and lose what is
		// on its way, so the server closes first.
		if half, ok := p.net.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite() // fails if the connection is gone
		}
		_ = p.net.SetReadDeadline(time.Now().Add(farewell)) // likewise
		<-p.done
	})
	return p.closeErr
}

// ended returns why nothing can be written any more, or nil.
func (p *PublishClient) ended() error {
	select {
	case <-p.leave:
		return fmt.Errorf("rtmp: %w", net.ErrClosed)
	case <-p.done:
		if p.err == nil { // Close has done it
			return fmt.Errorf("rtmp: %w", net.ErrClosed)
		}
		return p.err
	default:
		return nil
	}
}

// explain returns what the server said before it let a write fail with err.
func (p *PublishClient) explain(err error) error {
	if err == nil {
		return nil
	}
	if isTimeout(err) { // stuck, not closed: it will say nothing
		return fmt.Errorf("rtmp: %s: writing: %w", p.url.Host, err)
	}
	_ = p.net.SetReadDeadline(time.Now().Add(farewell)) // bounds the wait; fails if closed
	<-p.done
	var status *StatusError
	if errors.As(p.err, &status) {
		return p.err
	}
	return fmt.Errorf("rtmp: %s: writing: %w", p.url.Host, err)
}

// read treats what the server sends until it ends the stream.
func (p *PublishClient) read() {
	err := p.follow()
	_ = p.net.Close() // a write that blocks fails; there is nothing left to send
	select {
	case <-p.leave:
	default:
		p.err = fmt.Errorf("rtmp: %s: %w", p.url.Host, unexpected(err))
	}
	close(p.done)
}

func (p *PublishClient) follow() error {
	for {
		cmd, err := p.nextCommand()
		if err != nil {
			return err
		}
		status, ok := message.ParseStatus(cmd)
		switch {
		case !ok || cmd.Name != message.NameOnStatus:
		case status.Level == message.LevelError, status.Code == message.CodeConnectClosed:
			return statusError(status)
		case status.Code == message.CodeReconnectRequest:
			p.requested(status)
		}
	}
}

package httpflv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/fanout"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/remux/flv"
)

// player is one session and, once it plays, its viewer.
type player struct {
	session *session.Session
	cancel  context.CancelCauseFunc // ends the wait for the stream

	mu     sync.Mutex
	killed reason.Reason
	viewer *fanout.Viewer
}

// kill ends the session from outside. It does not block.
func (p *player) kill(why reason.Reason) {
	p.mu.Lock()
	p.killed = why
	v := p.viewer
	p.mu.Unlock()
	p.cancel(reason.Wrap(why, fmt.Errorf("closed by the server: %s", why)))
	if v != nil {
		v.Close(why, nil)
	}
}

// setViewer makes v what kill ends, also if kill came before.
func (p *player) setViewer(v *fanout.Viewer) {
	p.mu.Lock()
	p.viewer = v
	killed := p.killed
	p.mu.Unlock()
	if killed != "" {
		v.Close(killed, nil)
	}
}

// start turns the request into a viewer, which follow starts. An HTTP/1
// connection is taken from net/http, so that the delivery loops can write to
// it and nothing is chunked; start then returns while the viewer runs. HTTP/2
// has no connection to take: start returns at the viewer's end. After an error
// the request can still be answered.
func (p *player) start(d *fanout.Delivery, w http.ResponseWriter, r *http.Request, follow func(*fanout.Viewer)) error {
	if r.ProtoMajor >= 2 {
		p.stream(d, w, r, follow)
		return nil
	}
	head, err := responseHead(w.Header())
	if err != nil {
		return err
	}
	nc, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return fmt.Errorf("taking over the connection: %w", err)
	}
	_ = nc.SetDeadline(time.Time{}) // a dead connection shows when it is written
	v := d.Add(nc, fanout.ViewerOptions{
		Hello: func(l *av.Layout) []byte { return hello(head, l) },
		Closed: func(why reason.Reason, err error) {
			_ = nc.Close() // all was written, or the connection is broken
			p.session.Close(why, err)
		},
	})
	p.setViewer(v)
	follow(v)
	go watch(nc, v)
	return nil
}

// watch ends the viewer when the client closes; what it sends is dropped.
func watch(nc net.Conn, v *fanout.Viewer) {
	var drop [64]byte
	for {
		if _, err := nc.Read(drop[:]); err != nil {
			v.Close(reason.ClientClosed, nil)
			return
		}
	}
}

// stream serves an HTTP/2 request.
func (p *player) stream(d *fanout.Delivery, w http.ResponseWriter, r *http.Request, follow func(*fanout.Viewer)) {
	ended := make(chan struct{})
	rc := &responseConn{w: w, control: http.NewResponseController(w)}
	v := d.Add(rc, fanout.ViewerOptions{
		Hello: func(l *av.Layout) []byte { return hello(nil, l) },
		Closed: func(why reason.Reason, err error) {
			p.session.Close(why, err)
			close(ended)
		},
	})
	p.setViewer(v)
	follow(v)
	select {
	case <-ended:
	case <-r.Context().Done():
		why := reason.ClientClosed
		if rc.timedOut() { // that is what ended the request
			why = reason.Stalled
		}
		v.Close(why, nil)
		<-ended
	}
}

// hello is what goes before the tags: the HTTP head, if it is ours to write,
// and an FLV header that announces what will come.
func hello(head []byte, l *av.Layout) []byte {
	return flv.AppendFileHeader(bytes.Clone(head), l.Expects(av.Audio), l.Expects(av.Video))
}

// responseHead is the head of a response without length that ends with the
// connection: HTTP/1.0 clients and FLV players alike understand that.
func responseHead(h http.Header) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 200 OK\r\n")
	h = h.Clone()
	h.Set("Connection", "close")
	h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	if err := h.Write(&b); err != nil {
		return nil, fmt.Errorf("response head: %w", err)
	}
	b.WriteString("\r\n")
	return b.Bytes(), nil
}

// responseConn lets the delivery write to an HTTP/2 response. There a deadline
// that passes resets the stream although nothing is being written, so it is set
// while something is.
type responseConn struct {
	w       http.ResponseWriter
	control *http.ResponseController

	mu       sync.Mutex
	deadline time.Time
	writing  bool
}

var _ net.Conn = (*responseConn)(nil)

func (c *responseConn) Write(b []byte) (int, error) {
	c.arm(true)
	n, err := c.w.Write(b)
	if err == nil {
		err = c.control.Flush()
	}
	if err != nil && c.timedOut() {
		return n, os.ErrDeadlineExceeded
	}
	c.arm(false)
	return n, err
}

func (c *responseConn) arm(writing bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writing = writing
	at := time.Time{}
	if writing {
		at = c.deadline
	}
	_ = c.control.SetWriteDeadline(at) // if it fails, so does the write
}

// timedOut reports whether a write has lasted beyond its deadline.
func (c *responseConn) timedOut() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writing && !c.deadline.IsZero() && !time.Now().Before(c.deadline)
}

func (c *responseConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	if !c.writing {
		return nil
	}
	return c.control.SetWriteDeadline(t)
}

// The delivery does not use the rest; reading is net/http's.

func (c *responseConn) Read([]byte) (int, error)        { return 0, errors.ErrUnsupported }
func (c *responseConn) Close() error                    { return nil }
func (c *responseConn) LocalAddr() net.Addr             { return nil }
func (c *responseConn) RemoteAddr() net.Addr            { return nil }
func (c *responseConn) SetDeadline(time.Time) error     { return errors.ErrUnsupported }
func (c *responseConn) SetReadDeadline(time.Time) error { return errors.ErrUnsupported }

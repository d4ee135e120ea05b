package httplive

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/fanout"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// player is one session and, once it plays, its viewer.
type player struct {
	format  *Format
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
		Hello: func(l *av.Layout) []byte { return append(bytes.Clone(head), p.format.hello(l)...) },
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
		Hello: p.format.hello,
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

// responseHead is the head of a response without length that ends with the
// connection: HTTP/1.0 clients and players alike understand that.
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

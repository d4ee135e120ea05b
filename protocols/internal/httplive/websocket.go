package httplive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/fanout"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/remux/websocket"
)

// upgrade answers a request for WebSocket. The connection is upgraded before
// the stream is there: a page cannot read the status of a failed upgrade, but
// it can read the reason with which a WebSocket closes.
func (s *service) upgrade(w http.ResponseWriter, r *http.Request, info session.Info, want wanted) {
	head, err := websocket.Accept(r)
	if err == nil && !s.host.HTTP.OriginAllowed(r) {
		err = reason.Wrap(reason.Unauthorized, fmt.Errorf("pages of %.64q may not play from here (http.allow_origin)", r.Header.Get("Origin")))
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	p := &player{format: &s.format, cancel: cancel}
	if err == nil {
		p.session, err = s.host.Sessions.Open(info, p.kill)
	}
	if err != nil {
		cancel(nil)
		s.host.Sessions.Refuse(info, reason.Of(err, reason.InternalError), err)
		WriteError(w, err)
		return
	}
	nc, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		cancel(nil)
		p.session.Close(reason.InternalError, err)
		WriteError(w, err)
		return
	}
	_ = nc.SetDeadline(time.Time{}) // a dead connection shows when it is written
	v := s.host.Delivery.Add(nc, fanout.ViewerOptions{
		Hello:   s.format.webSocketHello,
		Goodbye: webSocketGoodbye,
		Closed: func(why reason.Reason, err error) {
			cancel(reason.Wrap(why, errors.New("the viewer is gone")))
			_ = nc.Close() // all was written, or the connection is broken
			p.session.Close(why, err)
		},
	})
	p.setViewer(v)
	v.Control(head)
	go listen(nc, v)
	go s.follow(ctx, p, v, want)
}

// follow waits for the stream and starts its delivery.
func (s *service) follow(ctx context.Context, p *player, v *fanout.Viewer, want wanted) {
	stream, err := s.await(ctx, p.session, want)
	if err == nil {
		var log *fanout.Log
		var release func()
		log, release, err = s.open(stream, want, "ws-"+s.format.Name, func() fanout.Muxer {
			return &websocket.Muxer{Inner: want.variant.NewMuxer()}
		})
		if err == nil {
			v.Follow(log, release, p.session)
			return
		}
	}
	v.Close(reason.Of(err, reason.InternalError), err)
}

// webSocketHello is the format's hello as a message of its own.
func (f *Format) webSocketHello(l *av.Layout) []byte {
	h := f.hello(l)
	if len(h) == 0 {
		return nil
	}
	return append(websocket.AppendHeader(nil, websocket.Binary, len(h)), h...)
}

// webSocketGoodbye closes the WebSocket with the reason.
func webSocketGoodbye(why reason.Reason, _ error) []byte {
	code := uint16(websocket.StatusInternalError)
	switch why {
	case reason.ClientClosed, reason.StreamEnded:
		code = websocket.StatusNormal
	case reason.Shutdown:
		code = websocket.StatusGoingAway
	case reason.BadMessage:
		code = websocket.StatusProtocolError
	case reason.Kicked, reason.Revoked, reason.StreamNotFound, reason.Unsupported:
		code = websocket.StatusPolicy
	case reason.LimitReached, reason.Overloaded:
		code = websocket.StatusTryAgainLater
	}
	return websocket.AppendClose(nil, code, string(why))
}

// listen treats what the viewer sends until it closes.
func listen(nc net.Conn, v *fanout.Viewer) {
	r := websocket.NewReader(nc)
	for {
		c, err := r.Next()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			v.Close(reason.ClientClosed, nil)
			return
		case err != nil:
			v.Close(reason.Of(err, reason.ClientClosed), err)
			return
		case c.Opcode == websocket.Close:
			v.Close(reason.ClientClosed, nil) // the goodbye answers it
			return
		case c.Opcode == websocket.Ping:
			v.Control(websocket.AppendControl(nil, websocket.Pong, c.Payload))
		}
	}
}

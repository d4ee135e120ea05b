package rtsp

import (
	"errors"
	"net"
	"os"
	"syscall"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/liberrors"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// What gortsplib calls: requests of one connection, and those of one session,
// one at a time. What a session does is its user data: a *publishing or a
// *playing.
var (
	_ gortsplib.ServerHandlerOnConnOpen     = (*endpoint)(nil)
	_ gortsplib.ServerHandlerOnConnClose    = (*endpoint)(nil)
	_ gortsplib.ServerHandlerOnSessionClose = (*endpoint)(nil)
	_ gortsplib.ServerHandlerOnDescribe     = (*endpoint)(nil)
	_ gortsplib.ServerHandlerOnAnnounce     = (*endpoint)(nil)
	_ gortsplib.ServerHandlerOnSetup        = (*endpoint)(nil)
	_ gortsplib.ServerHandlerOnPlay         = (*endpoint)(nil)
	_ gortsplib.ServerHandlerOnRecord       = (*endpoint)(nil)
	_ gortsplib.ServerHandlerOnPause        = (*endpoint)(nil)
	_ gortsplib.ServerHandlerOnPacketsLost  = (*endpoint)(nil)
	_ gortsplib.ServerHandlerOnDecodeError  = (*endpoint)(nil)
	_ gortsplib.ServerHandlerOnResponse     = (*endpoint)(nil)
)

// OnResponse implements gortsplib.ServerHandlerOnResponse.
func (e *endpoint) OnResponse(_ *gortsplib.ServerConn, res *base.Response) {
	res.Header["Server"] = base.HeaderValue{"weir"}
}

// OnConnOpen implements gortsplib.ServerHandlerOnConnOpen.
func (e *endpoint) OnConnOpen(ctx *gortsplib.ServerHandlerOnConnOpenCtx) {
	ctx.Conn.SetUserData(newClient(e, ctx.Conn))
}

// OnConnClose implements gortsplib.ServerHandlerOnConnClose.
func (e *endpoint) OnConnClose(ctx *gortsplib.ServerHandlerOnConnCloseCtx) {
	c := clientOf(ctx.Conn)
	_ = c.peer.Close() // gortsplib has closed it already, unless it is TLS
	why := reason.ClientClosed
	if errors.Is(ctx.Error, net.ErrClosed) { // by the peer: it came to nothing
		why = reason.HandshakeTimeout
	}
	c.giveUp(why, nil)
}

// OnDescribe implements gortsplib.ServerHandlerOnDescribe.
func (e *endpoint) OnDescribe(ctx *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	c := clientOf(ctx.Conn)
	r, err := c.admit(auth.Play, ctx.Path, ctx.Query, ctx.Request)
	if err == nil {
		var f *feed
		var release func()
		if f, release, err = c.feed(r); err == nil {
			defer release() // it lingers until SETUP
			return ok(), f.stream, nil
		}
	}
	res, err := c.refuse(session.Play, r, ctx.Request, err)
	return res, nil, err
}

// OnSetup implements gortsplib.ServerHandlerOnSetup.
func (e *endpoint) OnSetup(ctx *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	switch u := ctx.Session.UserData().(type) {
	case *publishing:
		return ok(), nil, nil
	case *playing:
		return ok(), u.feed.stream, nil
	}
	c := clientOf(ctx.Conn)
	r, err := c.admit(auth.Play, ctx.Path, ctx.Query, ctx.Request)
	if err == nil {
		p := &playing{client: c, request: r, rtsp: ctx.Session}
		if p.feed, p.release, err = c.feed(r); err == nil {
			ctx.Session.SetUserData(p)
			return ok(), p.feed.stream, nil
		}
	}
	res, err := c.refuse(session.Play, r, ctx.Request, err)
	return res, nil, err
}

// OnPlay implements gortsplib.ServerHandlerOnPlay.
func (e *endpoint) OnPlay(ctx *gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	p := ctx.Session.UserData().(*playing)
	if err := p.play(); err != nil {
		return p.client.refuse(session.Play, p.request, ctx.Request, err)
	}
	clientOf(ctx.Conn).peer.setBusy(true)
	return ok(), nil
}

// OnPause implements gortsplib.ServerHandlerOnPause.
func (e *endpoint) OnPause(ctx *gortsplib.ServerHandlerOnPauseCtx) (*base.Response, error) {
	if p, isPlaying := ctx.Session.UserData().(*playing); isPlaying {
		p.pause()
	}
	return ok(), nil
}

// OnAnnounce implements gortsplib.ServerHandlerOnAnnounce.
func (e *endpoint) OnAnnounce(ctx *gortsplib.ServerHandlerOnAnnounceCtx) (*base.Response, error) {
	c := clientOf(ctx.Conn)
	r, err := c.admit(auth.Publish, ctx.Path, ctx.Query, ctx.Request)
	if err == nil {
		p := &publishing{client: c, request: r, rtsp: ctx.Session}
		if err = p.describe(ctx.Description); err == nil {
			ctx.Session.SetUserData(p)
			return ok(), nil
		}
	}
	return c.refuse(session.Publish, r, ctx.Request, err)
}

// OnRecord implements gortsplib.ServerHandlerOnRecord.
func (e *endpoint) OnRecord(ctx *gortsplib.ServerHandlerOnRecordCtx) (*base.Response, error) {
	p := ctx.Session.UserData().(*publishing)
	if err := p.record(); err != nil {
		return p.client.refuse(session.Publish, p.request, ctx.Request, err)
	}
	clientOf(ctx.Conn).peer.setBusy(true)
	return ok(), nil
}

// OnSessionClose implements gortsplib.ServerHandlerOnSessionClose.
func (e *endpoint) OnSessionClose(ctx *gortsplib.ServerHandlerOnSessionCloseCtx) {
	switch u := ctx.Session.UserData().(type) {
	case *publishing:
		u.end(ctx.Error)
	case *playing:
		u.end(ctx.Error)
	}
}

// OnPacketsLost implements gortsplib.ServerHandlerOnPacketsLost.
func (*endpoint) OnPacketsLost(ctx *gortsplib.ServerHandlerOnPacketsLostCtx) {
	if p, isPublishing := ctx.Session.UserData().(*publishing); isPublishing {
		p.session.Counters().Network.PacketsLost.Add(ctx.Lost)
	}
}

// OnDecodeError implements gortsplib.ServerHandlerOnDecodeError.
func (e *endpoint) OnDecodeError(*gortsplib.ServerHandlerOnDecodeErrorCtx) {
	e.server.metrics.bad.Inc()
}

// ended finds the reason for which a session ended with err: tornDown if the peer
// said that it stops, silent if nothing came from it.
func ended(err error, tornDown, silent reason.Reason) (reason.Reason, error) {
	var torn liberrors.ErrServerSessionTornDown
	var unused liberrors.ErrServerSessionNotInUse
	var timedOut liberrors.ErrServerSessionTimedOut
	var terminated liberrors.ErrServerTerminated
	switch {
	case errors.As(err, &torn):
		return tornDown, nil
	case errors.As(err, &unused), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return reason.ClientClosed, nil // its connection is gone
	case errors.As(err, &timedOut):
		return silent, err
	case errors.As(err, &terminated):
		return reason.Shutdown, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return reason.Stalled, err
	}
	return reason.NetworkError, err
}

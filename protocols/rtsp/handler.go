package rtsp

import (
	"cmp"
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
	_ gortsplib.ServerHandlerOnSetParameter = (*endpoint)(nil)
	_ gortsplib.ServerHandlerOnPacketsLost  = (*endpoint)(nil)
	_ gortsplib.ServerHandlerOnDecodeError  = (*endpoint)(nil)
)

// OnConnOpen implements gortsplib.ServerHandlerOnConnOpen.
func (e *endpoint) OnConnOpen(ctx *gortsplib.ServerHandlerOnConnOpenCtx) {
	ctx.Conn.SetUserData(newClient(e, ctx.Conn))
}

// OnConnClose implements gortsplib.ServerHandlerOnConnClose.
func (e *endpoint) OnConnClose(ctx *gortsplib.ServerHandlerOnConnCloseCtx) {
	c := clientOf(ctx.Conn)
	why, err := c.peer.end(ctx.Error)
	if c.giveUp(cmp.Or(why, reason.ClientClosed), err) == nil && why != "" {
		e.server.host.Sessions.Refuse(session.Info{
			Protocol: protocol, Remote: c.remote.String(), Agent: c.agent, Transport: e.carrier(),
		}, why, err)
	}
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
		e.guard.enter(ctx)
		return ok(), u.feed.stream, nil
	}
	c := clientOf(ctx.Conn)
	r, err := c.admit(auth.Play, ctx.Path, ctx.Query, ctx.Request)
	if err == nil {
		p := &playing{client: c, request: r, rtsp: ctx.Session}
		if p.feed, p.release, err = c.feed(r); err == nil {
			ctx.Session.SetUserData(p)
			e.guard.enter(ctx)
			return ok(), p.feed.stream, nil
		}
	}
	res, err := c.refuse(session.Play, r, ctx.Request, err)
	return res, nil, err
}

// OnPlay implements gortsplib.ServerHandlerOnPlay.
func (e *endpoint) OnPlay(ctx *gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	p := ctx.Session.UserData().(*playing)
	if err := p.play(clientOf(ctx.Conn).peer); err != nil {
		return p.client.refuse(session.Play, p.request, ctx.Request, err)
	}
	if p.viewer.carrier == nil {
		p.id = sessionOf(ctx.Request)
		e.guard.roam(p.id, true)
	}
	return ok(), nil
}

// OnPause implements gortsplib.ServerHandlerOnPause.
func (e *endpoint) OnPause(ctx *gortsplib.ServerHandlerOnPauseCtx) (*base.Response, error) {
	if p, isPlaying := ctx.Session.UserData().(*playing); isPlaying {
		p.pause()
	}
	return ok(), nil
}

// OnSetParameter implements gortsplib.ServerHandlerOnSetParameter: a sign of life,
// as there are no parameters.
func (e *endpoint) OnSetParameter(ctx *gortsplib.ServerHandlerOnSetParameterCtx) (*base.Response, error) {
	if len(ctx.Request.Body) > 0 {
		return &base.Response{StatusCode: base.StatusParameterNotUnderstood}, nil
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
	if err := p.record(clientOf(ctx.Conn).peer); err != nil {
		return p.client.refuse(session.Publish, p.request, ctx.Request, err)
	}
	return ok(), nil
}

// OnSessionClose implements gortsplib.ServerHandlerOnSessionClose.
func (e *endpoint) OnSessionClose(ctx *gortsplib.ServerHandlerOnSessionCloseCtx) {
	switch u := ctx.Session.UserData().(type) {
	case *publishing:
		u.end(ctx.Error)
	case *playing:
		e.guard.roam(u.id, false)
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

// ended finds the reason for which a session, which by carried, ended with err:
// tornDown if the peer said that it stops, silent if nothing came from it.
func ended(by *peer, err error, tornDown, silent reason.Reason) (reason.Reason, error) {
	var torn liberrors.ErrServerSessionTornDown
	var unused liberrors.ErrServerSessionNotInUse
	var timedOut liberrors.ErrServerSessionTimedOut
	var terminated liberrors.ErrServerTerminated
	switch {
	case errors.As(err, &torn):
		return tornDown, nil
	case errors.As(err, &unused), errors.Is(err, net.ErrClosed):
		return by.fate(silent)
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return reason.ClientClosed, nil
	case errors.As(err, &timedOut):
		return silent, err
	case errors.As(err, &terminated):
		return reason.Shutdown, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return reason.Stalled, err
	}
	return reason.NetworkError, err
}

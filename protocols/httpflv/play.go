package httpflv

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/fanout"
	"github.com/weirmedia/weir/pkg/httpserver"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/remux/flv"
	"github.com/weirmedia/weir/remux/websocket"
)

// protocol names HTTP-FLV in sessions and metrics.
const protocol = "httpflv"

const contentType = "video/x-flv"

// serve answers one request for the FLV form of a stream.
func (s *service) serve(w http.ResponseWriter, r *http.Request, name string) {
	selection, err := parseSelection(r.URL.Query())
	if err != nil {
		s.refuse(w, r, name, reason.Wrap(reason.BadRequest, err))
		return
	}
	grant, err := s.host.Auth.Authorize(r.Context(), auth.Request{
		Action: auth.Play, Stream: name, Protocol: protocol, Remote: s.host.HTTP.Remote(r).Addr(),
		Credentials: credentials(r), Query: r.URL.Query(),
	})
	if err != nil {
		s.refuse(w, r, name, err)
		return
	}
	if websocket.IsUpgrade(r) {
		s.upgrade(w, r, name, selection, grant)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead {
		if s.host.Bus.Stream(name) == nil {
			writeError(w, reason.Wrap(reason.StreamNotFound, fmt.Errorf("nobody publishes %q", name)))
		}
		return
	}
	info := s.info(r, name)
	info.User = grant.User
	s.play(w, r, info, selection)
}

// play opens the session, waits for the stream and hands the connection over
// to the delivery.
func (s *service) play(w http.ResponseWriter, r *http.Request, info session.Info, selection av.Selection) {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	p := &player{cancel: cancel}
	sess, err := s.host.Sessions.Open(info, p.kill)
	if err != nil {
		s.refuse(w, r, info.Stream, err)
		return
	}
	p.session = sess
	stream, err := s.await(ctx, sess, info.Stream)
	if err != nil {
		sess.Close(reason.Of(err, reason.ClientClosed), err)
		writeError(w, err)
		return
	}
	if l := stream.Layout(); l.Ready && l.Lacks(selection) {
		err := reason.Wrap(reason.Unsupported, errors.New("the stream has no track of those that were asked for"))
		sess.Close(reason.Unsupported, err)
		writeError(w, err)
		return
	}
	options := parseOptions(r.URL.Query())
	key := fanout.Key{Format: "flv", Selection: selection, Variant: options}
	log, release, err := s.host.Delivery.Open(stream.Plain(), key, func() fanout.Muxer { return &flv.Muxer{Options: options} })
	if err != nil {
		sess.Close(reason.Of(err, reason.InternalError), err)
		writeError(w, err)
		return
	}
	if err := p.start(s.host.Delivery, w, r, func(v *fanout.Viewer) { v.Follow(log, release, sess) }); err != nil {
		release()
		sess.Close(reason.InternalError, err)
		writeError(w, err)
	}
}

func (s *service) await(ctx context.Context, sess *session.Session, name string) (*bus.Stream, error) {
	if stream := s.host.Bus.Stream(name); stream != nil {
		return stream, nil
	}
	if err := sess.Wait(); err != nil {
		return nil, err
	}
	stream, err := s.host.Bus.Await(ctx, name)
	if err != nil {
		var killed *reason.Error
		if errors.As(context.Cause(ctx), &killed) {
			return nil, killed
		}
		return nil, err
	}
	sess.Activate()
	return stream, nil
}

// parseSelection reads ?audio=0 and ?video=0.
func parseSelection(q url.Values) (av.Selection, error) {
	var s av.Selection
	for name, off := range map[string]*bool{"audio": &s.NoAudio, "video": &s.NoVideo} {
		switch v := q.Get(name); v {
		case "", "1", "true":
		case "0", "false":
			*off = true
		default:
			return s, fmt.Errorf("%s: must be 0 or 1, is %.32q", name, v)
		}
	}
	if s.NoAudio && s.NoVideo {
		return s, errors.New("audio=0 and video=0 leave nothing to play")
	}
	return s, nil
}

// parseOptions reads ?multitrack=1, by which a player asks for the tracks beyond
// the first of each kind.
func parseOptions(q url.Values) flv.Options {
	return flv.Options{Multitrack: q.Get("multitrack") == "1"}
}

// credentials takes what the client presented: HTTP authentication first, then
// the query, which is all that <video> tags and many players can send.
func credentials(r *http.Request) auth.Credentials {
	var c auth.Credentials
	if user, password, ok := r.BasicAuth(); ok {
		return auth.Credentials{User: user, Password: password}
	}
	const bearer = "Bearer "
	if h := r.Header.Get("Authorization"); len(h) > len(bearer) && h[:len(bearer)] == bearer {
		return auth.Credentials{Token: h[len(bearer):]}
	}
	q := r.URL.Query()
	c.User, c.Password, c.Token = q.Get("user"), q.Get("pass"), q.Get("token")
	return c
}

func (s *service) info(r *http.Request, name string) session.Info {
	info := session.Info{
		Protocol: protocol, Action: session.Play, Stream: name, Remote: s.host.HTTP.Remote(r).String(),
		Agent: r.UserAgent(), Transport: "tcp",
	}
	if r.TLS != nil {
		info.Transport = "tls"
	}
	return info
}

// refuse answers a request that never became a session.
func (s *service) refuse(w http.ResponseWriter, r *http.Request, name string, err error) {
	s.host.Sessions.Refuse(s.info(r, name), reason.Of(err, reason.InternalError), err)
	writeError(w, err)
}

// writeError answers with the status that err's reason means.
func writeError(w http.ResponseWriter, err error) {
	why := reason.Of(err, reason.InternalError)
	status := http.StatusInternalServerError
	switch why {
	case reason.BadRequest, reason.BadName:
		status = http.StatusBadRequest
	case reason.StreamNotFound:
		status = http.StatusNotFound
	case reason.LimitReached, reason.Shutdown, reason.Kicked:
		status = http.StatusServiceUnavailable
	case reason.Unsupported:
		status = http.StatusUnsupportedMediaType
	case reason.Unauthorized:
		status = http.StatusForbidden
		var denied *auth.Denied
		if errors.As(err, &denied) && denied.Authenticate {
			status = http.StatusUnauthorized
			w.Header().Set("WWW-Authenticate", `Basic realm="weir"`)
		}
	}
	httpserver.WriteError(w, status, httpserver.Error{Code: string(why), Message: err.Error()})
}

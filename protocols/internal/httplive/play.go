package httplive

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/fanout"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/transcode"
	"github.com/weirmedia/weir/remux/websocket"
)

// serve answers one request for a stream.
func (s *service) serve(w http.ResponseWriter, r *http.Request, name string) {
	want, err := s.parse(name, r.URL.Query())
	if err != nil {
		s.refuse(w, r, name, reason.Wrap(reason.BadRequest, err))
		return
	}
	info := s.info(r, name)
	info.Reached(session.Connected, time.Now(), "")
	grant, err := s.host.Auth.Authorize(r.Context(), auth.Request{
		Action: auth.Play, Stream: name, Protocol: s.format.Protocol, Remote: s.host.HTTP.Remote(r).Addr(),
		Credentials: Credentials(r), Query: r.URL.Query(),
	})
	if err != nil {
		s.refuse(w, r, name, err)
		return
	}
	info.Admit(grant)
	if websocket.IsUpgrade(r) {
		s.upgrade(w, r, info, want)
		return
	}
	w.Header().Set("Content-Type", s.format.ContentType)
	w.Header().Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead {
		if stream := s.host.Bus.Stream(name); stream == nil {
			WriteError(w, reason.Wrap(reason.StreamNotFound, fmt.Errorf("nobody publishes %q", name)))
		} else if err := s.playable(stream.Layout(), want); err != nil {
			WriteError(w, err)
		}
		return
	}
	s.play(w, r, info, want)
}

// parse reads what the query asks for.
func (s *service) parse(name string, q url.Values) (wanted, error) {
	selection, audio, err := parseSelection(q)
	if err != nil {
		return wanted{}, err
	}
	selection.NoData = s.format.NoData
	variant, err := s.format.Variant(q)
	return wanted{name, selection, audio, variant}, err
}

// play opens the session, waits for the stream and hands the connection over
// to the delivery.
func (s *service) play(w http.ResponseWriter, r *http.Request, info session.Info, want wanted) {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	p := &player{format: &s.format, cancel: cancel}
	sess, err := s.host.Sessions.Open(info, p.kill)
	if err != nil {
		s.refuse(w, r, info.Stream, err)
		return
	}
	p.session = sess
	stream, err := s.await(ctx, sess, want)
	if err != nil {
		sess.Close(reason.Of(err, reason.ClientClosed), err)
		WriteError(w, err)
		return
	}
	log, release, err := s.open(stream, want, s.format.Name, want.variant.NewMuxer)
	if err != nil {
		sess.Close(reason.Of(err, reason.InternalError), err)
		WriteError(w, err)
		return
	}
	if err := p.start(s.host.Delivery, w, r, func(v *fanout.Viewer) { v.Follow(log, release, sess) }); err != nil {
		release()
		sess.Close(reason.InternalError, err)
		WriteError(w, err)
	}
}

// await returns the stream and waits for it if it is not there, and for its tracks
// if they decide what is played. It fails if the stream has nothing of what is
// wanted.
func (s *service) await(ctx context.Context, sess *session.Session, want wanted) (*bus.Stream, error) {
	stream, err := s.find(ctx, sess, want.stream)
	if err == nil {
		err = want.audio.Settle(ctx, stream.Plain(), s.format.Carries)
	}
	if err != nil {
		var killed *reason.Error
		if errors.As(context.Cause(ctx), &killed) {
			return nil, killed
		}
		return nil, err
	}
	return stream, s.playable(stream.Layout(), want)
}

func (s *service) find(ctx context.Context, sess *session.Session, name string) (*bus.Stream, error) {
	if stream := s.host.Bus.Stream(name); stream != nil {
		return stream, nil
	}
	if err := sess.Wait(); err != nil {
		return nil, err
	}
	stream, err := s.host.Bus.Await(ctx, name)
	if err == nil {
		sess.Activate()
	}
	return stream, err
}

// playable fails if l is complete and the format cannot carry any of the tracks
// of it that are wanted.
func (s *service) playable(l *av.Layout, want wanted) error {
	if !l.Ready || len(l.Tracks) == 0 {
		return nil
	}
	if l.Lacks(want.selection) {
		return reason.Wrap(reason.Unsupported, errors.New("the stream has no track of those that were asked for"))
	}
	if want.audio.Transcodes(l, s.format.Carries) {
		return nil // its tracks are others: the log finds out
	}
	_, err := want.variant.NewMuxer().AppendPrelude(nil, l.Select(want.selection), 0)
	return err
}

// open returns the wire log of what is wanted.
func (s *service) open(stream *bus.Stream, want wanted, name string, newMuxer func() fanout.Muxer) (*fanout.Log, func(), error) {
	view, releaseView, err := want.audio.Acquire(stream.Plain(), s.format.Carries)
	if err != nil {
		return nil, nil, err
	}
	key := fanout.Key{Format: name, Selection: want.selection, Settled: s.format.Settled, Borrows: s.format.Borrows, Variant: want.variant}
	log, release, err := s.host.Delivery.Open(view, key, newMuxer)
	if err != nil {
		releaseView()
		return nil, nil, err
	}
	return log, func() { release(); releaseView() }, nil
}

// parseSelection reads ?audio and ?video: 0 leaves the kind out. The former may
// choose a codec besides.
func parseSelection(q url.Values) (s av.Selection, audio transcode.Choice, err error) {
	var ok bool
	if s.NoVideo, ok = parseOff(q.Get("video")); !ok {
		return s, audio, fmt.Errorf("video: must be 0 or 1, is %.32q", q.Get("video"))
	}
	if s.NoAudio, ok = parseOff(q.Get("audio")); !ok {
		if audio, err = transcode.ChoiceOf(q, audio); err != nil {
			return s, audio, fmt.Errorf("audio: must be 0, 1, aac, opus or copy, is %.32q", q.Get("audio"))
		}
	}
	if s.NoAudio && s.NoVideo {
		return s, audio, errors.New("audio=0 and video=0 leave nothing to play")
	}
	return s, audio, nil
}

// parseOff reads a switch, which is on if nothing is said. ok is false if text is
// none.
func parseOff(text string) (off, ok bool) {
	switch text {
	case "", "1", "true":
		return false, true
	case "0", "false":
		return true, true
	}
	return false, false
}

func (s *service) info(r *http.Request, name string) session.Info {
	info := session.Info{
		Protocol: s.format.Protocol, Action: session.Play, Stream: name, Remote: s.host.HTTP.Remote(r).String(),
		Agent: r.UserAgent(), Transport: "tcp",
	}
	if websocket.IsUpgrade(r) {
		info.Protocol = s.format.WebSocketProtocol
	}
	if r.TLS != nil {
		info.Transport = "tls"
	}
	return info
}

// refuse answers a request that never became a session.
func (s *service) refuse(w http.ResponseWriter, r *http.Request, name string, err error) {
	s.host.Sessions.Refuse(s.info(r, name), reason.Of(err, reason.InternalError), err)
	WriteError(w, err)
}

package hls

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/transcode"
	"github.com/weirmedia/weir/protocols/hls/playlist"
	"github.com/weirmedia/weir/protocols/hls/segment"
	"github.com/weirmedia/weir/protocols/internal/httplive"
)

const (
	// protocol names HLS in sessions and metrics.
	protocol = "hls"
	// maxQuery bounds a query in bytes: room for a signed token and the delivery
	// directives of low latency.
	maxQuery = 4096
	// maxID bounds the id of a session in bytes.
	maxID = 64
	// sessionParameter holds that id in the addresses of playlists.
	sessionParameter = "session"
)

// query returns the request's query.
func query(r *http.Request) (url.Values, error) {
	if len(r.URL.RawQuery) > maxQuery {
		return nil, reason.Wrap(reason.BadRequest, fmt.Errorf("the query has %d bytes, at most %d are allowed", len(r.URL.RawQuery), maxQuery))
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, reason.Wrap(reason.BadRequest, fmt.Errorf("query: %w", err))
	}
	return q, nil
}

// renditionOf reads ?format=ts and ?audio=aac.
func (s *service) renditionOf(q url.Values) (r rendition, err error) {
	r.format = s.config.Format
	if text := q.Get("format"); text != "" {
		if err := r.format.UnmarshalText([]byte(text)); err != nil {
			return r, reason.Wrap(reason.BadRequest, fmt.Errorf("format: %w", err))
		}
	}
	r.audio, err = transcode.ChoiceOf(q, transcode.Unchosen)
	return r, err
}

// serveIndex answers a request for /NAME/index.m3u8: a new viewer, unless there
// are no sessions.
func (s *service) serveIndex(w http.ResponseWriter, r *http.Request, name string) {
	q, err := query(r)
	var want rendition
	if err == nil {
		want, err = s.renditionOf(q)
	}
	if err != nil {
		s.refuse(w, r, name, err)
		return
	}
	if r.Method == http.MethodHead {
		s.serveIndexHead(w, r, q, name)
		return
	}
	key := viewerKey{stream: name}
	if s.config.Sessions == SessionsOn {
		key.id = strings.ToLower(rand.Text())
	}
	v, err := s.admit(r, q, key)
	if err != nil {
		s.refuse(w, r, name, err)
		return
	}
	defer v.done()
	text, err := s.index(r, q, v, want)
	if err != nil {
		s.fail(w, r, v, err)
		return
	}
	s.writeIndex(w, r, v, text)
}

// serveIndexHead answers without waiting, and makes no session.
func (s *service) serveIndexHead(w http.ResponseWriter, r *http.Request, q url.Values, name string) {
	if _, err := s.authorize(r, q, name); err != nil {
		s.refuse(w, r, name, err)
		return
	}
	if s.host.Bus.Stream(name) == nil {
		writeError(w, reason.Wrap(reason.StreamNotFound, fmt.Errorf("nobody publishes %q", name)))
		return
	}
	s.indexHeader(w.Header())
}

// index returns the multivariant playlist for v, once there is media.
func (s *service) index(r *http.Request, q url.Values, v *viewer, want rendition) ([]byte, error) {
	from, newest, err := s.newest(r, v, want)
	if err != nil {
		return nil, err
	}
	v.reach(from)
	keep := url.Values{}
	if v.id != "" {
		keep.Set(sessionParameter, v.id)
	} else { // each playlist is authorised by itself, by whatever a service may look at
		for name, values := range q {
			if name != "format" && !strings.HasPrefix(name, "_HLS_") {
				keep[name] = values
			}
		}
	}
	if want.audio != transcode.Unchosen {
		keep.Set("audio", string(want.audio))
	}
	uri := "~hls/" + string(want.format) + playlistExtension
	if len(keep) > 0 {
		uri += "?" + keep.Encode()
	}
	m := playlist.Multivariant{Variants: []playlist.Variant{newest.variant(uri)}}
	return m.Append(nil), nil
}

// begin waits for v's stream, if v has no muxer of it, and for its first segment.
func (s *service) begin(ctx context.Context, v *viewer, want rendition) (*muxer, *snapshot, error) {
	m, err := v.muxer(want)
	if reason.Of(err, "") == reason.StreamNotFound {
		if err = v.await(ctx); err == nil {
			m, err = v.muxer(want)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	// The first segment takes its longest duration, if no key frame comes.
	ctx, cancel := context.WithTimeoutCause(ctx, s.live.Load().of(v.name).maxSegment+startPatience, errNoSegment)
	defer cancel()
	var newest *snapshot
	err = s.wait(ctx, func(ctx context.Context) error {
		newest, err = m.first(ctx)
		return err
	})
	return m, newest, err
}

// startPatience is how much longer than a segment lasts a viewer waits for the
// first: the key frame before it, and the layout to settle.
const startPatience = 5 * time.Second

var errNoSegment = reason.Wrap(reason.StreamNotFound, errors.New("the stream has no media yet"))

// servePlaylist answers a request for the media playlist in format f, with the audio
// that its query chooses.
func (s *service) servePlaylist(w http.ResponseWriter, r *http.Request, name string, f segment.Format) {
	q, err := query(r)
	var state directives
	want := rendition{format: f}
	if err == nil {
		state, err = parseDirectives(q)
	}
	if err == nil {
		want.audio, err = transcode.ChoiceOf(q, transcode.Unchosen)
	}
	key := viewerKey{stream: name}
	if err == nil && s.config.Sessions == SessionsOn {
		key.id, err = parseID(q.Get(sessionParameter))
	}
	if err != nil {
		s.refuse(w, r, name, err)
		return
	}
	v, err := s.admit(r, q, key)
	if err != nil {
		s.refuse(w, r, name, err)
		return
	}
	defer v.done()
	newest, err := s.playlist(r, v, want, state)
	if err != nil {
		s.fail(w, r, v, err)
		return
	}
	s.writePlaylist(w, r, v, newest, state)
}

// playlist returns the snapshot that a request asks for, and waits for it.
func (s *service) playlist(r *http.Request, v *viewer, want rendition, state directives) (*snapshot, error) {
	m, newest, err := s.newest(r, v, want)
	if err != nil || !state.given || newest.part == 0 || newest.reached(state.number, state.part) {
		return newest, err
	}
	if newest.ahead(state.number, state.part) {
		return nil, reason.Wrap(reason.BadRequest, fmt.Errorf("_HLS_msn: %d is too far ahead of %d", state.number, newest.next))
	}
	return s.await(r.Context(), v.gone, m, func(s *snapshot) bool { return s.reached(state.number, state.part) })
}

// newest returns v's muxer and its newest snapshot, and waits for the first.
func (s *service) newest(r *http.Request, v *viewer, want rendition) (*muxer, *snapshot, error) {
	m, err := v.muxer(want)
	if err == nil {
		if newest := m.newest.Load(); newest != nil {
			return m, newest, newest.failed
		}
	}
	ctx, cancel := both(r.Context(), v.gone)
	defer cancel()
	return s.begin(ctx, v, want)
}

// await returns the newest snapshot of m as soon as ready accepts it. It fails
// when ctx or gone ends, when the muxer does, and with errLate after three target
// durations. It derives no context: thousands wait for each part.
func (s *service) await(ctx, gone context.Context, m *muxer, ready func(*snapshot) bool) (newest *snapshot, err error) {
	err = s.wait(ctx, func(ctx context.Context) error {
		newest = m.newest.Load()
		late := time.NewTimer(holdBack * newest.target)
		defer late.Stop()
		for !ready(newest) {
			select {
			case <-newest.superseded:
				newest = m.newest.Load()
			case <-ctx.Done():
				return ctx.Err()
			case <-gone.Done():
				return context.Cause(gone)
			case <-late.C:
				return errLate
			}
		}
		return newest.failed
	})
	return newest, err
}

// errLate is answered with 503 (RFC 8216bis 6.2.5.2).
var errLate = reason.Wrap(reason.PublishTimeout, errors.New("what was asked for did not come within three target durations"))

// directives are what a player of low latency asks for (RFC 8216bis 6.2.5):
// a playlist that has segment number or, if part is not negative, that part of it.
type directives struct {
	given  bool
	number uint64
	part   int
}

func parseDirectives(q url.Values) (d directives, err error) {
	d.part = -1
	if d.given = q.Has("_HLS_msn"); d.given {
		if d.number, err = strconv.ParseUint(q.Get("_HLS_msn"), 10, 62); err != nil {
			return d, reason.Wrap(reason.BadRequest, fmt.Errorf("_HLS_msn: must be a number, is %.32q", q.Get("_HLS_msn")))
		}
	}
	if !q.Has("_HLS_part") {
		return d, nil
	}
	part, err := strconv.ParseUint(q.Get("_HLS_part"), 10, 31)
	switch {
	case err != nil:
		return d, reason.Wrap(reason.BadRequest, fmt.Errorf("_HLS_part: must be a number, is %.32q", q.Get("_HLS_part")))
	case !d.given:
		return d, reason.Wrap(reason.BadRequest, errors.New("_HLS_part: needs _HLS_msn"))
	}
	d.part = int(part)
	return d, nil
}

func parseID(id string) (string, error) {
	ok := id != "" && len(id) <= maxID
	for _, c := range []byte(id) {
		ok = ok && ('a' <= c && c <= 'z' || '0' <= c && c <= '9')
	}
	if !ok {
		return "", reason.Wrap(reason.BadRequest, errors.New("session: open index.m3u8 to get the address of this playlist"))
	}
	return id, nil
}

// both returns a context that ends with either and has its cause.
func both(a, b context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(a)
	stop := context.AfterFunc(b, func() { cancel(context.Cause(b)) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// admit returns the viewer of that key. If there is none, as with a player that
// was quiet for long or comes back after a restart, the request's own credentials
// decide.
func (s *service) admit(r *http.Request, q url.Values, key viewerKey) (*viewer, error) {
	if key.id == "" { // anybody's: nothing was authorised before
		if _, err := s.authorize(r, q, key.stream); err != nil {
			return nil, err
		}
		return s.viewer(key, func(v *viewer) error {
			v.unwant = s.host.Sessions.Want(key.stream)
			return nil
		})
	}
	return s.viewer(key, func(v *viewer) error {
		info := s.info(r, key.stream)
		info.Reached(session.Connected, time.Now(), "")
		grant, err := s.authorize(r, q, key.stream)
		if err != nil {
			return err
		}
		info.Admit(grant)
		sess, err := s.host.Sessions.Open(info, v.close)
		if err != nil {
			return err
		}
		v.bind(sess)
		return nil
	})
}

func (s *service) authorize(r *http.Request, q url.Values, name string) (auth.Grant, error) {
	return s.host.Auth.Authorize(r.Context(), auth.Request{
		Action: auth.Play, Stream: name, Protocol: protocol, Remote: s.host.HTTP.Remote(r).Addr(),
		Credentials: httplive.Credentials(r), Query: q,
	})
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

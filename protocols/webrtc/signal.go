package webrtc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/httpserver"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/streamname"
	"github.com/weirmedia/weir/protocols/internal/httplive"
)

const (
	typeSDP      = "application/sdp"
	typeFragment = "application/trickle-ice-sdpfrag" // RFC 8840
	// maxSDP bounds an offer in bytes: browsers with every codec make some 20 KB.
	maxSDP = 100 << 10
)

// endpoint is WHIP or WHEP.
type endpoint struct {
	server *Server
	name   string // the last segment of its paths
	srs    string // the same in SRS
	action session.Action
	may    auth.Action
}

// route fills in the routes.
func (s *Server) route() {
	for _, e := range []*endpoint{
		{s, "whip", "publish", session.Publish, auth.Publish},
		{s, "whep", "play", session.Play, auth.Play},
	} {
		s.host.HTTP.HandleSuffix("/"+e.name, e.serve)
		s.host.HTTP.HandleInfix("/"+e.name+"/", e.serveResource)
		s.host.HTTP.Handle("/rtc/v1/"+e.srs+"/", http.HandlerFunc(e.serveSRS))
		s.host.HTTP.Handle("/rtc/v1/"+e.name+"/", http.HandlerFunc(e.serveQuery))
	}
}

// serve answers requests to an endpoint (RFC 9725, 4.2).
func (e *endpoint) serve(w http.ResponseWriter, r *http.Request, stream string) {
	web := e.server.host.HTTP
	w.Header().Set("Accept-Post", typeSDP)
	if !web.Share(w, r, http.MethodPost) {
		return
	}
	text, err := readBody(w, r, typeSDP)
	if err != nil {
		e.refuse(w, r, stream, err)
		return
	}
	links, err := e.server.links()
	if err != nil {
		e.refuse(w, r, stream, err)
		return
	}
	res, answer, err := e.open(r, stream, text)
	if err != nil {
		e.refuse(w, r, stream, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", typeSDP)
	h.Set("Location", (&url.URL{Path: "/" + stream + "/" + e.name + "/" + res.id}).EscapedPath())
	h.Set("ETag", res.tag())
	h.Set("Accept-Patch", typeFragment)
	h.Set("Cache-Control", "no-store")
	for _, link := range links {
		h.Add("Link", link)
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, answer) // a client that is gone does not connect, which ends the session
}

// errBody is about a request's body; its status is 413 or 415.
type errBody struct {
	status int
	text   string
}

func (e *errBody) Error() string { return e.text }

func badBody(status int, text string) error {
	return reason.Wrap(reason.BadRequest, &errBody{status, text})
}

// readBody returns the body of a request, which must be of a type.
func readBody(w http.ResponseWriter, r *http.Request, want string) (string, error) {
	if got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || got != want {
		return "", badBody(http.StatusUnsupportedMediaType, fmt.Sprintf("the body must be %s, is %.64q", want, r.Header.Get("Content-Type")))
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSDP))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return "", badBody(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes", maxSDP))
	case err != nil:
		return "", reason.Wrap(reason.BadRequest, fmt.Errorf("the body: %w", err))
	}
	return string(body), nil
}

// open begins a session for an offer.
func (e *endpoint) open(r *http.Request, stream, text string) (*resource, string, error) {
	if e.action == session.Publish {
		if err := streamname.CheckPublish(stream); err != nil {
			return nil, "", err
		}
	}
	o, err := parseOffer(text)
	if err != nil {
		return nil, "", err
	}
	whole, err := parseWhole(r.URL.Query())
	if err != nil {
		return nil, "", err
	}
	host := e.server.host
	info := e.info(r, stream)
	info.Reached(session.Connected, time.Now(), "")
	grant, err := host.Auth.Authorize(r.Context(), auth.Request{
		Action: e.may, Stream: stream, Protocol: protocol, Remote: host.HTTP.Remote(r).Addr(),
		Credentials: httplive.Credentials(r), Query: r.URL.Query(),
	})
	if err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	res := e.newResource(r, stream, whole, cancel)
	if err := e.server.attach(res); err != nil {
		return nil, "", err
	}
	defer close(res.begun)
	info.Admit(grant)
	if res.session, err = host.Sessions.Open(info, res.kill); err != nil {
		e.server.detach(res)
		return nil, "", err
	}
	answer, err := res.use.begin(ctx, o, grant)
	if err != nil {
		switch {
		case r.Context().Err() != nil:
			err = reason.Wrap(reason.ClientClosed, err)
		case ctx.Err() != nil:
			err = reason.Wrap(reason.Kicked, errors.New("closed by the server"))
		}
		res.end(reason.Of(err, reason.InternalError), err)
		return nil, "", &failure{err}
	}
	return res, answer, nil
}

// parseWhole reads ?whole=1, which asks for all pictures or none.
func parseWhole(q url.Values) (bool, error) {
	switch v := q.Get("whole"); v {
	case "", "0", "false":
		return false, nil
	case "1", "true":
		return true, nil
	default:
		return false, reason.Wrap(reason.BadRequest, fmt.Errorf("whole: must be 0 or 1, is %.32q", v))
	}
}

// failure is the error of a session that was begun: the registry knows of it.
type failure struct{ error }

func (f *failure) Unwrap() error { return f.error }

func (e *endpoint) newResource(r *http.Request, stream string, whole bool, cancel context.CancelFunc) *resource {
	res := &resource{
		server: e.server, stream: stream, action: e.action, reached: reached(r),
		remote: e.server.host.HTTP.Remote(r).Addr(), cancel: cancel, begun: make(chan struct{}),
	}
	if e.action == session.Publish {
		res.use = &publishing{resource: res}
	} else {
		res.use = &playing{resource: res, whole: whole}
	}
	return res
}

// reached returns the address and port at which a client reached this server, as
// far as it is known: the Host header's, if that is an address.
func reached(r *http.Request) netip.AddrPort {
	host := r.Host
	if a, err := netip.ParseAddrPort(host); err == nil {
		return a
	}
	a, _ := netip.ParseAddr(strings.Trim(host, "[]"))
	return netip.AddrPortFrom(a, 0)
}

func (e *endpoint) info(r *http.Request, stream string) session.Info {
	return session.Info{
		Protocol: protocol, Action: e.action, Stream: stream, Remote: e.server.host.HTTP.Remote(r).String(),
		Agent: r.UserAgent(), Transport: "ice",
	}
}

// refuse answers a request that is refused.
func (e *endpoint) refuse(w http.ResponseWriter, r *http.Request, stream string, err error) {
	e.note(r, stream, err)
	var body *errBody
	if errors.As(err, &body) {
		httpserver.WriteError(w, body.status, httpserver.Error{Code: string(reason.BadRequest), Message: body.text})
		return
	}
	httplive.WriteError(w, err)
}

// note tells the registry of a request that is refused, unless it knows.
func (e *endpoint) note(r *http.Request, stream string, err error) {
	var known *failure
	if !errors.As(err, &known) {
		e.server.host.Sessions.Refuse(e.info(r, stream), reason.Of(err, reason.InternalError), err)
	}
}

// serveResource answers requests to what a POST made (RFC 9725, 4.3).
func (e *endpoint) serveResource(w http.ResponseWriter, r *http.Request, stream, id string) {
	w.Header().Set("Accept-Patch", typeFragment)
	if !e.server.host.HTTP.Share(w, r, http.MethodPatch, http.MethodDelete) {
		return
	}
	res := e.server.find(id, stream, e.action)
	if res == nil {
		httpserver.WriteError(w, http.StatusNotFound, httpserver.Error{Code: "not_found", Message: "there is no such session, or not any more"})
		return
	}
	if r.Method == http.MethodDelete {
		res.end(res.use.leaving(), nil)
		w.WriteHeader(http.StatusOK)
		return
	}
	e.patch(w, r, res)
}

package rtsp

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/streamname"
	"github.com/weirmedia/weir/pkg/transcode"
)

// authTimeout bounds how long an authorizer may take.
const authTimeout = 10 * time.Second

// client is one connection: what its requests have in common. Its goroutine and
// those of its sessions use it in turns.
type client struct {
	endpoint *endpoint
	peer     *peer
	remote   netip.AddrPort
	came     time.Time
	agent    string
	nonce    string // of the challenge, empty before the first
	asked    asked  // last, and granted
	grant    auth.Grant

	wait atomic.Pointer[wait] // nil but while it waits for a stream, and until PLAY
}

// asked is all that an authorizer's answer depends on. One with a Digest is never
// the same again: a Digest is for one request.
type asked struct {
	action      auth.Action
	name, query string
	credentials auth.Credentials
}

func newClient(e *endpoint, sc *gortsplib.ServerConn) *client {
	c := &client{endpoint: e, peer: peerOf(sc.NetConn()), came: time.Now()}
	if a, ok := sc.NetConn().RemoteAddr().(*net.TCPAddr); ok {
		c.remote = netip.AddrPortFrom(a.AddrPort().Addr().Unmap(), uint16(a.Port))
	}
	return c
}

// clientOf returns the client of a connection.
func clientOf(sc *gortsplib.ServerConn) *client { return sc.UserData().(*client) }

// request is a stream, and leave to use it.
type request struct {
	name   string
	audio  transcode.Choice // of a player
	grant  auth.Grant
	proofs bool // credentials came with it
}

// admit finds out which stream a request is about and whether the client may do
// action with it. Clients ask with several requests in a row: only the first of
// the same is put to the authorizer, as long as its answer counts.
func (c *client) admit(action auth.Action, path, rawQuery string, req *base.Request) (request, error) {
	if agent := req.Header["User-Agent"]; len(agent) == 1 {
		c.agent = agent[0]
	}
	name, err := streamname.Parse(path)
	if err != nil {
		return request{}, err
	}
	if action == auth.Publish {
		if err := streamname.CheckPublish(name); err != nil {
			return request{name: name}, err
		}
	}
	query, _ := url.ParseQuery(rawQuery) // of a broken one what can be read counts
	var audio transcode.Choice
	if action == auth.Play {
		if audio, err = transcode.ChoiceOf(query, transcode.Unchosen); err != nil {
			return request{name: name}, err
		}
	}
	presented, err := c.credentials(query, req)
	if err != nil {
		return request{name: name}, err
	}
	what := asked{action, name, rawQuery, presented}
	r := request{name: name, audio: audio, proofs: presented != auth.Credentials{}}
	if what == c.asked && c.stillGranted() {
		r.grant = c.grant
		return r, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), authTimeout)
	defer cancel()
	r.grant, err = c.endpoint.server.host.Auth.Authorize(ctx, auth.Request{
		Action: action, Stream: name, Protocol: protocol, Remote: c.remote.Addr(),
		Credentials: presented, Query: query,
	})
	if err != nil {
		return r, err
	}
	c.asked, c.grant = what, r.grant
	return r, nil
}

// stillGranted reports whether the last grant counts for another request: it has not
// expired, and who gave it still decides.
func (c *client) stillGranted() bool {
	expires := c.grant.Expires
	return (expires.IsZero() || time.Now().Before(expires)) && (c.grant.Outdated == nil || !c.grant.Outdated())
}

func (c *client) info(action session.Action, r request, transport string) session.Info {
	info := session.Info{
		Protocol: protocol, Action: action, Stream: r.name, Remote: c.remote.String(), Agent: c.agent, Transport: transport,
	}
	info.Reached(session.Connected, c.came, c.endpoint.carrier())
	info.Admit(r.grant)
	info.Reached(session.Transport, time.Now(), transport)
	return info
}

// transport names what carries the media of a session.
func (e *endpoint) transport(ss *gortsplib.ServerSession) string {
	if t := ss.SetuppedTransport(); t != nil && *t == gortsplib.TransportUDP {
		return "udp"
	}
	return e.carrier()
}

// carrier names what carries requests.
func (e *endpoint) carrier() string {
	if e.secure {
		return "tls"
	}
	return "tcp"
}

// refuse makes the answer to a request that is refused with err, and tells the
// registry, unless the end of a session that waited for the same does. Clients
// that have not presented credentials yet are asked for them first. The error that
// it returns ends the connection.
func (c *client) refuse(action session.Action, r request, req *base.Request, err error) (*base.Response, error) {
	why := reason.Of(err, reason.InternalError)
	waited := c.giveUp(why, err)
	var denied *auth.Denied
	asks := errors.As(err, &denied) && denied.Authenticate
	res := answer(why, err)
	if asks {
		res.StatusCode = base.StatusUnauthorized
		res.Header = base.Header{"WWW-Authenticate": c.challenge(denied.Digest, c.stale(req))}
		if !r.proofs {
			return res, nil
		}
	}
	if waited == nil || waited.request.name != r.name {
		c.endpoint.server.host.Sessions.Refuse(c.info(action, r, c.endpoint.carrier()), why, err)
	}
	if why == reason.Unauthorized {
		return res, err // guessing goes on with another connection
	}
	return res, nil
}

// statusConflict is HTTP's; RTSP has none of its own for a name that is taken.
const statusConflict base.StatusCode = 409

// answer makes the response for a reason. What happened stands in the status
// line, which clients show.
func answer(why reason.Reason, err error) *base.Response {
	status := base.StatusInternalServerError
	switch why {
	case reason.Unauthorized:
		status = base.StatusForbidden
	case reason.BadName, reason.BadRequest, reason.BadMessage, reason.Loop:
		status = base.StatusBadRequest
	case reason.StreamNotFound, reason.StreamEnded:
		status = base.StatusNotFound
	case reason.StreamBusy:
		status = statusConflict
	case reason.Unsupported:
		status = base.StatusUnsupportedMediaType
	case reason.LimitReached, reason.Overloaded:
		status = base.StatusNotEnoughBandwidth
	case reason.Shutdown:
		status = base.StatusServiceUnavailable
	}
	return &base.Response{StatusCode: status, StatusMessage: clip(err.Error())}
}

// maxText bounds what is said in a status line, and of what a peer chose, in
// bytes; clients have short buffers.
const maxText = 200

// clip returns text in one line, and not all of it if it is long.
func clip(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
	return strings.ToValidUTF8(text[:min(len(text), maxText)], "")
}

func ok() *base.Response { return &base.Response{StatusCode: base.StatusOK} }

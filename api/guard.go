package api

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/httpserver"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// Guard stands before the API, metrics and profiles. It lets in who sits at
// this machine, if Loopback says so, and everybody else with a credential that the
// Authorizer accepts. Pages of other origins change nothing, unless they present a
// token. It is immutable and safe for concurrent use.
type Guard struct {
	Authorizer auth.Authorizer
	Sessions   *session.Registry // is told of refusals
	// Remote tells where a request comes from, trusted proxies considered.
	Remote func(*http.Request) netip.AddrPort
	// Loopback tells whether who sits at this machine needs no credential; nil for
	// no.
	Loopback func() bool
}

// Protect returns h behind the guard. A request without leave is answered 401 or
// 403.
func (g *Guard) Protect(action auth.Action, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A URL may hold a token, and nothing here is for a page of others to frame.
		header := w.Header()
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Content-Security-Policy", "frame-ancestors 'none'")
		remote, given := g.Remote(r), credentials(r)
		grant, err := g.admit(r, action, remote.Addr(), given)
		if err == nil {
			h.ServeHTTP(w, withUser(r, grant.User))
			return
		}
		g.Sessions.Refuse(session.Info{
			Protocol: "http", Remote: remote.String(), User: given.User, Agent: r.UserAgent(),
		}, reason.Of(err, reason.InternalError), err)
		deny(w, err)
	})
}

// admit returns by whose leave somebody may do the action. Requests that could change
// something and that a page of another origin makes a browser send need a good token:
// what the browser adds by itself, a password that it knows or its place in the
// network, is not the page's to use.
func (g *Guard) admit(r *http.Request, action auth.Action, remote netip.Addr, given auth.Credentials) (auth.Grant, error) {
	foreign := http.NewCrossOriginProtection().Check(r) != nil
	switch {
	case foreign && given.Token == "":
		return auth.Grant{}, errForeignPage
	case !foreign && g.Loopback != nil && g.Loopback() && local(r):
		return auth.Grant{}, nil
	}
	grant, err := g.Authorizer.Authorize(r.Context(), auth.Request{Action: action, Protocol: "http", Remote: remote, Credentials: given})
	if err == nil && foreign && grant.Identity.User == "" { // it was not the token that let it in
		return auth.Grant{}, errForeignPage
	}
	return grant, err
}

var errForeignPage = reason.Wrap(reason.Unauthorized, &auth.Denied{Why: "pages of other origins need a token for this"})

// deny answers 401 if other credentials might help, 403 if not, and 503 if nobody
// could say. Basic is accepted but not asked for: browsers would show their own form
// over the console's.
func deny(w http.ResponseWriter, err error) {
	var no *auth.Denied
	switch {
	case errors.As(err, &no):
	case reason.Of(err, "") == reason.LimitReached: // by too many guesses, say
		httpserver.WriteError(w, http.StatusServiceUnavailable, httpserver.Error{Code: string(reason.LimitReached), Message: err.Error()})
		return
	default:
		httpserver.WriteError(w, http.StatusServiceUnavailable, httpserver.Error{
			Code: string(reason.InternalError), Message: "the credentials could not be checked",
		})
		return
	}
	status := http.StatusForbidden
	if no.Authenticate {
		status = http.StatusUnauthorized
		w.Header().Set("WWW-Authenticate", `Bearer realm="weir"`)
	}
	httpserver.WriteError(w, status, httpserver.Error{Code: string(reason.Unauthorized), Message: no.Why})
}

// credentials returns what a request brings: Authorization as Bearer (RFC 6750)
// or Basic (RFC 7617), or else the query parameter token.
func credentials(r *http.Request) auth.Credentials {
	if user, password, ok := r.BasicAuth(); ok {
		return auth.Credentials{User: user, Password: password}
	}
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return auth.Credentials{Token: strings.TrimSpace(token)}
	}
	return auth.Credentials{Token: r.URL.Query().Get("token")}
}

// local reports whether a request comes from this machine, by somebody who
// meant it: from a loopback address (and not from a proxy there), to a loopback
// name (else a foreign page could reach it by a name of its own that resolves
// to 127.0.0.1), and not on behalf of a foreign page, except that a link may lead
// here. HTTP/1.0 is what proxies speak that say nothing about their client, nginx
// before all.
func local(r *http.Request) bool {
	if !httpserver.Peer(r).Addr().IsLoopback() || httpserver.Forwarded(r) || !loopbackHost(r.Host) || !r.ProtoAtLeast(1, 1) {
		return false
	}
	if r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Sec-Fetch-Dest") != "document" {
		return false
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && loopbackHost(u.Host)
}

// loopbackHost reports whether host, with or without port, can only mean this
// machine: an address of 127.0.0.0/8 or ::1, or localhost (RFC 6761, 6.3).
func loopbackHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if addr, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return addr.Unmap().IsLoopback()
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

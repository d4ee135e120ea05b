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
// this machine, and everybody else with a credential that the Authorizer
// accepts. It is immutable and safe for concurrent use.
type Guard struct {
	Authorizer auth.Authorizer
	Sessions   *session.Registry // is told of refusals
	// Remote tells where a request comes from, trusted proxies considered.
	Remote func(*http.Request) netip.AddrPort
}

// Protect returns h behind the guard. A request without leave is answered 401 or
// 403.
func (g *Guard) Protect(action auth.Action, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if local(r) {
			h.ServeHTTP(w, r)
			return
		}
		remote, given := g.Remote(r), credentials(r)
		_, err := g.Authorizer.Authorize(r.Context(), auth.Request{
			Action: action, Protocol: "http", Remote: remote.Addr(), Credentials: given,
		})
		if err == nil {
			h.ServeHTTP(w, r)
			return
		}
		g.Sessions.Refuse(session.Info{
			Protocol: "http", Remote: remote.String(), User: given.User, Agent: r.UserAgent(),
		}, reason.Of(err, reason.InternalError), err)
		deny(w, err)
	})
}

// deny answers 401 if other credentials might help and 403 if not. Basic is
// accepted but not asked for: browsers would show their own form over the
// console's.
func deny(w http.ResponseWriter, err error) {
	var no *auth.Denied
	if !errors.As(err, &no) {
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
// to 127.0.0.1), and not on behalf of a foreign page.
func local(r *http.Request) bool {
	if !httpserver.Peer(r).Addr().IsLoopback() || httpserver.Forwarded(r) || !loopbackHost(r.Host) {
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

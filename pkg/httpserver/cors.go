package httpserver

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// preflightSeconds is for how long a browser may remember what it may send: a
// day, which browsers cut to their own bound (Chromium two hours).
const preflightSeconds = "86400"

// Media wraps a handler of media for GET and HEAD as Share does.
func (s *Server) Media(h StreamHandler) StreamHandler {
	return func(w http.ResponseWriter, r *http.Request, stream string) {
		if s.Share(w, r, http.MethodGet, http.MethodHead) {
			h(w, r, stream)
		}
	}
}

// Share lets pages of other origins make requests with methods, as
// http.allow_origin says (Fetch Standard, 3.2): it adds the headers, answers
// OPTIONS, and refuses other methods. It reports whether the request is still to
// be answered.
func (s *Server) Share(w http.ResponseWriter, r *http.Request, methods ...string) bool {
	s.allowOrigin(w.Header())
	if slices.Contains(methods, r.Method) {
		return true
	}
	allow := strings.Join(append(methods, http.MethodOptions), ", ")
	if r.Method != http.MethodOptions {
		MethodNotAllowed(w, r, allow)
		return false
	}
	w.Header().Set("Allow", allow)
	if s.shared.Load().AllowOrigin != "" {
		w.Header().Set("Access-Control-Allow-Methods", allow)
		w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match, If-None-Match, Range")
		w.Header().Set("Access-Control-Max-Age", preflightSeconds)
	}
	w.WriteHeader(http.StatusNoContent)
	return false
}

func (s *Server) allowOrigin(h http.Header) {
	origin := s.shared.Load().AllowOrigin
	if origin == "" {
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "Content-Length, Content-Range, ETag, Link, Location")
	if origin != "*" {
		h.Add("Vary", "Origin")
	}
}

// OriginAllowed reports whether the page that made the request may play media,
// as http.allow_origin says. Browsers leave that to the server for WebSocket.
// Weir's own pages and clients that are no browser always may.
func (s *Server) OriginAllowed(r *http.Request) bool {
	origin, allowed := r.Header.Get("Origin"), s.shared.Load().AllowOrigin
	switch {
	case origin == "", allowed == "*", origin == allowed:
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host == r.Host
}

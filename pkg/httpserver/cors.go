package httpserver

import (
	"net/http"
	"net/url"
)

// preflightSeconds is for how long a browser may remember what it may send: a
// day, which browsers cut to their own bound (Chromium two hours).
const preflightSeconds = "86400"

// Media wraps a handler of media so that pages of other origins may play it, as
// http.allow_origin says (Fetch Standard, 3.2): it adds the headers, answers
// OPTIONS, and refuses methods other than GET and HEAD.
func (s *Server) Media(h StreamHandler) StreamHandler {
	return func(w http.ResponseWriter, r *http.Request, stream string) {
		s.allowOrigin(w.Header())
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			h(w, r, stream)
		case http.MethodOptions:
			w.Header().Set("Allow", "GET, HEAD, OPTIONS")
			if s.config.AllowOrigin != "" {
				w.Header().Set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
				w.Header().Set("Access-Control-Allow-Headers", "Authorization, Range")
				w.Header().Set("Access-Control-Max-Age", preflightSeconds)
			}
			w.WriteHeader(http.StatusNoContent)
		default:
			MethodNotAllowed(w, r, "GET, HEAD, OPTIONS")
		}
	}
}

func (s *Server) allowOrigin(h http.Header) {
	origin := s.config.AllowOrigin
	if origin == "" {
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "Content-Length, Content-Range")
	if origin != "*" {
		h.Add("Vary", "Origin")
	}
}

// OriginAllowed reports whether the page that made the request may play media,
// as http.allow_origin says. Browsers leave that to the server for WebSocket.
// Weir's own pages and clients that are no browser always may.
func (s *Server) OriginAllowed(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	switch {
	case origin == "", s.config.AllowOrigin == "*", origin == s.config.AllowOrigin:
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host == r.Host
}

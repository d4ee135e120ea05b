package api

import (
	"net/http"
	"net/http/pprof"
)

// Profiles serves the profiles of the Go runtime below /debug/pprof/, for
// `go tool pprof`.
func Profiles() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("/debug/pprof/", pprof.Index)
	m.HandleFunc("/debug/pprof/profile", pprof.Profile)
	m.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	m.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return m
}

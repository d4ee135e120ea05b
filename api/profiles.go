package api

import (
	"net/http"
	"net/http/pprof"
	"runtime"
	"strings"
)

// Profiles serves the profiles of the Go runtime below /debug/pprof/, for
// `go tool pprof`. Those of mutexes and of blocking see something only while
// they are asked for, with ?seconds=N: at other times they would cost.
func Profiles() http.Handler {
	const (
		everyMutexEvent = 10     // one of so many is looked at
		everyBlocked    = 10_000 // nanoseconds of waiting for which one event is looked at
	)
	with := func(set, unset func(), h http.Handler) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			set()
			defer unset()
			h.ServeHTTP(w, r)
		}
	}
	// No ServeMux: it redirects paths that it does not like.
	special := map[string]http.HandlerFunc{
		"profile": pprof.Profile, "symbol": pprof.Symbol, "trace": pprof.Trace,
		"mutex": with(func() { runtime.SetMutexProfileFraction(everyMutexEvent) }, func() { runtime.SetMutexProfileFraction(0) }, pprof.Handler("mutex")),
		"block": with(func() { runtime.SetBlockProfileRate(everyBlocked) }, func() { runtime.SetBlockProfileRate(0) }, pprof.Handler("block")),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h, ok := special[strings.TrimPrefix(r.URL.Path, "/debug/pprof/")]; ok {
			h(w, r)
			return
		}
		pprof.Index(w, r)
	})
}

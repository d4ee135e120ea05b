package api

import (
	"net/http"
	"net/http/pprof"
	"runtime"
)

// Profiles serves the profiles of the Go runtime below /debug/pprof/, for
// `go tool pprof`. Those of mutexes and of blocking see something only while
// they are asked for, with ?seconds=N: at other times they would cost.
func Profiles() http.Handler {
	const (
		everyMutexEvent = 10     // one of so many is looked at
		everyBlocked    = 10_000 // nanoseconds of waiting for which one event is looked at
	)
	m := http.NewServeMux()
	m.HandleFunc("/debug/pprof/", pprof.Index)
	m.HandleFunc("/debug/pprof/profile", pprof.Profile)
	m.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	m.HandleFunc("/debug/pprof/trace", pprof.Trace)
	m.HandleFunc("/debug/pprof/mutex", func(w http.ResponseWriter, r *http.Request) {
		runtime.SetMutexProfileFraction(everyMutexEvent)
		defer runtime.SetMutexProfileFraction(0)
		pprof.Handler("mutex").ServeHTTP(w, r)
	})
	m.HandleFunc("/debug/pprof/block", func(w http.ResponseWriter, r *http.Request) {
		runtime.SetBlockProfileRate(everyBlocked)
		defer runtime.SetBlockProfileRate(0)
		pprof.Handler("block").ServeHTTP(w, r)
	})
	return m
}

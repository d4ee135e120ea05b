//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// front stands before a server, as the console sees it: it answers what a server
// that has just begun cannot have, ten minutes of statistics and a configuration
// that was changed, and can be locked or broken. All else is the server's answer.
type front struct {
	url string

	mu sync.Mutex
	// locked wants one of these headers, if there are any.
	locked []string
	broken bool
	// values are those of the configuration that are not the default.
	values map[string]string
	turn   int
}

func startFront(t *testing.T, s *server) *front {
	t.Helper()
	f := &front{values: map[string]string{"stream.grace": "3s"}}
	target, err := url.Parse("http://" + s.http)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header.Del("Origin")        // that of this listener is foreign to the server
			r.Out.Header.Del("Authorization") // the server has no users
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	mux := http.NewServeMux()
	mux.Handle("/", proxy)
	mux.HandleFunc("GET /api/v1/stats", f.stats)
	mux.HandleFunc("GET /api/v1/config/keys", f.keys)
	mux.HandleFunc("PATCH /api/v1/config", f.change)
	mux.HandleFunc("POST /api/v1/config/reload", func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, http.StatusOK, map[string]any{"changed": []string{"hls.window"}, "restart": []string{"rtmp.listen"}})
	})
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") && f.refuses(w, r) {
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		h.CloseClientConnections()
		h.Close()
	})
	f.url = h.URL
	return f
}

func (f *front) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *front) refuses(w http.ResponseWriter, r *http.Request) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken {
		failAPI(w, http.StatusInternalServerError, "internal_error", "it is broken", "")
		return true
	}
	for _, header := range f.locked {
		if r.Header.Get("Authorization") == header {
			return false
		}
	}
	if len(f.locked) > 0 {
		failAPI(w, http.StatusUnauthorized, "unauthorized", "a credential is needed", "")
	}
	return len(f.locked) > 0
}

// stats answers with waves, ten minutes of them or what came since then.
func (f *front) stats(w http.ResponseWriter, r *http.Request) {
	now := time.Now().UTC().Truncate(2 * time.Second)
	since, err := time.Parse(time.RFC3339, r.URL.Query().Get("since"))
	if err != nil {
		since = now.Add(-10 * time.Minute)
	}
	samples := []map[string]any{}
	for at := since.Truncate(2 * time.Second).Add(2 * time.Second); !at.After(now); at = at.Add(2 * time.Second) {
		wave := func(period, low, high float64) float64 {
			return low + (high-low)*(1+math.Sin(float64(at.Unix())/period)+0.3*math.Sin(float64(at.Unix())/period*7))/2.6
		}
		samples = append(samples, map[string]any{
			"at": at.Format(time.RFC3339Nano), "streams": 3, "publishers": 3,
			"viewers":    map[string]int{"httpflv": int(wave(70, 180, 260)), "webrtc": int(wave(90, 20, 60)), "hls": int(wave(120, 300, 420))},
			"bitrate_in": wave(40, 5.6e6, 6.2e6), "bitrate_out": wave(80, 6e8, 1.1e9),
			"cpu": wave(80, 0.2, 0.65), "memory_bytes": 148e6, "goroutines": 900, "open_files": 800,
			"lag_ms": map[string]float64{"p50": wave(30, 2, 5), "p99": wave(20, 9, 38)}, "skips": 0, "refused": 0,
		})
	}
	answerJSON(w, http.StatusOK, map[string]any{"now": now.Format(time.RFC3339Nano), "interval_s": 2, "samples": samples})
}

// fakeKeys are keys of each type: name, type, default, live, help.
var fakeKeys = []struct {
	key, kind, value string
	live             bool
	help             string
}{
	{"log.level", "text", "info", true, "'debug', 'info', 'warn' or 'error': the least important lines that are written."},
	{"log.format", "text", "text", false, "'text' or 'json'. The log goes to standard error."},
	{"http.listen", "address", `":8080"`, false, "Plain HTTP."},
	{"http.trusted_proxies", "list", "[]", true, "Peers whose X-Forwarded-For is believed."},
	{"rtmp.listen", "address", `":1935"`, false, "Publishers and players."},
	{"stream.grace", "duration", "15s", true, "For how long a stream waits for a publisher that was lost."},
	{"stream.ring_bytes", "size", "64MiB", true, "Of the frames that a stream keeps."},
	{"hls.window", "number", "6", true, "Segments in a playlist."},
	{"hls.low_latency", "bool", "true", true, "Parts, for players that know them."},
	{"hooks.secret", "secret", `""`, true, "Signs what is sent."},
	{"auth.users", "groups", "[]", true, "Who may do what."},
}

func (f *front) etag() string { return strconv.Quote(fmt.Sprint("turn-", f.turn)) }

func (f *front) keys(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := []map[string]any{}
	for _, k := range fakeKeys {
		value, set := f.values[k.key]
		by := "overlay"
		switch {
		case !set:
			value, by = k.value, ""
		case k.key == "stream.grace":
			by = "weir.yaml:3:10"
		}
		list = append(list, map[string]any{
			"key": k.key, "type": k.kind, "value": value, "default": k.value, "set_by": by,
			"live": k.live, "secret": k.kind == "secret", "help": k.help,
		})
	}
	answerJSON(w, http.StatusOK, map[string]any{"etag": f.etag(), "keys": list})
}

func (f *front) change(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var body struct{ Changes map[string]*string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		failAPI(w, http.StatusBadRequest, "bad_request", err.Error(), "")
		return
	}
	if r.Header.Get("If-Match") != f.etag() {
		failAPI(w, http.StatusPreconditionFailed, "precondition_failed", "the configuration has changed", "")
		return
	}
	for key, value := range body.Changes {
		if value == nil {
			delete(f.values, key)
			continue
		}
		if _, err := strconv.Atoi(*value); key == "hls.window" && err != nil {
			failAPI(w, http.StatusBadRequest, "invalid_config", "hls.window must be a number", key)
			return
		}
		f.values[key] = *value
	}
	f.turn++
	answerJSON(w, http.StatusOK, map[string]any{"changed": []string{"hls.window"}, "restart": []string{}})
}

func answerJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the page may be gone
}

func failAPI(w http.ResponseWriter, status int, code, message, field string) {
	answerJSON(w, status, map[string]any{"error": map[string]string{"code": code, "message": message, "field": field}})
}

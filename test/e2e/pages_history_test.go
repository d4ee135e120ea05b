//go:build e2e

package e2e

import (
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"
)

// startHistory stands before a server that has just begun and gives it a past, for
// pictures: ten minutes of statistics. All else is the server's answer. It returns
// the address.
func startHistory(t *testing.T, s *server) string {
	t.Helper()
	target, err := url.Parse(s.httpURL(""))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", &httputil.ReverseProxy{
		FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header.Del("Origin") // that of this listener is foreign to the server
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	})
	mux.HandleFunc("GET /api/v1/stats", waves)
	h := httptest.NewServer(mux)
	t.Cleanup(func() {
		h.CloseClientConnections()
		h.Close()
	})
	return h.URL + "/"
}

// waves answers with waves, ten minutes of them or what came since then.
func waves(w http.ResponseWriter, r *http.Request) {
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
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"now": now.Format(time.RFC3339Nano), "interval_s": 2, "samples": samples}) // the page may be gone
}

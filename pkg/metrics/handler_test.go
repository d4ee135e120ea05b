package metrics

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func get(h http.Handler) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return answer
}

func TestHandlerAnswersAsText(t *testing.T) {
	answer := get(Handler(New(newServer(t).Options), nil))
	if answer.Code != http.StatusOK || !strings.HasPrefix(answer.Header().Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Errorf("status %d, type %s", answer.Code, answer.Header().Get("Content-Type"))
	}
}

func TestHandlerLogsFailures(t *testing.T) {
	var logged bytes.Buffer
	r := prometheus.NewRegistry()
	r.MustRegister(collectFunc(failing))
	answer := get(Handler(r, slog.New(slog.NewTextHandler(&logged, nil))))
	if answer.Code != http.StatusInternalServerError {
		t.Errorf("status %d, want 500", answer.Code)
	}
	if line := logged.String(); !strings.Contains(line, "level=ERROR") || !strings.Contains(line, "weir_broken") {
		t.Errorf("log line %q", line)
	}
}

func TestHandlerBoundsScrapes(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	r := prometheus.NewRegistry()
	r.MustRegister(collectFunc(func(chan<- prometheus.Metric) {
		entered <- struct{}{}
		<-leave
	}))
	h := Handler(r, nil)
	var running sync.WaitGroup
	for range scrapes {
		running.Go(func() {
			if answer := get(h); answer.Code != http.StatusOK {
				t.Errorf("status %d, want 200", answer.Code)
			}
		})
		<-entered
	}
	if answer := get(h); answer.Code != http.StatusServiceUnavailable {
		t.Errorf("status %d while %d scrapes run, want 503", answer.Code, scrapes)
	}
	close(leave)
	running.Wait()
}

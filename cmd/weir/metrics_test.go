package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/weirmedia/weir/pkg/config"
)

// TestMetrics: what Prometheus gets of the whole program, plugins included, is as
// `promtool check metrics` wants it, and each metric is documented.
func TestMetrics(t *testing.T) {
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(receiver.Close)
	s := startServer(t, func(s *settings) { s.hooks.URL = config.WebURL(receiver.URL) })
	src := s.publish(t, "live/test", sourceOptions{})
	defer src.leave(byCommand)
	src.tick()
	eventually(t, "the stream is there", func() bool { return s.bus.Stream("live/test") != nil })
	if answer, _, err := s.ask("", http.MethodPost, "/api/v1/auth/explain", "application/json", `{"stream": "a", "protocol": "chosen"}`); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer, err)
	}
	answer, text, err := s.ask("", http.MethodGet, "/metrics", "", "")
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer, err)
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	if !strings.Contains(text, `weir_per_stream_publishers{stream="live/test"} 1`) {
		t.Error("the stream has no series of its own")
	}

	if strings.Contains(text, "chosen") {
		t.Error("a text that a client of the API chose is a label")
	}
	if !strings.Contains(text, `weir_auth_answers_total{outcome="allowed",protocol="rtmp"} 1`) {
		t.Error("the publisher was not counted")
	}
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range regexp.MustCompile("(?m)^\\| `(weir_[a-z0-9_]+)` \\||`(weir_rtmp_[a-z_]+)`").FindAllStringSubmatch(string(text), -1) {
			documented[row[1]+row[2]] = true
		}
	}
	names := map[string]bool{}
	descriptions := make(chan *prometheus.Desc)
	go func() {
		s.registry.Describe(descriptions)
		close(descriptions)
	}()
	for d := range descriptions {
		name := regexp.MustCompile(`fqName: "(\w+)"`).FindStringSubmatch(d.String())[1]
		names[name] = true
		if strings.HasPrefix(name, "weir_") && !documented[name] {
			t.Errorf("%s is on no page of docs", name)
		}
	}
	for name := range documented {
		if !names[name] {
			t.Errorf("%s is documented, but there is no such metric", name)
		}
	}
}

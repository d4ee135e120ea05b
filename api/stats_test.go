package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/stats"
)

var (
	statsAt = time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	// statsSamples are those of the fixture: one in which something was delivered
	// and one in which nothing was.
	statsSamples = []stats.Sample{
		{
			At: statsAt, Streams: 2, Publishers: 1, Viewers: map[string]int{"rtmp": 3, "hls": 1}, BitrateIn: 1000, BitrateOut: 4000,
			CPU: .25, Memory: 1 << 20, Goroutines: 30, OpenFiles: 12, Lag: &stats.Lag{P50: .4, P99: 3}, Skips: 1, Refused: 2,
		},
		{At: statsAt.Add(stats.Interval), Viewers: map[string]int{}},
	}
)

// statsSince does what a Sampler does.
func statsSince(t time.Time) []stats.Sample {
	for i, s := range statsSamples {
		if s.At.After(t) {
			return statsSamples[i:]
		}
	}
	return []stats.Sample{}
}

func TestStats(t *testing.T) {
	h := New(fixture(t))
	for _, c := range []struct {
		since string
		want  int
	}{
		{"", 2},
		{"2026-01-02T15:04:04.999Z", 2},
		{"2026-01-02T15:04:05Z", 1},
		{"2026-01-02T16:04:05.5+01:00", 1},
		{"2027-01-01T00:00:00Z", 0},
	} {
		t.Run(c.since, func(t *testing.T) {
			w := ask(h, "GET", "/api/v1/stats?since="+url.QueryEscape(c.since))
			var got StatsInfo
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK {
				t.Fatalf("%d %s: %v", w.Code, w.Body, err)
			}
			if len(got.Samples) != c.want || got.Samples == nil || got.IntervalS != 2 || time.Since(got.Now) > time.Hour {
				t.Errorf("got %+v", got)
			}
			want := statsSamples[2-c.want:]
			if fmt.Sprintf("%+v", withoutPointers(got.Samples)) != fmt.Sprintf("%+v", withoutPointers(want)) {
				t.Errorf("got %+v, want %+v", got.Samples, want)
			}
		})
	}
	for _, bad := range []string{"yesterday", "2026-01-02", "1767366245"} {
		w := ask(h, "GET", "/api/v1/stats?since="+bad)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `"field":"since"`) {
			t.Errorf("%s: %d %s", bad, w.Code, w.Body)
		}
	}
}

// withoutPointers makes samples comparable by their text.
func withoutPointers(samples []stats.Sample) (out []any) {
	for _, s := range samples {
		lag := stats.Lag{}
		if s.Lag != nil {
			lag, s.Lag = *s.Lag, nil
		}
		out = append(out, s, lag)
	}
	return out
}

//go:build e2e

package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// soakSample is the server at one moment.
type soakSample struct {
	at                      time.Duration
	memory, heap            float64 // bytes
	goroutines, descriptors float64
	viewers                 float64
	events                  float64 // that wait for the receiver of hooks
	p50, p99                float64 // ms of delivery lag; negative if nothing was delivered
}

// sample looks at the server until the time is over: 300 times, at least once a second.
func (s *soak) sample(t *testing.T, began time.Time) {
	every := max(time.Second, time.Until(s.end)/300)
	for ; !s.over(); time.Sleep(min(every, max(0, time.Until(s.end)))) {
		m := s.metrics(t)
		one := soakSample{
			at: time.Since(began), memory: m["process_resident_memory_bytes"], heap: m["go_memstats_heap_alloc_bytes"],
			goroutines: m["go_goroutines"], descriptors: m["process_open_fds"], p50: -1, p99: -1,
		}
		for name, value := range m {
			switch {
			case strings.HasPrefix(name, "weir_sessions{") && strings.Contains(name, `action="play"`):
				one.viewers += value
			case strings.HasPrefix(name, "weir_hook_waiting"):
				one.events += value
			}
		}
		var stats struct {
			Samples []struct {
				Lag *struct{ P50, P99 float64 } `json:"lag_ms"`
			} `json:"samples"`
		}
		if err := json.Unmarshal([]byte(s.get(t, "api/v1/stats")), &stats); err != nil {
			t.Errorf("the statistics: %v", err)
		} else if n := len(stats.Samples); n > 0 && stats.Samples[n-1].Lag != nil {
			one.p50, one.p99 = stats.Samples[n-1].Lag.P50, stats.Samples[n-1].Lag.P99
		}
		s.mu.Lock()
		s.samples = append(s.samples, one)
		s.mu.Unlock()
	}
}

var variable = regexp.MustCompile(`\d[\d.:a-z]*|"[^"]*"`)

// kindOf returns an error without what differs from one to the next.
func kindOf(err error) string {
	text := variable.ReplaceAllString(err.Error(), "#")
	return text[:min(len(text), 120)]
}

// report writes bin/soak/report.md and a plot.
func (s *soak) report(t *testing.T, length time.Duration, before, after usage) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "# A soak of %v\n\n", length)
	fmt.Fprintf(&b, "before: %v\n\nafter: %v\n\n", before, after)
	table := func(title string, counts map[string]int) {
		fmt.Fprintf(&b, "| %s | times |\n|---|---:|\n", title)
		for _, name := range slices.Sorted(maps.Keys(counts)) {
			fmt.Fprintf(&b, "| %s | %d |\n", strings.ReplaceAll(name, "|", "/"), counts[name])
		}
		b.WriteString("\n")
	}
	table("visits with a picture, by", s.visits)
	table("the operator's acts", s.actions)
	table("errors that clients met", s.errors)
	ends := map[string]int{}
	for e, n := range s.usage(t).ends {
		ends[fmt.Sprintf("%s %s: %s", e.protocol, cmp.Or(e.action, "refused"), e.reason)] = n
	}
	table("ends of sessions, by the server", ends)
	b.WriteString("| | median | 90 % | 99 % | most |\n|---|---:|---:|---:|---:|\n")
	for _, row := range []struct {
		name string
		of   func(soakSample) float64
	}{
		{"viewers", func(o soakSample) float64 { return o.viewers }},
		{"lag, median of two seconds (ms)", func(o soakSample) float64 { return o.p50 }},
		{"lag, 99 % of two seconds (ms)", func(o soakSample) float64 { return o.p99 }},
		{"resident memory (MB)", func(o soakSample) float64 { return o.memory / 1e6 }},
		{"Go heap (MB)", func(o soakSample) float64 { return o.heap / 1e6 }},
		{"goroutines", func(o soakSample) float64 { return o.goroutines }},
		{"descriptors", func(o soakSample) float64 { return o.descriptors }},
		{"events that wait for a hook", func(o soakSample) float64 { return o.events }},
	} {
		var all []float64
		for _, o := range s.samples {
			if v := row.of(o); v >= 0 {
				all = append(all, v)
			}
		}
		slices.Sort(all)
		at := func(q float64) float64 { return all[min(len(all)-1, int(q*float64(len(all))))] }
		if len(all) > 0 {
			fmt.Fprintf(&b, "| %s | %.1f | %.1f | %.1f | %.1f |\n", row.name, at(.5), at(.9), at(.99), at(1))
		}
	}
	t.Logf("%s", b.String())
	if err := os.WriteFile(reportFile(t, "report.md"), []byte(b.String()), 0o644); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(reportFile(t, "plot.svg"), []byte(s.plot(length)), 0o644); err != nil {
		t.Error(err)
	}
}

// plot draws memory, viewers and lag over time.
func (s *soak) plot(length time.Duration) string {
	const width, height, left = 800, 150, 80
	var b strings.Builder
	rows := []struct {
		name, colour string
		of           func(soakSample) float64
	}{
		{"memory, MB", "#c33", func(o soakSample) float64 { return o.memory / 1e6 }},
		{"heap, MB", "#963", func(o soakSample) float64 { return o.heap / 1e6 }},
		{"viewers", "#36c", func(o soakSample) float64 { return o.viewers }},
		{"goroutines", "#693", func(o soakSample) float64 { return o.goroutines }},
		{"lag p99, ms", "#939", func(o soakSample) float64 { return max(0, o.p99) }},
		{"events waiting", "#399", func(o soakSample) float64 { return o.events }},
	}
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width+left+10, len(rows)*(height+30)+20)
	for i, row := range rows {
		top := i*(height+30) + 20
		highest := 1.0
		for _, o := range s.samples {
			highest = max(highest, row.of(o))
		}
		fmt.Fprintf(&b, `<text x="0" y="%d">%s</text><text x="0" y="%d">%.0f</text><rect x="%d" y="%d" width="%d" height="%d" fill="none" stroke="#bbb"/>`+"\n",
			top+height/2, row.name, top+10, highest, left, top, width, height)
		fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" points="`, row.colour)
		for _, o := range s.samples {
			fmt.Fprintf(&b, "%.1f,%.1f ", left+o.at.Seconds()/length.Seconds()*width, float64(top+height)-row.of(o)/highest*height)
		}
		b.WriteString("\"/>\n")
	}
	fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\">0 to %v</text>\n</svg>\n", left, len(rows)*(height+30)+15, length)
	return b.String()
}

package hls

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmedia/weir/protocols/hls/segment"
)

// TestMetrics: docs/hls.md lists each metric as it is gathered, and no other; and
// they count.
func TestMetrics(t *testing.T) {
	r := newRig(t, options{})
	s := r.publish(50)
	r.warm(s, segment.FMP4)
	s.play(330)
	l := r.playlist(r.open(""))
	body := r.get("/live/test/~hls/"+l.Segments[0].URI, 200).body
	r.get("/live/test/~hls/nothing", 404)

	families, err := r.host.Metrics.(*prometheus.Registry).Gather()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../docs/hls.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := strings.Count(string(text), "\n| `weir_hls_")
	values := make(map[string]float64)
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "weir_hls_") {
			continue
		}
		documented--
		m := f.GetMetric()[0]
		var labels []string
		for _, label := range m.GetLabel() {
			labels = append(labels, "`"+label.GetName()+"`")
		}
		row := fmt.Sprintf("\n| `%s` | %s | %s | %s |\n", f.GetName(), strings.ToLower(f.GetType().String()), strings.Join(labels, ", "), f.GetHelp())
		if !strings.Contains(string(text), row) {
			t.Errorf("docs/hls.md lacks %s", row)
		}
		values[f.GetName()] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	if documented != 0 {
		t.Errorf("docs/hls.md has %d lines more than there are metrics", documented)
	}
	for name, want := range map[string]float64{
		"weir_hls_muxers": 1, "weir_hls_media_bytes_sent_total": float64(len(body)), "weir_hls_not_found_total": 1,
		"weir_hls_segments_total": 6, "weir_hls_blocked_requests": 0,
	} {
		if values[name] != want {
			t.Errorf("%s is %v, want %v", name, values[name], want)
		}
	}
	if values["weir_hls_held_bytes"] < float64(len(body)) {
		t.Errorf("%v bytes are held", values["weir_hls_held_bytes"])
	}
}

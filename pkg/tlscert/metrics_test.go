package tlscert

import (
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmedia/weir/pkg/tlsfile/tlsfiletest"
)

// TestMetrics: the end of each certificate in use is told, and of none that is not.
func TestMetrics(t *testing.T) {
	with := NewConfig()
	with.Certificate, with.Key = tlsfiletest.Write(t, t.TempDir(), "shared")
	own := Listener{Section: "rtmp", Address: ":1", Default: ":1"}
	own.Certificate, own.Key = tlsfiletest.Write(t, t.TempDir(), "own")
	waiting := NewConfig()
	waiting.ACMEDomains = []string{"media.example.org"}
	for _, tt := range []struct {
		name     string
		config   *Config
		listener Listener
		want     []string // sections
	}{
		{"none", NewConfig(), Listener{Address: "off"}, nil},
		{"shared", with, Listener{Address: ":1", Default: ":1"}, []string{"tls"}},
		{"shared and own", with, own, []string{"rtmp", "tls"}},
		{"own", NewConfig(), own, []string{"rtmp"}},
		{"ACME, not there yet", waiting, Listener{Address: "off"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := New(tt.config, Options{Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(p.Close)
			if _, err := p.Server(tt.listener); err != nil {
				t.Fatal(err)
			}
			requireEnds(t, p, tt.want)
		})
	}
}

// requireEnds compares what is told with the sections of certificates that are good for
// an hour.
func requireEnds(t *testing.T, p *Provider, sections []string) {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(p)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "section" {
					got = append(got, l.GetValue())
				}
			}
			if left := time.Until(time.Unix(int64(m.GetGauge().GetValue()), 0)); left <= 0 || left > time.Hour {
				t.Errorf("%v ends in %v", m.GetLabel(), left)
			}
		}
	}
	if !slices.Equal(got, sections) {
		t.Errorf("told of %q, want %q", got, sections)
	}
}

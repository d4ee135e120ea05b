package metrics

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// row returns f's line in docs/metrics.md.
func (f *family) row() string {
	labels := make([]string, len(f.labels))
	for i, l := range f.labels {
		labels[i] = "`" + l + "`"
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s |", f.name, f.kind, strings.Join(labels, ", "), f.help)
}

// TestDocumentation keeps docs/metrics.md and the code the same: every metric
// has its line, and no line is about another.
func TestDocumentation(t *testing.T) {
	file, err := os.Open("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	documented := make(map[string]bool)
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if line := lines.Text(); strings.HasPrefix(line, "| `weir_") {
			if documented[line] {
				t.Errorf("twice: %s", line)
			}
			documented[line] = true
		}
	}
	for _, f := range newCollector(newServer(t).Options).all {
		if !documented[f.row()] {
			t.Errorf("missing: %s", f.row())
		}
		delete(documented, f.row())
	}
	for line := range documented {
		t.Errorf("not in the code: %s", line)
	}
}

// TestFamilies compares what is said of metrics with what a scrape gives: each
// family has samples, of its type, with its labels. The pedantic registry
// fails on samples that no family describes.
func TestFamilies(t *testing.T) {
	s := newServer(t)
	s.everything()
	c := newCollector(s.Options)
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(c)
	found, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	gathered := make(map[string]string)
	for _, f := range found {
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		gathered[f.GetName()] = fmt.Sprint(strings.ToLower(f.GetType().String()), labels)
	}
	for _, f := range c.all {
		if want := fmt.Sprint(f.kind, slices.Sorted(slices.Values(f.labels))); gathered[f.name] != want {
			t.Errorf("%s is %s, want %s", f.name, gathered[f.name], want)
		}
		delete(gathered, f.name)
	}
	for name := range gathered {
		t.Errorf("%s is not in the catalogue", name)
	}
}

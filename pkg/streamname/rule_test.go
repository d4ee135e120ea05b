package streamname_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/weirmedia/weir/pkg/streamname"
)

type rule struct {
	streamname.Scope
	Window *int
}

// rules makes a rule of each list of patterns; its window is its index.
func rules(t *testing.T, patterns ...[]string) []rule {
	t.Helper()
	var all []rule
	for i, texts := range patterns {
		r := rule{Window: &i}
		for _, text := range texts {
			r.Streams = append(r.Streams, mustPattern(t, text))
		}
		all = append(all, r)
	}
	return all
}

func TestRuleFor(t *testing.T) {
	list := rules(t, []string{"cam/*/low", "x"}, []string{"cam/**"}, []string{"**"})
	for name, want := range map[string]int{"cam/1/low": 0, "x": 0, "cam/1/hd": 1, "cam/1/low/x": 1, "cam": 2, "live/test": 2} {
		if r := streamname.RuleFor(list, name); r.Window == nil || *r.Window != want {
			t.Errorf("%s: %v, want %d", name, r.Window, want)
		}
	}
	if r := streamname.RuleFor(list[:2], "live/test"); r.Window != nil || streamname.Or(r.Window, 7) != 7 {
		t.Errorf("no rule: %v", r)
	}
	if r := streamname.RuleFor(list, "x"); streamname.Or(r.Window, 7) != 0 {
		t.Error("a rule that sets 0 does not")
	}
}

func TestCheckRules(t *testing.T) {
	check := func(r rule) error {
		if *r.Window == 1 {
			return errors.New("window: must not be 1")
		}
		return nil
	}
	for _, test := range []struct {
		patterns [][]string
		want     string
	}{
		{nil, ""},
		{[][]string{{"a"}}, ""},
		{[][]string{{}}, "streams[0].streams: needs at least one pattern"},
		{[][]string{{"a"}, {"b"}}, "streams[1].window: must not be 1"},
	} {
		got := ""
		if err := streamname.CheckRules("streams", rules(t, test.patterns...), check); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%v: %q, want %q", test.patterns, got, test.want)
		}
	}
}

func TestRuleWarnings(t *testing.T) {
	for _, test := range []struct {
		name     string
		patterns [][]string
		want     []string
	}{
		{"none", [][]string{{"cam/*/low", "x"}, {"cam/**"}, {"**"}}, nil},
		{"general first", [][]string{{"live/**"}, {"live/test", "cam/1"}}, []string{`streams[1].streams[0]: "live/test" has no effect, streams[0] matches the same first`}},
		{"in one rule", [][]string{{"cam/*", "cam/1"}}, []string{`streams[0].streams[1]: "cam/1" has no effect, a pattern before it matches the same`}},
		{"twice", [][]string{{"a"}, {"b"}, {"a", "a"}}, []string{
			`streams[2].streams[0]: "a" has no effect, streams[0] matches the same first`,
			`streams[2].streams[1]: "a" has no effect, a pattern before it matches the same`,
		}},
		{"captures are wildcards", [][]string{{"{app}/{key}"}, {"live/*"}}, []string{`streams[1].streams[0]: "live/*" has no effect, streams[0] matches the same first`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := streamname.RuleWarnings("streams", rules(t, test.patterns...)); !slices.Equal(got, test.want) {
				t.Errorf("got %s, want %s", fmt.Sprintf("%q", got), fmt.Sprintf("%q", test.want))
			}
		})
	}
}

// BenchmarkRuleFor is what a stream asks when something happens to it, never for
// a frame.
func BenchmarkRuleFor(b *testing.B) {
	var list []rule
	for i := range 20 {
		p, err := streamname.ParsePattern(fmt.Sprintf("cam/%d/**", i))
		if err != nil {
			b.Fatal(err)
		}
		list = append(list, rule{Scope: streamname.Scope{Streams: []streamname.Pattern{p}}})
	}
	b.ReportAllocs()
	for b.Loop() {
		streamname.RuleFor(list, "cam/19/hd")
	}
}

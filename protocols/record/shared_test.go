package record

import (
	"slices"
	"testing"

	"github.com/weirmedia/weir/remux/mediafile"
)

// TestSharedNames: rules by which files of different streams would have the same path are
// told of, with two such streams.
func TestSharedNames(t *testing.T) {
	named := func(pattern string, name Template) Rule {
		r := rule(t, pattern, Always)
		r.Name = &name
		return r
	}
	for _, test := range []struct {
		what  string
		rules []Rule
		want  []string
	}{
		{"one name for all", []Rule{rule(t, "cam/**", Always), rule(t, "live/**", Manual)}, nil},
		{"folders of their own", []Rule{named("cam/{x}", "cam/{x}/{unix}"), named("live/{x}", "live/{x}/{unix}")}, nil},
		{"taken by the rule before", []Rule{named("live/x", "here/{unix}"), named("live/*", "here/{name}/{unix}")}, nil},
		{"the same capture", []Rule{named("cam/{x}", "all/{x}/{unix}"), named("live/{y}", "all/{y}/{unix}")},
			[]string{`streams[1].name: files of "live/x" may have the same names as those of "cam/x", by streams[0]: numbers will tell them apart`}},
		{"a capture as a name", []Rule{named("cam/{x}", "{x}/{unix}"), named("live", "{name}/{unix}")},
			[]string{`streams[1].name: files of "live" may have the same names as those of "cam/live", by streams[0]: numbers will tell them apart`}},
		{"a name behind a name", []Rule{named("live/**", "{name}/{unix}"), named("**", "{name}/x/{unix}")},
			[]string{`streams[1].name: files of "live" may have the same names as those of "live/x", by streams[0]: numbers will tell them apart`}},
		{"a folder as a part of a name", []Rule{named("live/**", "{name}/{unix}"), named("**", "live/{name}/{unix}")},
			[]string{`streams[1].name: files of "x" may have the same names as those of "live/x", by streams[0]: numbers will tell them apart`}},
	} {
		c := New().(*Config)
		c.Streams = test.rules
		if got := c.Warnings(); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", test.what, got, test.want)
		}
	}
	c := New().(*Config)
	c.Streams = []Rule{named("cam/{x}", "all/{x}/{unix}"), named("live/{x}", "all/{x}/{unix}")}
	c.Streams[0].Format = new(Format(mediafile.TS))
	if got := c.Warnings(); got != nil {
		t.Errorf("files with different extensions: %q", got)
	}
}

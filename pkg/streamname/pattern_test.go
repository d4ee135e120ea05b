package streamname_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/streamname"
)

func mustPattern(t *testing.T, s string) streamname.Pattern {
	t.Helper()
	p, err := streamname.ParsePattern(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPatternMatch(t *testing.T) {
	type captures = map[string]string
	for _, test := range []struct {
		pattern, name string
		ok            bool
		captures      captures
	}{
		{pattern: "live/test", name: "live/test", ok: true},
		{pattern: "live/test", name: "live/Test"},
		{pattern: "live/test", name: "live"},
		{pattern: "live/test", name: "live/test/hd"},
		{pattern: "live/*", name: "live/test", ok: true},
		{pattern: "live/*", name: "live"},
		{pattern: "live/*", name: "live/test/hd"},
		{pattern: "*", name: "demo", ok: true},
		{pattern: "*", name: "live/test"},
		{pattern: "*/hd", name: "cam/hd", ok: true},
		{pattern: "**", name: "demo", ok: true},
		{pattern: "**", name: "a/b/c", ok: true},
		{pattern: "live/**", name: "live/a/b", ok: true},
		{pattern: "live/**", name: "live"},
		{pattern: "live/**", name: "liveness/a"},
		{pattern: "{app}/{key}", name: "live/test", ok: true, captures: captures{"app": "live", "key": "test"}},
		{pattern: "{app}/hd", name: "live/sd"},
		{pattern: "cam/{site}/**", name: "cam/north/hd/1", ok: true, captures: captures{"site": "north"}},
		{pattern: "{a}/*", name: "x"},
		{pattern: "**", name: ""},
	} {
		t.Run(test.pattern+" "+test.name, func(t *testing.T) {
			got, ok := mustPattern(t, test.pattern).Match(test.name)
			if ok != test.ok || !maps.Equal(got, test.captures) {
				t.Errorf("got %v, %v; want %v, %v", got, ok, test.captures, test.ok)
			}
		})
	}
	if _, ok := (streamname.Pattern{}).Match("live"); ok {
		t.Error("the zero pattern matches")
	}
}

func TestParsePatternErrors(t *testing.T) {
	for _, test := range []struct{ name, in, err string }{
		{"empty", "", "empty"},
		{"leading slash", "/live", "empty segment"},
		{"rest before the end", "**/hd", "before its end"},
		{"part of a segment", "cam-*", "whole segments"},
		{"three stars", "***", "whole segments"},
		{"open brace", "{x", "whole segments"},
		{"no capture name", "{}", `captures ""`},
		{"bad capture name", "{X}", `captures "X"`},
		{"digit in front", "{1x}", `captures "1x"`},
		{"twice", "{x}/{x}", "twice"},
		{"dots", "live/..", `".."`},
		{"control character", "live/\n", "U+000A"},
		{"broken UTF-8", "live/\xff", "UTF-8"},
		{"too many segments", "a/b/c/d/e/f/g/h/i", "9 segments"},
		{"too long", strings.Repeat("x", 256), "256 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := streamname.ParsePattern(test.in)
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("error %v, want %q", err, test.err)
			}
		})
	}
}

func TestPatternCovers(t *testing.T) {
	for _, test := range []struct {
		p, q string
		want bool
	}{
		{"**", "**", true},
		{"**", "live/test", true},
		{"live/**", "live/*", true},
		{"live/**", "live/a/**", true},
		{"live/**", "live", false},
		{"live/*", "live/**", false},
		{"live/*", "live/{x}", true},
		{"live/{x}", "live/*", true},
		{"live/*", "live/test", true},
		{"live/test", "live/*", false},
		{"live/test", "live/test", true},
		{"live", "live/test", false},
		{"*", "**", false},
		{"*/test", "**", false},
	} {
		t.Run(test.p+" "+test.q, func(t *testing.T) {
			if got := mustPattern(t, test.p).Covers(mustPattern(t, test.q)); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestPatternText(t *testing.T) {
	var p streamname.Pattern
	if err := p.UnmarshalText([]byte("live/{x}")); err != nil {
		t.Fatal(err)
	}
	text, err := p.MarshalText()
	if err != nil || string(text) != "live/{x}" || p.String() != "live/{x}" {
		t.Errorf("got %q, %v, %q", text, err, p)
	}
	if err := p.UnmarshalText([]byte("{x")); err == nil || p.String() != "live/{x}" {
		t.Errorf("a bad text gave error %v and pattern %q", err, p)
	}
}

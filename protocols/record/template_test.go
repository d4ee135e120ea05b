package record

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/weirmedia/weir/pkg/streamname"
)

var moment = time.Date(2026, 11, 21, 15, 4, 5, 123456789, time.FixedZone("elsewhere", 3600))

func TestFill(t *testing.T) {
	long := strings.Repeat("é", 127) // 254 bytes
	for _, test := range []struct {
		name, template, stream string
		captures               map[string]string
		want                   string
	}{
		{"usual", "{name}/{date}/{time}", "live/a", nil, "live/a/2026-11-21/14-04-05.123"},
		{"numbers", "x/{unix}-{n}", "live/a", nil, "x/1795269845123-7"},
		{"captures", "{site}/{cam}-{date}{time}", "north/1", map[string]string{"site": "north", "cam": "1"}, "north/1-2026-11-2114-04-05.123"},
		{"inside of a part", "rec-{name}.x/{n}", "a/b", nil, "rec-a/b.x/7"},
		{"no way up", "{x}/{n}", "a", map[string]string{"x": ".."}, "%2E%2E/7"},
		{"no way up by halves", "{x}{x}/{n}", "a", map[string]string{"x": "."}, "%2E%2E/7"},
		{"no folder", "{x}/{n}", "a", map[string]string{"x": `/etc\x`}, "%2Fetc%5Cx/7"},
		{"what some file systems refuse", "{name}/{n}", `a<b>:c|"d"*e`, nil, "a%3Cb%3E%3Ac%7C%22d%22%2Ae/7"},
		{"control characters", "{x}/{n}", "a", map[string]string{"x": "a\x00\n\u0085"}, "a%00%0A%C2%85/7"},
		{"dots and spaces at the ends", "{name}/{n}", ".a b./.../c", nil, "%2Ea b%2E/%2E.%2E/c/7"},
		{"other scripts", "{name}/{n}", "камера/東", nil, "камера/東/7"},
		{"long part", "{name}/{n}", long, nil, long + "/7"},
		{"too long a last part", "{n}-{name}", long, nil, "7-" + strings.Repeat("é", 110) + "~"},
		{"too long with others", "xx-{name}/{n}", long, nil, "xx-" + strings.Repeat("é", 117) + "~"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Template(test.template).fill(fields{test.stream, test.captures, moment, 7})
			if err != nil || !strings.HasPrefix(got, test.want) || !strings.HasSuffix(test.want, "~") && got != test.want {
				t.Errorf("%q, %v; want %q", got, err, test.want)
			}
			for part := range strings.SplitSeq(got, "/") {
				if len(part) > maxSegment || !utf8.ValidString(part) {
					t.Errorf("a part of %d bytes: %q", len(part), part)
				}
			}
		})
	}
	a, err := Template("{name}").fill(fields{stream: strings.Repeat("a", 254) + "b"})
	b, err2 := Template("{name}").fill(fields{stream: strings.Repeat("a", 254) + "c"})
	if err != nil || err2 != nil || a == b {
		t.Errorf("names that differ at their ends become one: %q", a)
	}
}

func patterns(t *testing.T, texts ...string) (out []streamname.Pattern) {
	t.Helper()
	for _, text := range texts {
		p, err := streamname.ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

func TestCheckTemplate(t *testing.T) {
	for _, test := range []struct {
		template string
		patterns []string
		want     string // in the error
	}{
		{"{name}/{date}/{time}", nil, ""},
		{"{name}/{unix}", nil, ""},
		{"{name}-{n}", []string{"**"}, ""},
		{"{site}/{cam}/{unix}", []string{"{site}/{cam}"}, ""},
		{"fixed/{unix}", []string{"live/a"}, ""},
		{"..foo/{name}/{unix}", nil, ""},

		{"", nil, "empty"},
		{strings.Repeat("x", 300) + "{name}{n}", nil, "bytes"},
		{"\xff{name}{n}", nil, "UTF-8"},
		{"a\n{name}{n}", nil, "control"},
		{`a\{name}{n}`, nil, "backslash"},
		{"/rec/{name}{n}", nil, "below the folder"},
		{"../{name}{n}", nil, "below the folder"},
		{"a/../../{name}{n}", nil, "below the folder"},
		{"./{name}{n}", nil, "below the folder"},
		{"a//{name}{n}", nil, "below the folder"},
		{"{name}{n}/", nil, "below the folder"},
		{"{name}/{n", nil, `without "}"`},
		{"{name}/{nn}", nil, "{nn}"},
		{"{name}/{x}/{n}", []string{"{x}/a", "*/b"}, "{x}"},
		{"{unix}", nil, "{name}"},
		{"{unix}", []string{"live/*"}, "{name}"},
		{"{unix}", []string{"a", "b"}, "{name}"},
		{"{x}/{unix}", []string{"{x}/{y}"}, "{name}"},
		{"{x}/{unix}", []string{"{x}/**"}, "{name}"},
		{"{x}/{unix}", []string{"{x}/a", "b/{x}"}, "{name}"},
		{"{x}-{y}/{unix}", []string{"{x}/{y}"}, "{name}"}, // a-b/c and a/b-c
		{"{name}", nil, "same name"},
		{"{name}/{date}", nil, "same name"},
		{"{name}/{time}", []string{"a"}, "same name"},
		{"fixed", []string{"a"}, "same name"},
	} {
		err := Template(test.template).check(patterns(t, test.patterns...))
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%q for %q: %v, want %q", test.template, test.patterns, err, test.want)
		}
	}
}

// FuzzFill: whatever a publisher calls a stream, a file lies below the folder and has a
// name that file systems take; different streams have different files.
func FuzzFill(f *testing.F) {
	f.Fuzz(func(t *testing.T, template, a, b string) {
		name, err := streamname.Parse(a)
		other, err2 := streamname.Parse(b)
		if err != nil || err2 != nil || Template(template).check(nil) != nil {
			return
		}
		path, err := Template(template).fill(fields{name, nil, moment, 1})
		if err != nil {
			t.Fatal(err)
		}
		if !filepath.IsLocal(path) || !utf8.ValidString(path) {
			t.Fatalf("%q", path)
		}
		for part := range strings.SplitSeq(path, "/") {
			if part == "" || part == "." || part == ".." || len(part) > maxSegment || strings.ContainsAny(part, "\x00\n\\") {
				t.Fatalf("%q has the part %q", path, part)
			}
		}
		second, err := Template(template).fill(fields{other, nil, moment, 1})
		if err != nil || (second == path) != (name == other) {
			t.Fatalf("%q and %q: %q and %q, %v", name, other, path, second, err)
		}
	})
}

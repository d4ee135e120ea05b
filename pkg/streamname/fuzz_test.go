package streamname_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/streamname"
)

func checkName(t *testing.T, name string) {
	t.Helper()
	if name == "" || len(name) > streamname.MaxBytes || !utf8.ValidString(name) {
		t.Fatalf("name %q has a bad length or encoding", name)
	}
	segments := strings.Split(name, "/")
	if len(segments) > streamname.MaxSegments {
		t.Fatalf("name %q has too many segments", name)
	}
	for _, s := range segments {
		if s == "" || s == "." || s == ".." || strings.ContainsAny(s, "\\?#%\x00\r\n\t\x7f") {
			t.Fatalf("name %q has segment %q", name, s)
		}
	}
	if again, err := streamname.Parse(name); err != nil || again != name {
		t.Fatalf("parsing %q again gives %q, %v", name, again, err)
	}
	if err := streamname.CheckPublish(name); err != nil && reason.Of(err, "") != reason.BadName {
		t.Fatalf("error %v has no reason", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Fuzz(func(t *testing.T, s string) {
		name, err := streamname.Parse(s)
		if err != nil {
			if name != "" || reason.Of(err, "") != reason.BadName {
				t.Fatalf("got %q with error %v", name, err)
			}
			return
		}
		checkName(t, name)
	})
}

func FuzzJoin(f *testing.F) {
	f.Fuzz(func(t *testing.T, app, key string) {
		name, query, err := streamname.Join(app, key)
		if err != nil {
			if name != "" || query != nil || reason.Of(err, "") != reason.BadName {
				t.Fatalf("got %q, %v with error %v", name, query, err)
			}
			return
		}
		checkName(t, name)
		if query != nil && !strings.Contains(app+key, "?") {
			t.Fatalf("query %v out of nothing", query)
		}
	})
}

func FuzzPattern(f *testing.F) {
	f.Fuzz(func(t *testing.T, pattern, name string) {
		p, err := streamname.ParsePattern(pattern)
		if err != nil {
			return
		}
		if again, err := streamname.ParsePattern(p.String()); err != nil || again.String() != pattern {
			t.Fatalf("pattern %q does not survive its text: %q, %v", pattern, again, err)
		}
		if !p.Covers(p) {
			t.Fatalf("pattern %q does not cover itself", pattern)
		}
		name, err = streamname.Parse(name)
		if err != nil {
			return
		}
		captures, ok := p.Match(name)
		for x, value := range captures {
			if !strings.Contains(pattern, "{"+x+"}") || strings.Contains(value, "/") || !strings.Contains(name, value) {
				t.Fatalf("pattern %q captures %q as %q from %q", pattern, x, value, name)
			}
		}
		// A name without wildcards is a pattern that matches itself alone.
		if q, err := streamname.ParsePattern(name); err == nil && !strings.ContainsAny(name, "*{") {
			if p.Covers(q) != ok {
				t.Fatalf("pattern %q: Match(%q) is %v, Covers is not", pattern, name, ok)
			}
		}
	})
}

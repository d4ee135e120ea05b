package config

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzLoad loads a file and an environment variable of the attacker's choice.
// What loads must be written so that it loads again as the same.
func FuzzLoad(f *testing.F) {
	f.Fuzz(func(t *testing.T, file []byte, codecs string) {
		s := newSample()
		env := "WEIR_RTMP_CODECS=" + strings.ToValidUTF8(codecs, "")
		report, err := load(LoadOptions{Path: "weir.yaml", Env: []string{env}, Sections: s.sections()}, file)
		if err != nil {
			var problems Problems
			if !errors.As(err, &problems) || len(problems) == 0 {
				t.Fatalf("no problems: %v", err)
			}
			line := 0
			for _, p := range problems {
				if p.Origin.Line > 0 && p.Origin.Line < line {
					t.Fatalf("not in the order of lines: %v", err)
				}
				line = p.Origin.Line
			}
			return
		}
		first := effective(t, report)
		again := newSample()
		report, err = again.load(first)
		if err != nil {
			t.Fatalf("what was written does not load: %v\n%s", err, first)
		}
		if second := effective(t, report); withoutComments(second) != withoutComments(first) {
			t.Fatalf("loaded again it differs:\n%s\n%s", first, second)
		}
		different, err := report.Differences()
		if err != nil {
			t.Fatal(err)
		}
		if report, err = newSample().load(string(different)); err != nil {
			t.Fatalf("the differences do not load: %v\n%s", err, different)
		}
		if third := effective(t, report); withoutComments(third) != withoutComments(first) {
			t.Fatalf("the differences are others:\n%s\n%s", first, third)
		}
	})
}

func effective(t *testing.T, r *Report) string {
	t.Helper()
	out, err := r.Effective()
	if err != nil || !utf8.Valid(out) {
		t.Fatalf("got %q, %v", out, err)
	}
	return string(out)
}

// withoutComments cuts the marks that Effective appends. A " # default" inside a
// value only makes the comparison shorter, in the same way on both sides.
func withoutComments(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		line, _, _ = strings.Cut(line, " # default: ")
		line, _, _ = strings.Cut(line, " # set by ")
		b.WriteString(strings.TrimSuffix(line, "\n") + "\n")
	}
	return b.String()
}

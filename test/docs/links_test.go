package docs

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	code    = regexp.MustCompile("`[^`\n]*`")
	heading = regexp.MustCompile(`(?m)^#+ +(.+?) *$`)
)

// TestLinks: every relative link leads to a file or folder, and its fragment to
// a heading there.
func TestLinks(t *testing.T) {
	checked := 0
	for _, d := range documents(t) {
		for _, found := range link.FindAllStringSubmatch(code.ReplaceAllString(d.prose, ""), -1) {
			target := found[1]
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			checked++
			if problem := follow(t, d, target); problem != "" {
				t.Errorf("%s: the link to %s: %s", d.path, target, problem)
			}
		}
	}
	if checked == 0 {
		t.Fatal("no links found")
	}
}

// follow returns what is wrong with a link of d, or "".
func follow(t *testing.T, d document, target string) string {
	t.Helper()
	file, fragment, _ := strings.Cut(target, "#")
	to := d
	if file != "" {
		relative := path.Join(path.Dir(d.path), file)
		switch _, err := os.Stat(filepath.Join(root, relative)); {
		case strings.HasPrefix(relative, ".."):
			return "it leaves the repository"
		case err != nil:
			return "there is no such file"
		case fragment == "":
			return ""
		case path.Ext(relative) != ".md":
			return "only headings of documents have fragments"
		}
		to = readDocument(t, relative)
	}
	for _, h := range heading.FindAllStringSubmatch(to.prose, -1) {
		if anchor(h[1]) == fragment {
			return ""
		}
	}
	return "there is no such heading"
}

// anchor is the fragment that GitHub gives to a heading.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

func TestFollow(t *testing.T) {
	from := document{path: "docs/x.md", prose: "# API, metrics and `console`\n"}
	tests := []struct {
		name, target string
		ok           bool
	}{
		{"a file", "../README.md", true},
		{"a folder", "../pkg", true},
		{"a heading here", "#api-metrics-and-console", true},
		{"a heading there", "../README.md#quick-start", true},
		{"no file", "../README.txt", false},
		{"no heading here", "#api", false},
		{"no heading there", "../README.md#slow-start", false},
		{"a fragment of code", "../go.mod#x", false},
		{"outside", "../../elsewhere", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if problem := follow(t, from, tt.target); (problem == "") != tt.ok {
				t.Errorf("follow(%q) = %q", tt.target, problem)
			}
		})
	}
}

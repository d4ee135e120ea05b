package web

import (
	"os"
	"regexp"
	"testing"
)

// TestWords: the console has words for each reason, milestone and type of event.
func TestWords(t *testing.T) {
	words := read(t, "src/i18n/en.ts")
	for _, list := range []struct {
		name, source, constant, section, word string
	}{
		{"reasons", "../pkg/reason/reason.go", `Reason = "([a-z_]+)"`, `(?s)\n  reasons: \{\n(.*?)\n  \}`, `(?m)^ +([a-z_]+): "`},
		{"milestones", "../pkg/session/timeline.go", `Milestone = "([a-z_]+)"`, `(?s)\n  timeline: \{\n(.*?)\n  \}`, `(?m)^ +([a-z_]+): "`},
		{"events", "../pkg/event/event.go", `Type\s+= "([a-z_.]+)"`, `(?s)\n    types: \{\n(.*?)\n    \}`, `(?m)^ +"?([a-z_.]+)"?: "`},
	} {
		known := map[string]bool{}
		for _, found := range regexp.MustCompile(list.constant).FindAllStringSubmatch(read(t, list.source), -1) {
			known[found[1]] = true
		}
		section := regexp.MustCompile(list.section).FindStringSubmatch(words)
		if len(known) == 0 || section == nil {
			t.Fatalf("no %s found", list.name)
		}
		for _, found := range regexp.MustCompile(list.word).FindAllStringSubmatch(section[1], -1) {
			delete(known, found[1])
		}
		for word := range known {
			t.Errorf("%s: the console has no words for %s", list.name, word)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

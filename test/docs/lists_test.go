package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// notRun are the words that say why a shell sample is not run, and what for.
var notRun = map[string]string{
	"builds":             "it builds and runs the program itself",
	"needs-certificate":  "it needs the name and certificate of a server",
	"needs-camera":       "it needs a camera",
	"needs-newer-ffmpeg": "the ffmpeg of Debian 12 does not know it; test/e2e runs a newer one",
	"needs-display":      "the client needs a screen",
	"needs-docker":       "it needs Docker; test/e2e does the same without",
	"needs-kubernetes":   "it needs a cluster; test/e2e checks the manifests",
	"changes-machine":    "it changes the machine; test/e2e runs the same files elsewhere",
	"shows-users":        "it needs users that the reader has to make",
}

// TestSampleWords: each shell sample of the guides says whether it is run: test
// if it ends by itself, endless if not, or a word that says why not.
func TestSampleWords(t *testing.T) {
	samples := 0
	for _, d := range guides(t) {
		for _, b := range d.blocks {
			if b.language != "sh" {
				continue
			}
			samples++
			known := len(b.words) == 1 && (b.has("test") || b.has("endless") || notRun[b.words[0]] != "")
			if !known {
				t.Errorf("%s:%d: the words %q are not one of test, endless or a reason why not", d.path, b.line, b.words)
			}
		}
	}
	if samples == 0 {
		t.Fatal("no samples found")
	}
}

// command matches a line that is typed.
var command = regexp.MustCompile(`(?m)^(\$|ffmpeg|ffplay|vlc|mpv|curl|gst-launch-1\.0|make|go|docker) .*`)

// TestCommandsAreSamples: no block of another language hides a command from
// TestSampleWords.
func TestCommandsAreSamples(t *testing.T) {
	for _, d := range guides(t) {
		for _, b := range d.blocks {
			if found := command.FindString(b.text); b.language != "sh" && found != "" {
				t.Errorf("%s:%d: the block of %q holds a command: %s", d.path, b.line, b.language, found)
			}
		}
	}
}

// guides returns the documents for users and contributors.
func guides(t *testing.T) []document {
	t.Helper()
	return slices.DeleteFunc(documents(t), func(d document) bool {
		return d.path != "README.md" && d.path != "CONTRIBUTING.md" && !strings.HasPrefix(d.path, "docs/")
	})
}

// TestReasons: the table has each reason, and no other.
func TestReasons(t *testing.T) {
	source := read(t, "pkg/reason/reason.go")
	var want, got []string
	for _, found := range regexp.MustCompile(`Reason = "([a-z_]+)"`).FindAllStringSubmatch(source, -1) {
		want = append(want, found[1])
	}
	_, section, _ := strings.Cut(read(t, "docs/api.md"), "\n## Reasons\n")
	for _, found := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| \\S").FindAllStringSubmatch(section, -1) {
		got = append(got, found[1])
	}
	if !slices.Equal(got, want) || len(want) == 0 {
		t.Errorf("docs/api.md has the reasons\n%q, the code\n%q", got, want)
	}
}

// TestKeys: each key of the configuration that a guide names is one.
func TestKeys(t *testing.T) {
	known, sections := map[string]bool{}, map[string]bool{}
	add := func(path, pattern string) {
		for _, found := range regexp.MustCompile(pattern).FindAllStringSubmatch(read(t, path), -1) {
			known[found[1]+"."+found[2]] = true
			sections[found[1]] = true
		}
	}
	add("docs/configuration.md", "(?m)^\\| `([a-z0-9]+)\\.([a-z_]+)` \\|")
	add("docs/hooks.md", "(?m)^\\| `([a-z]+)\\.([a-z_]+)` \\|") // events are written alike
	named := 0
	for _, d := range guides(t) {
		for _, found := range regexp.MustCompile("`([a-z0-9]+)\\.([a-z_]+)(?:: [^`]*)?`").FindAllStringSubmatch(d.prose, -1) {
			if key := found[1] + "." + found[2]; sections[found[1]] {
				named++
				if !known[key] {
					t.Errorf("%s: there is no key or event %s", d.path, key)
				}
			}
		}
	}
	if named == 0 {
		t.Fatal("no keys found")
	}
}

// TestNotice: NOTICE has the modules that the program contains, and their
// versions.
func TestNotice(t *testing.T) {
	_ = read(t, "go.mod") // so that the test cache notices a change
	list := exec.Command("go", "list", "-deps", "-tags", "nomsgpack", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{end}}{{end}}", "./cmd/weir")
	list.Dir = root
	list.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(out)), "\n")
	slices.Sort(want)
	want = slices.Compact(want)
	var got []string
	for _, found := range regexp.MustCompile(`(?m)^  (\S+\.\S+/\S+) +(v\S+) +\S+$`).FindAllStringSubmatch(read(t, "NOTICE"), -1) {
		got = append(got, found[1]+" "+found[2])
	}
	if want = slices.DeleteFunc(want, func(s string) bool { return s == "" }); !slices.Equal(got, want) {
		t.Errorf("NOTICE lists\n%s\nthe program contains\n%s\nRun test/tools/notice.sh", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

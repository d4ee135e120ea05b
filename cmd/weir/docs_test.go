package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/config"
)

var update = flag.Bool("update", false, "write the reference of the configuration and the sample anew")

const (
	sampleFile = "../../weir.yaml.example"
	guideFile  = "../../docs/configuration.md"
)

// TestHelp: each key says what it is for, in a way that fits a table, a comment of
// YAML and a page.
func TestHelp(t *testing.T) {
	for _, k := range flat(defaultKeys(t)) {
		switch {
		case !strings.HasSuffix(k.Help, "."):
			t.Errorf("%s: the help is no sentence: %q", k.Key, k.Help)
		case strings.ContainsAny(k.Help, "`|<>\n"):
			t.Errorf("%s: the help has a sign that is no text everywhere: %q", k.Key, k.Help)
		case len(k.Help) > 200:
			t.Errorf("%s: the help is too long for a table; docs/configuration.md has room below it: %q", k.Key, k.Help)
		}
	}
}

// TestConfigurationGuide: the tables between the markers are what the code says.
func TestConfigurationGuide(t *testing.T) {
	text := readText(t, guideFile)
	for _, s := range defaultSettings().sections() {
		head := fmt.Sprintf("<!-- keys of %s: generated -->\n", s.Name)
		before, rest, found := strings.Cut(text, head)
		_, after, ended := strings.Cut(rest, "<!-- end -->\n")
		if !found || !ended {
			t.Errorf("the section %s has no place: %q and the mark of its end", s.Name, head)
			continue
		}
		text = before + head + "\n" + keyTable(defaultKeys(t), s.Name) + "\n<!-- end -->\n" + after
	}
	compareFile(t, guideFile, text)
}

// keyTable returns the keys of a section as Markdown.
func keyTable(keys []config.Key, section string) string {
	var b strings.Builder
	b.WriteString("| key | type | default | meaning | live | variable |\n|---|---|---|---|---|---|\n")
	for _, k := range flat(keys) {
		if !strings.HasPrefix(k.Key, section+".") {
			continue
		}
		live, variable := "restart", "file only"
		if k.Live {
			live = "yes"
		}
		if k.Variable != "" {
			variable = "`" + k.Variable + "`"
		}
		byDefault := strings.Trim(k.Default, `"`)
		if byDefault != "" {
			byDefault = "`" + byDefault + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", k.Key, k.Type, byDefault, typed.ReplaceAllString(k.Help, "$1`$2`"), live, variable)
	}
	return b.String()
}

// typed matches what is in single quotes, but no apostrophe.
var typed = regexp.MustCompile(`(^|[ (])'([^']+)'`)

const sampleHead = `# Every setting of weir with its default. Copy this file to weir.yaml, in the
# folder where weir starts, and keep what you change: none of it is needed.
#
#   weir check        says what is wrong, and what differs from the defaults
#
# Sizes have units (64KB, 8MiB), and so have times (350ms, 15s, 1h30m).
# Addresses are ":PORT" or "HOST:PORT"; "off" switches a listener off.
# docs/configuration.md says more. Of each list of groups one group is shown.
`

// TestSampleConfiguration: the sample is what the code says, sets each key, to its
// default, and loads.
func TestSampleConfiguration(t *testing.T) {
	text := sampleHead
	keys := defaultKeys(t)
	for _, s := range defaultSettings().sections() {
		text += "\n" + s.Name + ":\n"
		for _, k := range keys {
			if section, _, _ := strings.Cut(k.Key, "."); section == s.Name {
				text += sampleKey(t, k, s.Name)
			}
		}
	}
	compareFile(t, sampleFile, text)
	report := loadConfiguration(t, sampleFile)
	for _, k := range keys {
		if report.Origin(k.Key) == (config.Origin{}) {
			t.Errorf("%s is missing", k.Key)
		}
	}
	if different, err := report.Differences(); err != nil || len(different) > 0 || len(report.Warnings) > 0 {
		t.Errorf("%v, warnings: %q, differs from the defaults:\n%s", err, report.Warnings, different)
	}
}

// sampleKey returns the lines of a key of a section.
func sampleKey(t *testing.T, k config.Key, section string) string {
	name := strings.TrimPrefix(k.Key, section+".")
	if strings.Contains(name, ".") {
		t.Fatalf("%s: the sample has no groups inside of sections", k.Key)
	}
	out := comment("  # ", k.Help)
	if k.Type == config.TypeGroups {
		out += "  #\n" + prefixed("  # ", exampleOf(k, name))
	}
	return out + "  " + name + ": " + k.Default + "\n"
}

// exampleOf returns a list of groups as YAML, with one element. Keys without an
// example are in comments.
func exampleOf(k config.Key, name string) string {
	var element strings.Builder
	for _, item := range k.Items {
		key := strings.TrimPrefix(item.Key, k.Key+"[].")
		element.WriteString(comment("# ", item.Help))
		switch {
		case item.Type == config.TypeGroups:
			element.WriteString(exampleOf(item, key))
		case item.Example != "":
			element.WriteString(key + ": " + item.Example + "\n")
		default:
			element.WriteString("# " + key + ":\n")
		}
	}
	first, rest, _ := strings.Cut(element.String(), "\n")
	return name + ":\n  - " + first + "\n" + prefixed("    ", rest)
}

// TestExamples: the lists of groups of the sample load if their comments are
// opened.
func TestExamples(t *testing.T) {
	n := 0
	for _, k := range defaultKeys(t) {
		if k.Type != config.TypeGroups {
			continue
		}
		n++
		section, name, _ := strings.Cut(k.Key, ".")
		path := t.TempDir() + "/weir.yaml"
		if err := os.WriteFile(path, []byte(section+":\n"+prefixed("  ", exampleOf(k, name))), 0o600); err != nil {
			t.Fatal(err)
		}
		report := loadConfiguration(t, path)
		different, err := report.Differences()
		if err != nil || !strings.HasPrefix(string(different), section+":\n  "+name+": #") || len(report.Warnings) > 0 {
			t.Errorf("%s: %v, %q\n%s", k.Key, err, report.Warnings, different)
		}
	}
	if n == 0 {
		t.Error("there are no lists of groups")
	}
}

// comment returns words in lines of 80 columns at most, each after the sign.
func comment(sign, words string) string {
	const width = 80
	var b strings.Builder
	line := ""
	for word := range strings.FieldsSeq(words) {
		if line != "" && len(sign)+len(line)+1+len(word) > width {
			b.WriteString(sign + line + "\n")
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return b.String() + sign + line + "\n"
}

func prefixed(prefix, lines string) string {
	var b strings.Builder
	for line := range strings.Lines(lines) {
		b.WriteString(prefix + line)
	}
	return b.String()
}

// flat returns the keys, each before those of its elements.
func flat(keys []config.Key) []config.Key {
	var all []config.Key
	for _, k := range keys {
		all = append(append(all, k), flat(k.Items)...)
	}
	return all
}

func defaultKeys(t *testing.T) []config.Key {
	t.Helper()
	keys, err := loadConfiguration(t, "").Keys()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func loadConfiguration(t *testing.T, path string) *config.Report {
	t.Helper()
	report, err := config.Load(config.LoadOptions{Path: path, Required: path != "", Sections: defaultSettings().sections()})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// compareFile wants a file of this text, and writes it if -update is given.
func compareFile(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got := readText(t, path)
	if got == want {
		return
	}
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(gotLines), len(wantLines)) {
		if a, b := at(gotLines, i), at(wantLines, i); a != b {
			t.Fatalf("%s:%d is not what the code says; `go test ./cmd/weir -run Configuration -update` writes it anew:\n%s\n%s", path, i+1, a, b)
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return cmp.Or(lines[i], "(an empty line)")
	}
	return "(the end)"
}

func readText(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

package main

import (
	"encoding"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/config"
)

const (
	sampleFile = "../../weir.yaml.example"
	guideFile  = "../../docs/configuration.md"
)

// TestSampleConfiguration: the sample sets each key, to its default, and says
// what each is for.
func TestSampleConfiguration(t *testing.T) {
	s := defaultSettings()
	report := loadConfiguration(t, s, sampleFile)
	if len(report.Warnings) > 0 {
		t.Errorf("warnings: %q", report.Warnings)
	}
	want := effective(t, loadConfiguration(t, defaultSettings(), ""))
	if got := effective(t, report); got != want {
		t.Errorf("the sample differs from the defaults:\n%s\nwant\n%s", got, want)
	}
	text := readText(t, sampleFile)
	for _, key := range settingKeys(s) {
		_, name, _ := strings.Cut(key, ".")
		if strings.Contains(key, "[]") { // shown in a comment
			name = name[strings.LastIndex(name, ".")+1:]
			if !regexp.MustCompile(`(?m)^  # .*\b` + name + `:`).MatchString(text) {
				t.Errorf("%s is not in the sample's comments", key)
			}
			continue
		}
		if report.Origin(key) == (config.Origin{}) {
			t.Errorf("%s is missing", key)
		}
		if !regexp.MustCompile(`(?m)^  ` + name + `: .* # \w`).MatchString(text) {
			t.Errorf("%s has no comment", key)
		}
	}
}

// fileOnly are the lists of sections: variables hold no such.
var fileOnly = regexp.MustCompile(`^(auth\.users|hls\.streams|webrtc\.ice_servers|hooks\.receivers)`)

// TestConfigurationGuide: the tables have each key, no other, and the right
// default and variable for each.
func TestConfigurationGuide(t *testing.T) {
	s := defaultSettings()
	defaults := defaultTexts(effective(t, loadConfiguration(t, s, "")))
	keys := settingKeys(s)
	row := regexp.MustCompile("(?m)^\\| `([a-z0-9_]+\\.[a-z_.\\[\\]]+)` \\| ([^|]+) \\|([^|]*)\\|([^|]+)\\|([^|]+)\\|$")
	documented := map[string]bool{}
	for _, cells := range row.FindAllStringSubmatch(readText(t, guideFile), -1) {
		key, value, variable := cells[1], strings.Trim(cells[3], " `"), strings.Trim(cells[5], " `")
		if documented[key] {
			t.Errorf("%s is there twice", key)
		}
		documented[key] = true
		if !slices.Contains(keys, key) {
			t.Errorf("there is no key %s", key)
			continue
		}
		if want, ok := defaults[key]; ok && value != want {
			t.Errorf("%s: the default is %q, not %q", key, want, value)
		}
		want := "WEIR_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
		if fileOnly.MatchString(key) {
			want = "file only"
		}
		if variable != want {
			t.Errorf("%s: the variable is %q, not %q", key, want, variable)
		}
	}
	for _, key := range keys {
		if !documented[key] {
			t.Errorf("%s is missing", key)
		}
	}
}

func loadConfiguration(t *testing.T, s *settings, path string) *config.Report {
	t.Helper()
	report, err := config.Load(config.LoadOptions{Path: path, Required: path != "", Sections: s.sections()})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// effective returns the configuration in force, without the comments that tell
// where it was set.
func effective(t *testing.T, r *config.Report) string {
	t.Helper()
	text, err := r.Effective()
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`(?m) # .*$`).ReplaceAllString(string(text), "")
}

// defaultTexts reads sections and keys of an effective configuration, unquoted.
func defaultTexts(text string) map[string]string {
	out := map[string]string{}
	section := ""
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if !strings.HasPrefix(line, " ") {
			section = name
			continue
		}
		out[section+"."+name] = strings.Trim(strings.TrimSpace(value), `"`)
	}
	return out
}

func readText(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// settingKeys returns every key that can be set: "auth.users", and for lists of
// structs those of their elements too, as "auth.users[].name".
func settingKeys(s *settings) []string {
	var out []string
	for _, section := range s.sections() {
		out = append(out, keysOf(section.Name, reflect.TypeOf(section.Value).Elem())...)
	}
	return out
}

func keysOf(prefix string, t reflect.Type) []string {
	var out []string
	for i := range t.NumField() {
		name, of := t.Field(i).Tag.Get("yaml"), t.Field(i).Type
		if name == "" || name == "-" {
			continue
		}
		key := prefix + "." + name
		switch {
		case isGroup(of):
			out = append(out, keysOf(key, of)...)
			continue
		case of.Kind() == reflect.Slice && isGroup(of.Elem()):
			out = append(out, key)
			out = append(out, keysOf(key+"[]", of.Elem())...)
			continue
		}
		out = append(out, key)
	}
	return out
}

// isGroup reports whether a type has keys of its own: it is a struct that is
// not written as text.
func isGroup(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !t.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}

package auth

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/config"
)

// loadConfig loads text as the section "auth" of a file.
func loadConfig(t *testing.T, text string) (Config, *config.Report, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "weir.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var c Config
	report, err := config.Load(config.LoadOptions{Path: path, Required: true, Sections: []config.Section{{Name: "auth", Value: &c}}})
	return c, report, err
}

func TestConfigFromFile(t *testing.T) {
	c, report, err := loadConfig(t, `
auth:
  users:
    - name: cam
      password: `+knownHash+`
      allow:
        - actions: [publish, play]
          streams: [live/cam, "cam/**"]
      addresses: [10.0.0.0/8, 127.0.0.1]
    - name: ann
      digest: `+knownHA1+`
      allow:
        - actions: [play]
          streams: ["**"]
    - allow:
        - actions: [play]
          streams: ["**"]
`)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Users) != 3 || c.Users[0].Name != "cam" || !c.Users[0].Password.Verify("password") || len(c.Users[0].Addresses) != 2 || !c.Users[1].Digest.Verify("ann", "secret") || !c.Users[2].anonymous() {
		t.Errorf("got %+v", c)
	}
	if len(report.Warnings) > 0 {
		t.Errorf("got warnings %q", report.Warnings)
	}
	out, err := report.Effective()
	if err != nil || strings.Contains(string(out), "argon2") || strings.Contains(string(out), "ha1") || !strings.Contains(string(out), config.Hidden) {
		t.Errorf("got %s, %v", out, err)
	}
	// An empty hash cannot be read again, so users without one must not show it.
	if strings.Contains(string(out), `password: ""`) || strings.Contains(string(out), `digest: ""`) {
		t.Errorf("empty hashes in %s", out)
	}
}

func TestConfigErrors(t *testing.T) {
	hash := "password: " + knownHash
	for _, test := range []struct{ name, text, want string }{
		{"plain password", "- {name: a, password: hunter2}", `:3:25: auth.users[0].password: must be a hash, not the password itself; run "weir hash" to make one`},
		{"no password", "- name: a", `:3:5: auth.users[0].password: missing for user "a"; run "weir hash" to make one`},
		{"plain digest", "- {name: a, digest: hunter2}", `auth.users[0].digest: must be what "weir hash --digest NAME" prints`},
		{"name not for digest", "- name: a\\b\n    digest: " + knownHA1, `auth.users[0].digest: the name must not hold quotes or backslashes`},
		{"no name for digest", "- digest: " + knownHA1, "auth.users[0].name: missing for the password"},
		{"no name", "- " + hash, ":3:5: auth.users[0].name: missing for the password"},
		{"name with a colon", "- name: 'a:b'\n    " + hash, "must not hold a colon"},
		{"long name", "- name: " + strings.Repeat("x", 129) + "\n    " + hash, "has 129 bytes"},
		{"same name", "- name: a\n    " + hash + "\n  - name: a\n    " + hash, `:5:5: auth.users[1].name: "a" is the name of users[0] already`},
		{"bad action", "- allow: [{actions: [read]}]", ":3:24: auth.users[0].allow[0].actions[0]: must be one of"},
		{"bad pattern", "- allow: [{streams: ['a/**/b']}]", `auth.users[0].allow[0].streams[0]: pattern "a/**/b" has "**" before its end`},
		{"bad address", "- addresses: [nowhere]", "auth.users[0].addresses[0]: must be an IP address"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := loadConfig(t, "auth:\n  users:\n  "+test.text+"\n")
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error repeats the password: %v", err)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	rule := func(actions string, streams ...string) Rule {
		r := Rule{Streams: patterns(t, streams...)}
		for action := range strings.FieldsSeq(actions) {
			r.Actions = append(r.Actions, Action(action))
		}
		return r
	}
	named := func(rules ...Rule) User { return User{Name: "a", Password: cheapHash("x"), Allow: rules} }
	for _, test := range []struct {
		name string
		user User
		want []string
	}{
		{"nothing wrong", named(rule("publish play", "live/*"), rule("play", "**"), rule("api")), nil},
		{"no rules", named(), []string{`users[0]: user "a" is allowed nothing`}},
		{"no rules for anonymous", User{}, []string{"users[0]: the anonymous user is allowed nothing"}},
		{"no actions", named(Rule{Streams: patterns(t, "**")}), []string{
			"users[0].allow[0]: has no actions, so it allows nothing"}},
		{"no streams", named(rule("publish")), []string{
			`users[0].allow[0]: has no streams, so nothing can be published or played by it; "**" stands for all`}},
		{"streams of no use", named(rule("api", "**")), []string{
			"users[0].allow[0].streams: has no effect without publish or play"}},
		{"shadowed", named(rule("publish", "live/**"), rule("play", "live/**"), rule("publish play", "live/{x}")), []string{
			"users[0].allow[2]: has no effect, allow[1] and those before it allow all of this"}},
		{"half shadowed", named(rule("publish", "live/**"), rule("publish play", "live/x")), nil},
		{"shadowed API", named(rule("api metrics"), rule("metrics")), []string{
			"users[0].allow[1]: has no effect, allow[0] and those before it allow all of this"}},
		{"open API", User{Allow: []Rule{rule("play api", "**")}}, []string{
			"users[0].allow[0]: anybody from anywhere may use api; give addresses, or a name and a password"}},
		{"API for a network", User{Allow: []Rule{rule("api")}, Addresses: prefixes("10.0.0.0/8")}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := Config{Users: []User{test.user}}
			if got := c.Warnings(); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestAnybodyMay(t *testing.T) {
	everywhere := patterns(t, "**")
	anonymous := func(actions []Action, streams bool, addresses ...string) Config {
		rule := Rule{Actions: actions}
		if streams {
			rule.Streams = everywhere
		}
		return Config{Users: []User{{Allow: []Rule{rule}, Addresses: prefixes(addresses...)}}}
	}
	named := Config{Users: []User{{Name: "ann", Password: cheapHash("x"), Allow: []Rule{{Actions: Actions(), Streams: everywhere}}}}}
	for _, tt := range []struct {
		name           string
		config         Config
		publish, pprof bool
		names          bool
	}{
		{"nothing", Config{}, true, false, false},
		{"keys", Config{URLKeys: []config.Secret{"x"}}, false, false, false},
		{"a service", Config{HTTPURL: "http://x"}, false, false, false},
		{"a name", named, false, false, true},
		{"everybody plays", anonymous([]Action{Play}, true), false, false, false},
		{"everybody publishes", anonymous([]Action{Play, Publish}, true), true, false, false},
		{"everybody publishes nothing", anonymous([]Action{Publish}, false), false, false, false},
		{"everybody publishes from somewhere", anonymous([]Action{Publish}, true, "10.0.0.0/8"), false, false, false},
		{"everybody sees profiles", anonymous([]Action{Pprof}, false), false, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &tt.config
			if c.AnybodyMay(Publish) != tt.publish || c.AnybodyMay(Pprof) != tt.pprof || c.NamesUsers() != tt.names {
				t.Errorf("publish %v, profiles %v, names %v", c.AnybodyMay(Publish), c.AnybodyMay(Pprof), c.NamesUsers())
			}
		})
	}
}

// TestConfigLive: whatever decides changes while weir runs; the token's file is read at
// its start.
func TestConfigLive(t *testing.T) {
	var want []string
	for f := range reflect.TypeFor[Config]().Fields() {
		if name := f.Tag.Get("yaml"); name != "token_file" {
			want = append(want, name)
		}
	}
	if got := NewConfig().Live(); !slices.Equal(got, want) {
		t.Errorf("live are %q, want %q", got, want)
	}
}

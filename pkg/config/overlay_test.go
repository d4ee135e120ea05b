package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func as(s string) *string { return &s }

// withOverlay loads file and then an overlay.
func (s *sample) withOverlay(file string, o Overlay, env ...string) (*Report, error) {
	return load(LoadOptions{Path: "weir.yaml", Overlay: o, Env: env, Sections: s.sections()}, []byte(file))
}

// TestOverlayWins over the file, the environment over both; and each says where it is.
func TestOverlayWins(t *testing.T) {
	s := newSample()
	o := Overlay{Path: "data/overlay.yaml", Text: []byte("rtmp:\n  timeout: 2s\n  retries: 2\nauth:\n  users:\n    - {name: bob, allow: [{actions: [play]}]}\n")}
	report, err := s.withOverlay("rtmp:\n  timeout: 1s\n  retries: 1\n  fast: true\nauth:\n  users: [{name: ann}, {name: eve}]\n", o, "WEIR_RTMP_RETRIES=3")
	if err != nil {
		t.Fatal(err)
	}
	if s.rtmp.Timeout != Duration(2*time.Second) || s.rtmp.Retries != 3 || !s.rtmp.Fast || len(s.auth.Users) != 1 || s.auth.Users[0].Name != "bob" {
		t.Errorf("%+v %+v", s.rtmp, s.auth)
	}
	for key, where := range map[string]Origin{
		"rtmp.timeout":       {File: "data/overlay.yaml", Line: 2, Column: 3, Overlay: true},
		"rtmp.retries":       {Variable: "WEIR_RTMP_RETRIES"},
		"rtmp.fast":          {File: "weir.yaml", Line: 4, Column: 3},
		"auth.users[1].name": {},
	} {
		if got := report.Origin(key); got != where {
			t.Errorf("%s was set by %+v", key, got)
		}
	}
	for key, want := range map[string]bool{"rtmp.timeout": true, "rtmp.retries": false, "rtmp.fast": false, "rtmp.listen": false, "auth.users": true} {
		if keys := keyed(t, report); keys[key].Overlay != want {
			t.Errorf("%s: %+v", key, keys[key])
		}
	}
	_, err = newSample().withOverlay("rtmp:\n\n\n  timeout: 1\n", Overlay{Path: "data/overlay.yaml", Text: []byte("rtmp:\n  fasst: true\n")})
	if got := err.Error(); !strings.HasPrefix(got, "weir.yaml:4:12: rtmp.timeout: must") || !strings.Contains(got, "\ndata/overlay.yaml:2:3: rtmp.fasst: unknown key") {
		t.Errorf("got %v", err)
	}
}

// TestEdit: all shapes of values survive, however often the overlay is edited.
func TestEdit(t *testing.T) {
	users := "- name: ann\n  password: 's3: \"cret'\n  allow:\n  - {actions: [publish, play]}\n  - actions: []\n- {name: 'true', allow: }\n"
	o, err := Overlay{Path: "o.yaml"}.Edit(newSample().sections(), map[string]*string{
		"rtmp.timeout": as("2s"), "rtmp.fast": as("true"), "rtmp.share": as("1e-1"), "rtmp.listen": as(":99"), "rtmp.codecs": as("['007', \"*\"]"),
		"rtmp.trusted_proxies": as("[]"), "rtmp.tls.key": as("|-\n  two\n  lines"), "auth.users": as(users), "rtmp.retries": as("7"),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := sampleAuth{Users: []sampleUser{
		{Name: "ann", Password: "s3: \"cret", Allow: []sampleRule{{Actions: []string{"publish", "play"}}, {Actions: []string{}}}}, {Name: "true"},
	}}
	for range 3 {
		s := newSample()
		if _, err := s.withOverlay("", o); err != nil && !strings.Contains(err.Error(), "allow: has no value") {
			t.Fatalf("%v\n%s", err, o.Text)
		}
		if s.rtmp.Timeout != Duration(2*time.Second) || !s.rtmp.Fast || s.rtmp.Share != 0.1 || s.rtmp.Listen != ":99" || s.rtmp.Retries != 7 ||
			!reflect.DeepEqual(s.rtmp.Codecs, []string{"007", "*"}) || s.rtmp.TLS.Key != "two\nlines" || !reflect.DeepEqual(s.auth, want) {
			t.Errorf("%+v %+v\n%s", s.rtmp, s.auth, o.Text)
		}
		before := string(o.Text)
		if o, err = o.Edit(s.sections(), nil); err != nil || string(o.Text) != before {
			t.Fatalf("%v\n%s\nbefore\n%s", err, o.Text, before)
		}
	}
	o, err = o.Edit(newSample().sections(), map[string]*string{
		"rtmp.timeout": as("3s"), "rtmp.fast": nil, "rtmp.share": nil, "rtmp.listen": nil, "rtmp.codecs": nil,
		"rtmp.trusted_proxies": nil, "rtmp.tls.key": nil, "rtmp.retries": nil, "auth.users": nil, "rtmp.max_bytes": nil,
	})
	if err != nil || strings.TrimPrefix(string(o.Text), overlayHead) != "rtmp:\n  timeout: 3s\n" {
		t.Errorf("%v\n%s", err, o.Text)
	}
}

// TestEditRefuses what is no key or no value, and an overlay that somebody broke.
func TestEditRefuses(t *testing.T) {
	for _, test := range []struct{ name, overlay, key, value, want string }{
		{"unknown key", "", "rtmp.none", "1", "rtmp.none: there is no such key"},
		{"group", "", "rtmp", "{}", "rtmp: there is no such key"},
		{"element of a list", "", "auth.users[0].name", "x", `auth."users[0].name": there is no such key`},
		{"empty", "", "rtmp.timeout", "", `rtmp.timeout: has no value; "" is the empty text`},
		{"null", "", "rtmp.timeout", "null", `rtmp.timeout: has no value; "" is the empty text`},
		{"alias", "", "rtmp.listen", "*", "rtmp.listen: aliases are not supported"},
		{"two documents", "", "rtmp.listen", "a\n---\nb", "rtmp.listen: the file holds more than one document"},
		{"list in a list", "", "rtmp.codecs", "[[a]]", "rtmp.codecs: holds a list or a group where no key has one"},
		{"what a secret is shown as", "", "auth.users", "[{name: ann, password: '***', allow: []}]", "auth.users: holds ***"},
		{"user of a URL as it is shown", "", "rtmp.listen", "http://***@example.org/", "rtmp.listen: holds ***"},
		{"query of a URL as it is shown", "", "rtmp.codecs", "[a, 'https://example.org/x?***']", "rtmp.codecs: holds ***"},
		{"broken overlay", "rtmp:\n  none: 1\n", "rtmp.timeout", "1s", "o.yaml:2:3: rtmp.none: unknown key"},
		{"overlay without keys", "[1]\n", "rtmp.timeout", "1s", "o.yaml:1:1: must hold keys and values, is a list"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Overlay{Path: "o.yaml", Text: []byte(test.overlay)}.Edit(newSample().sections(), map[string]*string{test.key: &test.value})
			var problems Problems
			if !errors.As(err, &problems) || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestValueIsOneValue: a value cannot set other keys.
func TestValueIsOneValue(t *testing.T) {
	o, err := Overlay{}.Edit(newSample().sections(), map[string]*string{"rtmp.listen": as("\"a\\nauth:\\n  users: []\"")})
	if err != nil {
		t.Fatal(err)
	}
	s := newSample()
	_, err = s.withOverlay("", o)
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != 1 || problems[0].Key != "rtmp.listen" {
		t.Errorf("%v\n%s", err, o.Text)
	}
}

func TestReadOverlay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "overlay.yaml")
	if o, err := ReadOverlay(path); err != nil || len(o.Text) > 0 || o.Path != path {
		t.Errorf("%+v, %v", o, err)
	}
	if err := os.WriteFile(path, []byte("rtmp: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if o, err := ReadOverlay(path); err != nil || string(o.Text) != "rtmp: {}\n" {
		t.Errorf("%+v, %v", o, err)
	}
	if _, err := ReadOverlay(filepath.Dir(path)); err == nil {
		t.Error("a folder was read")
	}
}

func TestProblemField(t *testing.T) {
	for text, want := range map[string]string{
		"rtmp:\n  fasst: 1\n":             "rtmp.fasst",
		"rtmp:\n  chunk_size: 1\n":        "rtmp.chunk_size",
		"auth: {users: [{password: x}]}":  "auth.users[0].name",
		"rtmp: {tls: {certificate: x}}\n": "rtmp.tls.key",
		"rtmp: [\n":                       "",
	} {
		_, err := newSample().load(text)
		var problems Problems
		if !errors.As(err, &problems) || problems[0].Field() != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// FuzzEdit gives a key of each shape any value. What Edit accepts must be the same
// after another edit, and set no other key.
func FuzzEdit(f *testing.F) {
	f.Fuzz(func(t *testing.T, which byte, value string) {
		keys := []string{"rtmp.listen", "rtmp.codecs", "auth.users", "rtmp.tls.key", "rtmp.share"}
		key := keys[int(which)%len(keys)]
		o, err := Overlay{Path: "o.yaml"}.Edit(newSample().sections(), map[string]*string{key: &value})
		if err != nil {
			return
		}
		again, err := o.Edit(newSample().sections(), nil)
		if err != nil || string(again.Text) != string(o.Text) {
			t.Fatalf("%v\n%s\nagain\n%s", err, o.Text, again.Text)
		}
		s := newSample()
		report, err := s.withOverlay("", o)
		if err != nil {
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatal(err)
			}
			for _, p := range problems {
				if field := p.Field(); !strings.HasPrefix(field, key) && field != "" {
					t.Fatalf("a value of %s is a problem of %s\n%s", key, field, o.Text)
				}
			}
			return
		}
		for _, other := range keys {
			if other != key && report.Origin(other) != (Origin{}) {
				t.Fatalf("a value of %s sets %s\n%s", key, other, o.Text)
			}
		}
		direct := newSample()
		if _, err := direct.load(key[:4] + ":\n  " + strings.TrimPrefix(key[5:], "tls.") + ": " + value + "\n"); err == nil && !strings.ContainsAny(value, "\n#") && key != "rtmp.tls.key" && !reflect.DeepEqual(direct, s) {
			t.Fatalf("%q means something else:\n%s", value, o.Text)
		}
	})
}

package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

const fullFile = `# a comment
rtmp:
  listen: 127.0.0.1:1936
  chunk_size: 4096
  timeout: 350ms
  max_bytes: 64KB
  trusted_proxies: [10.0.0.0/8, "::1"]
  codecs:
    - "007"
    - 008   # not a number here
  fast: true
  share: 1e-1
  retries: 3
  tls:
    certificate: /etc/cert.pem
    key: 's3cret'
auth:
  users:
    - name: cam
      password: |-
        two
        lines
      allow:
        - {actions: [publish, play]}
        - actions: []
    - {name: guest}
`

func TestLoadFile(t *testing.T) {
	s := newSample()
	report, err := s.load(fullFile)
	if err != nil {
		t.Fatal(err)
	}
	want := sampleRTMP{
		Listen: "127.0.0.1:1936", ChunkSize: 4096, Timeout: Duration(350 * time.Millisecond),
		MaxBytes: 64000, Trusted: s.rtmp.Trusted, Codecs: []string{"007", "008"}, Fast: true, Share: 0.1,
		Retries: 3, TLS: sampleTLS{Certificate: "/etc/cert.pem", Key: "s3cret"}, internal: 1,
	}
	if !reflect.DeepEqual(s.rtmp, want) {
		t.Errorf("got %+v\nwant %+v", s.rtmp, want)
	}
	if len(s.rtmp.Trusted) != 2 || s.rtmp.Trusted[0].String() != "10.0.0.0/8" || s.rtmp.Trusted[1].String() != "::1" {
		t.Errorf("got proxies %v", s.rtmp.Trusted)
	}
	wantUsers := []sampleUser{
		{Name: "cam", Password: "two\nlines", Allow: []sampleRule{{Actions: []string{"publish", "play"}}, {Actions: []string{}}}},
		{Name: "guest"},
	}
	if !reflect.DeepEqual(s.auth.Users, wantUsers) {
		t.Errorf("got users %+v", s.auth.Users)
	}
	if want := []string{"auth.users[1]: is allowed nothing"}; !slices.Equal(report.Warnings, want) {
		t.Errorf("got warnings %q", report.Warnings)
	}
	if o := report.Origin("rtmp.chunk_size"); o.String() != "weir.yaml:4:3" {
		t.Errorf("got origin %q", o)
	}
}

func TestLoadNothing(t *testing.T) {
	for _, test := range []struct{ name, file string }{
		{"empty", ""},
		{"comments only", "# nothing\n"},
		{"null", "null\n"},
		{"byte order mark", "\ufeff"},
		{"empty section", "rtmp:\nauth:\n  # users:\n"},
		{"document start", "---\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSample()
			report, err := s.load(test.file)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(s, newSample()) || len(report.Warnings) > 0 {
				t.Errorf("got %+v, %q", s, report.Warnings)
			}
		})
	}
}

func TestFileProblems(t *testing.T) {
	for _, test := range []struct {
		name, file string
		want       []string
	}{
		{"unknown key", "rtmp:\n  chunk_sise: 5\n", []string{`weir.yaml:2:3: rtmp.chunk_sise: unknown key; did you mean "chunk_size"?`}},
		{"unknown section", "rmtp:\n  listen: off\n", []string{`weir.yaml:1:1: rmtp: unknown key; did you mean "rtmp"?`}},
		{"nothing near", "zzzzzzz: 1\n", []string{"weir.yaml:1:1: zzzzzzz: unknown key"}},
		{"unknown in a list", "auth:\n  users:\n    - nam: x\n", []string{`weir.yaml:3:7: auth.users[0].nam: unknown key; did you mean "name"?`}},
		{"strange key", "\"a\\nb\": 1\n", []string{`weir.yaml:1:1: "a\nb": unknown key`}},
		{"twice", "rtmp:\n  fast: true\n  fast: false\n", []string{"weir.yaml:3:3: rtmp.fast: is there twice, first in line 2"}},
		{"section twice", "rtmp:\nauth:\nrtmp:\n", []string{"weir.yaml:3:1: rtmp: is there twice, first in line 1"}},
		{"list for a value", "rtmp:\n  listen: [a]\n", []string{"weir.yaml:2:3: rtmp.listen: must be a single value, is a list"}},
		{"value for a list", "rtmp:\n  codecs: AAC\n", []string{"weir.yaml:2:3: rtmp.codecs: must be a list, is a single value"}},
		{"value for a group", "rtmp: 5\n", []string{"weir.yaml:1:1: rtmp: must hold keys and values, is a single value"}},
		{"group for a list", "auth:\n  users: {name: x}\n", []string{"weir.yaml:2:3: auth.users: must be a list, is a group of keys"}},
		{"list as a file", "- rtmp\n", []string{"weir.yaml:1:1: must hold keys and values, is a list"}},
		{"no value", "rtmp:\n  listen:\n", []string{"weir.yaml:2:3: rtmp.listen: has no value; must be a single value"}},
		{"no list", "rtmp:\n  codecs: ~\n", []string{"weir.yaml:2:3: rtmp.codecs: has no value; must be a list"}},
		{"empty item", "auth:\n  users:\n    -\n", []string{"weir.yaml:3:7: auth.users[0]: is empty"}},
		{"bad number", "rtmp:\n  chunk_size: 4k\n", []string{`weir.yaml:2:15: rtmp.chunk_size: must be a whole number of at most 64 bits, is "4k"`}},
		{"hexadecimal", "rtmp:\n  retries: 0x1\n", []string{`weir.yaml:2:12: rtmp.retries: must be a whole number of at most 8 bits that is not negative, is "0x1"`}},
		{"too large", "rtmp:\n  retries: 256\n", []string{`weir.yaml:2:12: rtmp.retries: must be a whole number of at most 8 bits that is not negative, is "256"`}},
		{"bad bool", "rtmp:\n  fast: yes\n", []string{`weir.yaml:2:9: rtmp.fast: must be true or false, is "yes"`}},
		{"infinite", "rtmp:\n  share: .inf\n", []string{`weir.yaml:2:10: rtmp.share: must be a number, is ".inf"`}},
		{"bad duration", "rtmp:\n  timeout: 15\n", []string{`weir.yaml:2:12: rtmp.timeout: must be a duration with its unit, such as "350ms", "15s" or "168h", is "15"`}},
		{"bad item", "rtmp:\n  trusted_proxies:\n    - 10.0.0.0/8\n    - here\n", []string{`weir.yaml:4:7: rtmp.trusted_proxies[1]: must be an IP address or a range such as "10.0.0.0/8", is "here"`}},
		{"invalid", "rtmp:\n  chunk_size: 7\n", []string{"weir.yaml:2:3: rtmp.chunk_size: must be 128..65536, is 7"}},
		{"invalid for a missing key", "rtmp:\n  tls:\n    certificate: x\n", []string{"weir.yaml:2:3: rtmp.tls.key: missing"}},
		{"invalid in a list", "auth:\n  users:\n    - name: x\n    - password: x\n", []string{"weir.yaml:4:7: auth.users[1].name: missing"}},
		{"all together, by line", "auth:\n  users:\n    - nane: x\nrtmp:\n  chunk_size: 7\n  tls:\n    certificate: x\nrmtp: 1\n", []string{
			`weir.yaml:3:7: auth.users[0].nane: unknown key; did you mean "name"?`,
			"weir.yaml:5:3: rtmp.chunk_size: must be 128..65536, is 7",
			"weir.yaml:6:3: rtmp.tls.key: missing",
			`weir.yaml:8:1: rmtp: unknown key; did you mean "rtmp"?`,
		}},
		{"syntax", "rtmp:\n  listen: \"off\n", []string{"weir.yaml:2:11: not valid YAML: could not find end character of double-quoted text"}},
		{"two documents", "rtmp:\n---\nauth:\n", []string{"weir.yaml:3:5: the file holds more than one document"}},
		{"alias", "rtmp:\n  codecs: [*]\n", []string{`weir.yaml:2:12: aliases are not supported; a text that starts with "*" must be quoted`}},
		{"anchor", "rtmp: &a\n  fast: true\n", []string{`weir.yaml:1:7: anchors are not supported; a text that starts with "&" must be quoted`}},
		{"merge key", "rtmp:\n  <<: {fast: true}\n", []string{"weir.yaml:2:3: merge keys are not supported"}},
		{"tag", "rtmp:\n  fast: !!bool true\n", []string{`weir.yaml:2:9: tags are not supported; a text that starts with "!" must be quoted`}},
		{"not UTF-8", "rtmp: \xff\n", []string{"weir.yaml: the file is not UTF-8 text"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := newSample().load(test.file)
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("got %v", err)
			}
			if got := strings.Split(err.Error(), "\n"); !slices.Equal(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

func TestHostileFiles(t *testing.T) {
	for _, test := range []struct{ name, file, want string }{
		{"too large", "#" + strings.Repeat("x", maxFileBytes), "larger than 1MiB"},
		{"too many words", strings.Repeat("a: 1\n", maxTokens/3+1), "words and signs"},
		{"deep lists", strings.Repeat("[", 1<<15), "nested"},
		{"deep maps", strings.Repeat("{a: ", 1<<14), "nested"},
		{"deep block lists", strings.Repeat("- ", 1<<15), "nested"},
		{"deep keys", strings.Repeat("? ", 1<<15), "not supported"},
		{"laughs", "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n", "anchors are not supported"},
		{"all wrong", strings.Repeat("zzzzzzz: 1\n", 1000), "\nand 980 more"},
		{"huge key", "rtmp:\n  " + strings.Repeat("x", 1000) + ": 1\n", `x"...: unknown key`},
		{"huge value", "rtmp:\n  fast: " + strings.Repeat("x", 1<<19) + "\n", `x"...`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := newSample().load(test.file)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %.200v, want %q", err, test.want)
			}
			if len(err.Error()) > 4096 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

func TestLoadReadsFiles(t *testing.T) {
	dir := t.TempDir()
	there, missing := filepath.Join(dir, "weir.yaml"), filepath.Join(dir, "missing.yaml")
	if err := os.WriteFile(there, []byte("rtmp: {chunk_size: 200}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newSample()
	if _, err := Load(LoadOptions{Path: there, Required: true, Sections: s.sections()}); err != nil || s.rtmp.ChunkSize != 200 {
		t.Errorf("got %d, %v", s.rtmp.ChunkSize, err)
	}
	if _, err := Load(LoadOptions{Path: missing, Sections: newSample().sections()}); err != nil {
		t.Errorf("a missing file that need not be there: %v", err)
	}
	if _, err := Load(LoadOptions{Sections: newSample().sections()}); err != nil {
		t.Errorf("no file: %v", err)
	}
	_, err := Load(LoadOptions{Path: missing, Required: true, Sections: newSample().sections()})
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), missing) {
		t.Errorf("a missing file that must be there: %v", err)
	}
	if _, err := Load(LoadOptions{Path: dir, Sections: newSample().sections()}); err == nil {
		t.Error("a directory was read")
	}
}

func TestEnvironment(t *testing.T) {
	s := newSample()
	report, err := s.load("rtmp:\n  listen: :1\n  codecs: [MP3]\n",
		"WEIR_RTMP_LISTEN=127.0.0.1:11935", "WEIR_RTMP_CODECS=H264, MP3", "WEIR_RTMP_CHUNK_SIZE=1", "WEIR_RTMP_CHUNK_SIZE=256",
		"WEIR_RTMP_TLS_KEY=a=b", "WEIR_RTMP_TIMEOUT=", "WEIR_RTMP_LISTN=hush", "WEIR_PORT=tcp://x", "PATH=/bin", "RTMP_FAST=true", "WEIR_RTMP_FAST")
	if err != nil {
		t.Fatal(err)
	}
	want := newSample().rtmp
	want.Listen, want.Codecs, want.ChunkSize, want.TLS.Key = "127.0.0.1:11935", []string{"H264", "MP3"}, 256, "a=b"
	if !reflect.DeepEqual(s.rtmp, want) {
		t.Errorf("got %+v", s.rtmp)
	}
	wantWarnings := []string{
		"WEIR_PORT: no key has this environment variable",
		"WEIR_RTMP_LISTN: no key has this environment variable; did you mean WEIR_RTMP_LISTEN?",
	}
	if !slices.Equal(report.Warnings, wantWarnings) {
		t.Errorf("got warnings %q", report.Warnings)
	}
	if o := report.Origin("rtmp.listen"); o.Variable != "WEIR_RTMP_LISTEN" {
		t.Errorf("got origin %q", o)
	}
}

func TestEnvironmentProblems(t *testing.T) {
	_, err := newSample().load("rtmp:\n  fsat: true\n", "WEIR_RTMP_TRUSTED_PROXIES=::1,x", "WEIR_RTMP_FAST=1", "WEIR_AUTH_USERS=me")
	want := `weir.yaml:2:3: rtmp.fsat: unknown key; did you mean "fast"?
WEIR_AUTH_USERS: auth.users: can be set in the file only
WEIR_RTMP_FAST: rtmp.fast: must be true or false, is "1"
WEIR_RTMP_TRUSTED_PROXIES: rtmp.trusted_proxies: item 2 must be an IP address or a range such as "10.0.0.0/8", is "x"`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	_, err = newSample().load("", "WEIR_RTMP_CHUNK_SIZE=7")
	if want := "WEIR_RTMP_CHUNK_SIZE: rtmp.chunk_size: must be 128..65536, is 7"; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestEffective(t *testing.T) {
	s := newSample()
	report, err := s.load("rtmp:\n  chunk_size: 4096\n  max_bytes: 8MiB\n  tls: {key: hush}\nauth:\n  users:\n    - name: \"null\"\n      password: hush\n      allow: [{actions: [play]}, {}]\n",
		"WEIR_RTMP_CODECS=AAC,-x")
	if err != nil {
		t.Fatal(err)
	}
	got, err := report.Effective()
	if err != nil {
		t.Fatal(err)
	}
	want := `rtmp:
  listen: ":1935"
  chunk_size: 4096 # default: 60000, set by weir.yaml:2:3
  timeout: 15s
  max_bytes: 8MiB
  trusted_proxies: []
  codecs: [AAC, "-x"] # default: [H264, AAC], set by WEIR_RTMP_CODECS
  fast: false
  share: 0.5
  retries: 0
  tls:
    certificate: ""
    key: "***" # set by weir.yaml:4:9
auth:
  users: # default: [], set by weir.yaml:6:3
    - name: "null"
      password: "***"
      allow:
        - actions: [play]
        - {}
`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	// What it writes can be read again.
	again := newSample()
	if _, err := again.load(string(got)); err != nil {
		t.Errorf("reading it again: %v", err)
	}
	if again.auth.Users[0].Name != "null" || again.rtmp.Codecs[1] != "-x" {
		t.Errorf("read again as %+v", again)
	}
}

func TestMistakesInSections(t *testing.T) {
	type loop struct {
		L []loop `yaml:"l"`
	}
	for _, test := range []struct {
		name  string
		value any
		want  string
	}{
		{"no pointer", sampleAuth{}, "pointer to a struct"},
		{"nil", (*sampleAuth)(nil), "pointer to a struct"},
		{"no tag", &struct{ A int }{}, "no yaml tag"},
		{"map", &struct {
			A map[string]int `yaml:"a"`
		}{}, "cannot hold a map"},
		{"plain duration", &struct {
			A time.Duration `yaml:"a"`
		}{}, "cannot hold a time.Duration"},
		{"same tag", &struct {
			A int `yaml:"a"`
			B int `yaml:"a"`
		}{}, `named "a"`},
		{"same variable", &struct {
			A int `yaml:"a_b"`
			B struct {
				C int `yaml:"b"`
			} `yaml:"a"`
		}{}, "WEIR_X_A_B"},
		{"recursive", &loop{}, "nested too deeply"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Load(LoadOptions{Sections: []Section{{"x", test.value}}})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := Load(LoadOptions{Sections: []Section{{"x", &sampleAuth{}}, {"x", &sampleAuth{}}}}); err == nil {
		t.Error("a section is there twice")
	}
}

func TestEmbeddedStruct(t *testing.T) {
	type Shared struct {
		Listen Listen `yaml:"listen"`
	}
	var v struct {
		Shared
		Name string `yaml:"name"`
	}
	_, err := load(LoadOptions{Env: []string{"WEIR_X_LISTEN=:1"}, Sections: []Section{{"x", &v}}}, []byte("x: {name: n}\n"))
	if err != nil || v.Listen != ":1" || v.Name != "n" {
		t.Errorf("got %+v, %v", v, err)
	}
}

func TestSplit(t *testing.T) {
	a, b, c := errors.New("a"), errors.New("b"), errors.New("c")
	both := fmt.Errorf("%w and %w", a, b)
	for _, test := range []struct {
		name string
		err  error
		want []error
	}{
		{"none", nil, nil},
		{"one", a, []error{a}},
		{"joined", errors.Join(a, b), []error{a, b}},
		{"joined twice", errors.Join(errors.Join(a, b), c), []error{a, b, c}},
		{"joined once", errors.Join(a), []error{a}},
		{"two wrapped", both, []error{both}},
		{"two wrapped and one", errors.Join(both, c), []error{both, c}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := split(test.err); !slices.Equal(got, test.want) {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestNearest(t *testing.T) {
	known := []string{"listen", "chunk_size", "timeout", "max_bytes"}
	for _, test := range []struct{ in, want string }{
		{"lsiten", "listen"}, {"Listen", "listen"}, {"chunksize", "chunk_size"}, {"time_out", "timeout"},
		{"maxbytes", "max_bytes"}, {"address", ""}, {"", ""},
	} {
		if got := Nearest(test.in, known); got != test.want {
			t.Errorf("%q: got %q, want %q", test.in, got, test.want)
		}
	}
}

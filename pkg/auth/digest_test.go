package auth

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// knownHA1 is of "ann" and "secret", by md5sum and sha256sum.
const knownHA1 = "$ha1$weir$094f7df971a3d339dfaf616a163ce697$3d3bb4de1dbee40bd77bf32aba01a3f7bb926d2eaa2c7d0839b7c0bd9072a5bb"

func mustHA1(t *testing.T, name, password string) HA1 {
	t.Helper()
	h, err := NewHA1(name, password)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// The responses are by md5sum and sha256sum.
func knownDigest(a Algorithm) *Digest {
	d := &Digest{Algorithm: a, Realm: Realm, Nonce: "n1", Method: "DESCRIBE", URI: "rtsp://h/x", Response: "6b96dadb65243b447a2409531ffa91cd"}
	if a == SHA256 {
		d.Response = "d1c7bbb0cd1061bc669f59e4ae6aa49811c8c90e4126836593af4cb6de77782a"
	}
	return d
}

func TestHA1(t *testing.T) {
	h := mustHA1(t, "ann", "secret")
	if got := h.Text(); got != knownHA1 {
		t.Errorf("got %s", got)
	}
	parsed, err := ParseHA1(knownHA1)
	if err != nil || parsed != h {
		t.Errorf("got %+v, %v", parsed, err)
	}
	if !h.Verify("ann", "secret") || h.Verify("ann", "Secret") || h.Verify("Ann", "secret") || (HA1{}).Verify("", "") {
		t.Error("passwords are not told apart")
	}
	for _, name := range []string{"", "a:b", `a"b`, `a\b`, strings.Repeat("x", maxName+1)} {
		if _, err := NewHA1(name, "secret"); err == nil {
			t.Errorf("%.9q has a HA1", name)
		}
	}
	for _, password := range []string{"", strings.Repeat("x", maxPassword+1)} {
		if _, err := NewHA1("ann", password); err == nil {
			t.Errorf("a password of %d bytes has a HA1", len(password))
		}
	}
}

func TestParseHA1Errors(t *testing.T) {
	for _, in := range []string{
		"", "hunter2", "$ha1$weir", "$ha1$other" + knownHA1[len("$ha1$weir"):], knownHA1 + "$", knownHA1[:len(knownHA1)-1],
		strings.ToUpper(knownHA1), strings.Replace(knownHA1, "094f", "094F", 1), strings.Replace(knownHA1, "094f", "094g", 1),
	} {
		if h, err := ParseHA1(in); err == nil || !h.IsZero() || strings.Contains(err.Error(), "hunter") {
			t.Errorf("%q: got %+v, %v", in, h, err)
		}
	}
}

func TestProven(t *testing.T) {
	h := mustHA1(t, "ann", "secret")
	for _, a := range Algorithms() {
		for name, test := range map[string]struct {
			change func(*Digest)
			want   bool
		}{
			"right":          {func(*Digest) {}, true},
			"upper case":     {func(d *Digest) { d.Response = strings.ToUpper(d.Response) }, true},
			"other nonce":    {func(d *Digest) { d.Nonce = "n2" }, false},
			"other method":   {func(d *Digest) { d.Method = "ANNOUNCE" }, false},
			"other URI":      {func(d *Digest) { d.URI = "rtsp://h/y" }, false},
			"other realm":    {func(d *Digest) { d.Realm = "other" }, false},
			"no response":    {func(d *Digest) { d.Response = "" }, false},
			"cut response":   {func(d *Digest) { d.Response = d.Response[:31] }, false},
			"no algorithm":   {func(d *Digest) { d.Algorithm = "" }, false},
			"odd algorithm":  {func(d *Digest) { d.Algorithm = "SHA-512-256" }, false},
			"nothing at all": {func(d *Digest) { *d = Digest{} }, false},
		} {
			d := knownDigest(a)
			test.change(d)
			if got := h.Proven(d); got != test.want {
				t.Errorf("%s, %s: got %v", a, name, got)
			}
			if (HA1{}).Proven(d) {
				t.Errorf("%s, %s: the zero HA1 matches", a, name)
			}
		}
	}
}

func TestStaticDigest(t *testing.T) {
	play := func(streams ...string) []Rule {
		return []Rule{{Actions: []Action{Play}, Streams: patterns(t, streams...)}}
	}
	s := mustNew(t, Config{Users: []User{
		{Name: "ann", Digest: mustHA1(t, "ann", "secret"), Allow: play("live/*")},
		{Name: "bob", Password: cheapHash("secret"), Allow: play("**")},
		{Name: "cam", Digest: mustHA1(t, "cam", "secret"), Password: cheapHash("secret"), Allow: play("live/*"), Addresses: prefixes("10.0.0.0/8")},
	}})
	for _, test := range []struct {
		name, stream string
		credentials  Credentials
		user         string
		digest       bool // is offered
	}{
		{"MD5", "live/x", Credentials{User: "ann", Digest: knownDigest(MD5)}, "ann", false},
		{"SHA-256", "live/x", Credentials{User: "ann", Digest: knownDigest(SHA256)}, "ann", false},
		{"another user's", "live/x", Credentials{User: "cam", Digest: knownDigest(MD5)}, "", true},
		{"of a user without", "live/x", Credentials{User: "bob", Digest: knownDigest(MD5)}, "", true},
		{"of nobody", "live/x", Credentials{User: "eve", Digest: knownDigest(MD5)}, "", true},
		{"without a name", "live/x", Credentials{Digest: knownDigest(MD5)}, "", true},
		{"empty", "live/x", Credentials{User: "ann", Digest: &Digest{}}, "", true},
		{"password checked by HA1", "live/x", Credentials{User: "ann", Password: "secret"}, "ann", false},
		{"wrong password checked by HA1", "live/x", Credentials{User: "ann", Password: "wrong"}, "", true},
		{"no credentials", "live/x", Credentials{}, "", true},
		{"no credentials where none with a HA1 may", "other", Credentials{}, "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			for range 2 { // the second time from the cache
				got, err := s.Authorize(t.Context(), Request{
					Action: Play, Stream: test.stream, Remote: netip.MustParseAddr("192.0.2.1"), Credentials: test.credentials,
				})
				if test.user != "" {
					if err != nil || got.User != test.user {
						t.Errorf("got %+v, %v", got, err)
					}
					continue
				}
				if denied := checkDenied(t, err, "", true); denied.Digest != test.digest {
					t.Errorf("Digest offered: %v", denied.Digest)
				}
			}
		})
	}
}

func TestHA1IsNotLogged(t *testing.T) {
	h := mustHA1(t, "ann", "secret")
	out := fmt.Sprintf("%v %+v %#v %s %x", h, &h, h, h, h)
	if text, _ := h.MarshalText(); strings.Contains(out+string(text), h.md5) || strings.Contains(out, fmt.Sprintf("%x", h.md5)) {
		t.Errorf("got %s, %s", out, text)
	}
}

func FuzzParseHA1(f *testing.F) {
	f.Fuzz(func(t *testing.T, s string) {
		h, err := ParseHA1(s)
		if err != nil {
			if !h.IsZero() || len(err.Error()) > 200 {
				t.Fatalf("got %+v with error %v", h, err)
			}
			return
		}
		if got := h.Text(); got != s {
			t.Fatalf("%q is written as %q", s, got)
		}
	})
}

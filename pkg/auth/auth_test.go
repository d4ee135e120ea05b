package auth

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

func TestIdentitySame(t *testing.T) {
	query := url.Values{"token": {"a"}, "x": {"1", "2"}}
	addr := netip.MustParseAddr
	for _, test := range []struct {
		name string
		a, b Identity
		want bool
	}{
		{"same user", Identity{User: "a"}, Identity{User: "a"}, true},
		{"other user", Identity{User: "a"}, Identity{User: "b"}, false},
		{"user and anonymous", Identity{User: "a"}, Anonymous(addr("127.0.0.1"), nil), false},
		{"anonymous and user", Anonymous(addr("127.0.0.1"), nil), Identity{User: "a"}, false},
		{"same address", Anonymous(addr("127.0.0.1"), nil), Anonymous(addr("127.0.0.1"), url.Values{}), true},
		{"dual stack", Anonymous(addr("127.0.0.1"), nil), Anonymous(addr("::ffff:127.0.0.1"), nil), true},
		{"other address", Anonymous(addr("127.0.0.1"), nil), Anonymous(addr("127.0.0.2"), nil), false},
		{"same query", Anonymous(addr("::1"), query), Anonymous(addr("::1"), url.Values{"x": {"1", "2"}, "token": {"a"}}), true},
		{"other query", Anonymous(addr("::1"), query), Anonymous(addr("::1"), url.Values{"token": {"b"}}), false},
		{"no address", Anonymous(netip.Addr{}, nil), Anonymous(netip.Addr{}, nil), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.a.Same(test.b) != test.want || test.b.Same(test.a) != test.want {
				t.Errorf("got %v, %v", test.a.Same(test.b), test.b.Same(test.a))
			}
		})
	}
}

func TestSecretsAreNotLogged(t *testing.T) {
	c := Credentials{User: "user", Password: "hush", Token: "hush"}
	id := Anonymous(netip.MustParseAddr("::1"), url.Values{"k": {"hush"}})
	hash := cheapHash("x")
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "c", c, "id", id, "hash", hash)
	out := log.String() + fmt.Sprintf("%v %+v %#v %s %d", c, c, c, c, c) + fmt.Sprintf("%v %+v %#v %x", hash, &hash, hash, hash)
	for _, leak := range []string{"hush", "saltsalt", fmt.Sprintf("%x", hash.key)} {
		if strings.Contains(out, leak) {
			t.Errorf("%q leaks in %s", leak, out)
		}
	}
	if !strings.Contains(out, "password: true") || !strings.Contains(out, "::1") {
		t.Errorf("got %s", out)
	}
}

func TestActionText(t *testing.T) {
	for _, action := range Actions() {
		var got Action
		if err := got.UnmarshalText([]byte(action)); err != nil || got != action {
			t.Errorf("%s: got %q, %v", action, got, err)
		}
	}
	var a Action
	if err := a.UnmarshalText([]byte("read")); err == nil || !strings.Contains(err.Error(), "publish, play, api, metrics, pprof") {
		t.Errorf("got %v", err)
	}
}

package auth

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/weirmedia/weir/pkg/reason"
)

func testConfig(t *testing.T) Config {
	return Config{Users: []User{
		{Name: "cam", Password: cheapHash("right"), Addresses: prefixes("10.0.0.0/8"),
			Allow: []Rule{{Actions: []Action{Publish}, Streams: patterns(t, "cam/*", "live/cam")}}},
		{Name: "ops", Password: cheapHash("secret"),
			Allow: []Rule{{Actions: []Action{API, Metrics}}}},
		{Allow: []Rule{{Actions: []Action{Play}, Streams: patterns(t, "live/**")}}},
		{Allow: []Rule{{Actions: []Action{Publish}, Streams: patterns(t, "**")}}, Addresses: prefixes("127.0.0.0/8")},
	}}
}

func TestStatic(t *testing.T) {
	const inside, outside, local = "10.1.2.3", "192.0.2.1", "::ffff:127.0.0.1"
	cam := Credentials{User: "cam", Password: "right"}
	ops := Credentials{User: "ops", Password: "secret"}
	for _, test := range []struct {
		name        string
		action      Action
		stream      string
		remote      string
		credentials Credentials
		user        string // of the grant
		denied      string // in the answer; empty for a grant
		ask         bool
	}{
		{"user publishes", Publish, "cam/1", inside, cam, "cam", "", false},
		{"second pattern", Publish, "live/cam", inside, cam, "cam", "", false},
		{"other stream", Publish, "live/x", inside, cam, "", `user "cam" may not publish "live/x"`, false},
		{"other address", Publish, "cam/1", outside, cam, "", "may not come from this address", false},
		{"no address", Publish, "cam/1", "", cam, "", "may not come from this address", false},
		{"as anybody may", Play, "live/x", outside, cam, "cam", "", false},
		{"wrong password", Publish, "cam/1", inside, Credentials{User: "cam", Password: "wrong"}, "", "wrong user name or password", true},
		{"no password", Publish, "cam/1", inside, Credentials{User: "cam"}, "", "wrong user name or password", true},
		{"only a password", Publish, "cam/1", inside, Credentials{Password: "right"}, "", "wrong user name or password", true},
		{"another's password", Publish, "cam/1", inside, Credentials{User: "cam", Password: "secret"}, "", "wrong user name or password", true},
		{"unknown user", Play, "live/x", inside, Credentials{User: "nobody", Password: "right"}, "", "wrong user name or password", true},
		{"name in other case", Publish, "cam/1", inside, Credentials{User: "Cam", Password: "right"}, "", "wrong user name or password", true},
		{"huge password", Publish, "cam/1", inside, Credentials{User: "cam", Password: strings.Repeat("x", 1<<20)}, "", "wrong user name or password", true},
		{"anonymous plays", Play, "live/x", outside, Credentials{}, "", "", false},
		{"anonymous plays elsewhere", Play, "cam/1", outside, Credentials{}, "", `credentials are needed to play "cam/1"`, true},
		{"anonymous publishes locally", Publish, "cam/1", local, Credentials{}, "", "", false},
		{"anonymous publishes from outside", Publish, "live/x", outside, Credentials{}, "", "credentials are needed", true},
		{"API", API, "", outside, ops, "ops", "", false},
		{"metrics", Metrics, "", outside, ops, "ops", "", false},
		{"pprof", Pprof, "", outside, ops, "", `user "ops" may not use pprof`, false},
		{"API for others", API, "", inside, cam, "", `user "cam" may not use api`, false},
		{"API for anonymous", API, "", local, Credentials{}, "", "credentials are needed to use api", true},
		{"some token", Play, "live/x", outside, Credentials{Token: "x"}, "", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			remote, _ := netip.ParseAddr(test.remote)
			s := mustNew(t, testConfig(t))
			// The second time, right credentials come from the cache.
			for range 2 {
				got, err := s.Authorize(t.Context(), Request{Action: test.action, Stream: test.stream, Protocol: "rtmp", Remote: remote, Credentials: test.credentials})
				if test.denied == "" {
					if err != nil || got.User != test.user || got.Identity.User != test.user {
						t.Errorf("got %+v, %v", got, err)
					}
					continue
				}
				checkDenied(t, err, test.denied, test.ask)
			}
		})
	}
}

func checkDenied(t *testing.T, err error, why string, ask bool) *Denied {
	t.Helper()
	var denied *Denied
	if !errors.As(err, &denied) || reason.Of(err, "") != reason.Unauthorized {
		t.Fatalf("got error %v", err)
	}
	if !strings.Contains(denied.Why, why) || denied.Authenticate != ask {
		t.Errorf("got %+v, want %q, %v", denied, why, ask)
	}
	return denied
}

func TestStaticWithoutUsers(t *testing.T) {
	s := mustNew(t, Config{})
	remote := netip.MustParseAddr("192.0.2.1")
	query := url.Values{"a": {"b"}}
	for _, action := range []Action{Publish, Play} {
		// Nobody can prove a name here, so a name presented counts for nothing.
		got, err := s.Authorize(t.Context(), Request{Action: action, Stream: "live/x", Remote: remote, Query: query, Credentials: Credentials{User: "u", Password: "p"}})
		if want := (Identity{Address: "192.0.2.1", Query: "a=b"}); err != nil || got.Identity != want || got.User != "" {
			t.Errorf("%s: got %+v, %v", action, got, err)
		}
	}
	for _, action := range []Action{API, Metrics, Pprof} {
		_, err := s.Authorize(t.Context(), Request{Action: action, Remote: netip.MustParseAddr("127.0.0.1")})
		checkDenied(t, err, "credentials are needed to use "+string(action), true)
	}
}

func TestConsoleToken(t *testing.T) {
	token := NewConsoleToken()
	if token == NewConsoleToken() || len(token) < 22 || url.QueryEscape(token) != token {
		t.Errorf("got token %q", token)
	}
	for _, test := range []struct {
		name   string
		config Config
		token  string
		action Action
		with   string
		ok     bool
	}{
		{"API", Config{}, token, API, token, true},
		{"metrics beside users", testConfig(t), token, Metrics, token, true},
		{"pprof", Config{}, token, Pprof, token, true},
		{"wrong", Config{}, token, API, token + "x", false},
		{"none presented", Config{}, token, API, "", false},
		{"none set", Config{}, "", API, "", false},
		{"not for publishing", testConfig(t), token, Publish, token, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := mustNew(t, test.config, WithConsoleToken(test.token))
			got, err := s.Authorize(t.Context(), Request{Action: test.action, Stream: "x", Credentials: Credentials{Token: test.with}})
			if (err == nil) != test.ok || test.ok && got.User != consoleUser {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestNewRefusesBadConfig(t *testing.T) {
	_, err := New(Config{Users: []User{{Name: "a"}}})
	if err == nil || !strings.HasPrefix(err.Error(), "auth.users[0].password: ") {
		t.Errorf("got %v", err)
	}
}

// With all hashing slots taken, whoever returns at once was not hashed.
func TestWhoIsHashed(t *testing.T) {
	s := mustNew(t, testConfig(t))
	request := func(user, password string) Request {
		return Request{Action: Publish, Stream: "cam/1", Remote: netip.MustParseAddr("10.0.0.1"), Credentials: Credentials{User: user, Password: password}}
	}
	if _, err := s.Authorize(t.Context(), request("cam", "right")); err != nil {
		t.Fatal(err)
	}
	for range maxHashing {
		s.hashing <- struct{}{}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		name, user, password string
		hashed               bool
	}{
		{"proven", "cam", "right", false},
		{"wrong password", "cam", "wrong", true},
		{"not yet proven", "ops", "secret", true},
		{"unknown user", "nobody", "right", true},
		{"anonymous", "", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := s.Authorize(ended, request(test.user, test.password))
			if errors.Is(err, context.Canceled) != test.hashed {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestFingerprintTellsPartsApart(t *testing.T) {
	s := mustNew(t, testConfig(t))
	if s.fingerprint(Credentials{User: "ab", Password: "c"}) == s.fingerprint(Credentials{User: "a", Password: "bc"}) {
		t.Error("two pairs have one fingerprint")
	}
	other := mustNew(t, testConfig(t))
	if c := (Credentials{User: "a"}); s.fingerprint(c) == other.fingerprint(c) {
		t.Error("two authorizers share a key")
	}
}

func TestStaticConcurrently(t *testing.T) {
	s := mustNew(t, testConfig(t), WithConsoleToken("token"))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 40 {
				password := "right"
				if i%4 == 0 {
					password = "wrong"
				}
				_, err := s.Authorize(t.Context(), Request{Action: Publish, Stream: "cam/1", Remote: netip.MustParseAddr("10.0.0.1"), Credentials: Credentials{User: "cam", Password: password}})
				if (err == nil) != (password == "right") {
					t.Errorf("%s: %v", password, err)
				}
			}
		})
	}
	wg.Wait()
	if len(s.hashing) != 0 {
		t.Errorf("%d hashing slots are still taken", len(s.hashing))
	}
}

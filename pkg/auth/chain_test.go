package auth

import (
	"cmp"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/reason"
)

// start is when tests begin.
var start = time.Unix(1_700_000_000, 0)

// clock is a time that tests move.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

func (c *clock) pass(d time.Duration) { c.Time = c.Add(d) }

// newChain returns a chain for c and its clock.
func newChain(t *testing.T, c Config) (*Chain, *clock) {
	t.Helper()
	now := &clock{start}
	c.JWTClaim, c.HTTPTimeout = cmp.Or(c.JWTClaim, NewConfig().JWTClaim), cmp.Or(c.HTTPTimeout, NewConfig().HTTPTimeout)
	chain, err := NewChain(c, Options{Log: slog.New(slog.DiscardHandler), ConsoleToken: "the-token-of-the-console", Now: now.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(chain.Close)
	return chain, now
}

// asked is a request to play a stream with a query.
func asked(action Action, stream, query string) Request {
	q, _ := url.ParseQuery(query)
	return Request{
		Action: action, Stream: stream, Protocol: "rtmp", Remote: netip.MustParseAddr("192.0.2.1"), Query: q,
		Credentials: Credentials{User: q.Get("user"), Password: q.Get("pass"), Token: q.Get("token")},
	}
}

const urlKey = config.Secret("0123456789abcdef")

func signed(action Action, stream string, expires time.Time) string {
	q := url.Values{}
	SignURL(q, urlKey, action, stream, expires)
	return q.Encode()
}

// TestSignURL compares with what openssl makes of the same, as the documentation
// shows it.
func TestSignURL(t *testing.T) {
	// printf 'play\nlive/test\n1790000000' | openssl dgst -sha256 -hmac 0123456789abcdef -binary | basenc --base64url | tr -d =
	want := "expires=1790000000&sig=wjcZGobs1tJaDYPOPm01M0kuvO0cJjBTibxcMNAhT5o"
	if got := signed(Play, "live/test", time.Unix(1790000000, 0)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSignedURLs(t *testing.T) {
	chain, now := newChain(t, Config{URLKeys: []config.Secret{"another key, newer", urlKey}})
	good := signed(Play, "live/test", start.Add(time.Minute))
	g, err := chain.Authorize(t.Context(), asked(Play, "live/test", good))
	if err != nil || !g.Expires.Equal(start.Add(time.Minute)) || g.User != "" || g.Identity.User == "" {
		t.Fatalf("%+v %v", g, err)
	}
	for name, r := range map[string]Request{
		"another stream":  asked(Play, "live/other", good),
		"another action":  asked(Publish, "live/test", good),
		"longer":          asked(Play, "live/test", strings.Replace(good, "17000000", "18000000", 1)),
		"no base64":       asked(Play, "live/test", "expires=1800000000&sig=%00"),
		"no number":       asked(Play, "live/test", "expires=x&sig="+strings.Repeat("A", 43)),
		"nothing":         asked(Play, "live/test", ""),
		"only sig":        asked(Play, "live/test", "sig="),
		"not for the API": asked(API, "live/test", good),
	} {
		if _, err := chain.Authorize(t.Context(), r); reason.Of(err, "") != reason.Unauthorized {
			t.Errorf("%s: %v", name, err)
		}
	}
	now.pass(time.Minute)
	if _, err := g.Renew(t.Context()); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("a minute later: %v", err)
	}
}

// TestOrder: the console's token comes first, a signature or token decides alone,
// users come before the service.
func TestOrder(t *testing.T) {
	var questions []Question
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q Question
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			t.Error(err)
		}
		questions = append(questions, q)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer service.Close()
	chain, _ := newChain(t, Config{
		Users: []User{
			{Name: "ann", Password: cheapHash("secret"), Allow: []Rule{{Actions: []Action{Play}, Streams: patterns(t, "live/*")}}},
			{Allow: []Rule{{Actions: []Action{Play}, Streams: patterns(t, "open/*")}}},
		},
		URLKeys:    []config.Secret{urlKey},
		JWTSecrets: []config.Secret{jwtSecret},
		HTTPURL:    config.WebURL(service.URL),
	})
	later := start.Add(time.Hour)
	for _, test := range []struct {
		name  string
		r     Request
		rule  string // empty if denied
		asked int
	}{
		{"console", asked(API, "", "token=the-token-of-the-console"), "the console's token", 0},
		{"signature", asked(Play, "live/a", signed(Play, "live/a", later)), "auth.url_keys", 0},
		{"bad signature", asked(Play, "open/a", "sig=x"), "", 0},
		{"token", asked(Play, "live/a", "token="+token(t, later, Rule{[]Action{Play}, patterns(t, "live/a")})), "the token's weir[0]", 0},
		{"bad token", asked(Play, "open/a", "token=a.b.c"), "", 0},
		{"user", asked(Play, "live/a", "user=ann&pass=secret"), "auth.users[0].allow[0]", 0},
		{"anonymous", asked(Play, "open/a", ""), "auth.users[1].allow[0]", 0},
		{"service", asked(Publish, "live/a", "user=ann&pass=secret"), "auth.http_url", 1},
		{"service, unknown user", asked(Publish, "live/a", "user=bob&pass=secret"), "auth.http_url", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			questions = nil
			g, err := chain.Authorize(t.Context(), test.r)
			var denied *Denied
			if test.rule != g.Rule || (err == nil) != (test.rule != "") || err != nil && (!errors.As(err, &denied) || denied.Rule == "") {
				t.Errorf("%+v %v, want the rule %q", g, err, test.rule)
			}
			if len(questions) != test.asked {
				t.Errorf("the service was asked %+v", questions)
			}
		})
	}
}

const jwtSecret = config.Secret("a secret of sufficient length")

// token returns a token that holds rules and expires at some time.
func token(t *testing.T, expires time.Time, rules ...Rule) string {
	t.Helper()
	return signToken(t, jwt.SigningMethodHS256, []byte(jwtSecret.Reveal()), "", jwt.MapClaims{"sub": "bob", "exp": expires.Unix(), "weir": rules})
}

func signToken(t *testing.T, method jwt.SigningMethod, key any, kid string, claims jwt.MapClaims) string {
	t.Helper()
	made := jwt.NewWithClaims(method, claims)
	if kid != "" {
		made.Header["kid"] = kid
	}
	text, err := made.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

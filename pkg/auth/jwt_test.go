package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/reason"
)

// claims are good ones, changed.
func claims(change func(jwt.MapClaims)) jwt.MapClaims {
	c := jwt.MapClaims{
		"sub": "bob", "iss": "us", "aud": []string{"them", "weir"}, "exp": start.Add(time.Minute).Unix(),
		"weir": []map[string]any{{"actions": []string{"play"}, "streams": []string{"live/**"}}, {"actions": []string{"api"}}},
	}
	if change != nil {
		change(c)
	}
	return c
}

func TestTokens(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaFile, rsaText := writePublic(t, &rsaKey.PublicKey)
	ecFile, _ := writePublic(t, &ecKey.PublicKey)
	chain, now := newChain(t, Config{
		JWTSecrets: []config.Secret{"an older secret, still good", jwtSecret}, JWTKeyFiles: []string{rsaFile, ecFile}, JWTIssuer: "us", JWTAudience: "weir",
	})
	secret := []byte(jwtSecret.Reveal())
	hs, rs, es, ps := jwt.SigningMethodHS256, jwt.SigningMethodRS256, jwt.SigningMethodES256, jwt.SigningMethodPS384
	for _, test := range []struct {
		name   string
		method jwt.SigningMethod
		key    any
		change func(jwt.MapClaims)
		why    string // of the denial; empty if there is none
	}{
		{"HS", hs, secret, nil, ""},
		{"HS512", jwt.SigningMethodHS512, secret, nil, ""},
		{"the older secret", hs, []byte("an older secret, still good"), nil, ""},
		{"RS", rs, rsaKey, nil, ""},
		{"PS", ps, rsaKey, nil, ""},
		{"ES", es, ecKey, nil, ""},
		{"another secret", hs, []byte("x"), nil, "signature is invalid"},
		{"public key as secret", hs, rsaText, nil, "signature is invalid"},
		{"no signature", jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, "signature is invalid"},
		{"expired", hs, secret, func(c jwt.MapClaims) { c["exp"] = start.Unix() }, "expired"},
		{"for ever", hs, secret, func(c jwt.MapClaims) { delete(c, "exp") }, "missing required claim"},
		{"too early", hs, secret, func(c jwt.MapClaims) { c["nbf"] = start.Unix() + 9 }, "not valid yet"},
		{"another issuer", hs, secret, func(c jwt.MapClaims) { c["iss"] = "them" }, "issuer"},
		{"another audience", hs, secret, func(c jwt.MapClaims) { c["aud"] = "them" }, "audience"},
		{"no rules", hs, secret, func(c jwt.MapClaims) { delete(c, "weir") }, `does not allow to play "live/a"`},
		{"other rules", hs, secret, func(c jwt.MapClaims) { c["weir"] = []any{map[string]any{"actions": []string{"publish"}}} }, "does not allow"},
		{"rubbish for rules", hs, secret, func(c jwt.MapClaims) { c["weir"] = "play" }, "must be a list"},
		{"an unknown action", hs, secret, func(c jwt.MapClaims) { c["weir"] = []any{map[string]any{"actions": []string{"fly"}}} }, "must be a list"},
	} {
		t.Run(test.name, func(t *testing.T) {
			g, err := chain.Authorize(t.Context(), asked(Play, "live/a", "token="+signToken(t, test.method, test.key, "", claims(test.change))))
			if test.why != "" {
				checkDenied(t, err, test.why, true)
				return
			}
			if err != nil || g.User != "bob" || !g.Expires.Equal(start.Add(time.Minute)) {
				t.Errorf("%+v %v", g, err)
			}
		})
	}
	good := "token=" + signToken(t, hs, secret, "", claims(nil))
	if _, err := chain.Authorize(t.Context(), asked(API, "", good)); err != nil {
		t.Errorf("API: %v", err)
	}
	if _, err := chain.Authorize(t.Context(), asked(Play, "live/a", "token=a.b."+strings.Repeat("x", maxToken))); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("a long one: %v", err)
	}
	now.pass(time.Hour)
	_, err = chain.Authorize(t.Context(), asked(Play, "live/a", good))
	checkDenied(t, err, "expired", true)
}

func writePublic(t *testing.T, key any) (name string, text []byte) {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	name = filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return name, text
}

// TestKeySet: keys are fetched when there is an unknown one, not too often, and
// are good while the set cannot be fetched.
func TestKeySet(t *testing.T) {
	var set atomic.Pointer[jose.JSONWebKeySet]
	var fetched atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fetched.Add(1)
		keys := set.Load()
		if keys == nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_ = json.NewEncoder(w).Encode(keys)
	}))
	defer server.Close()
	chain, now := newChain(t, Config{JWKS: config.WebURL(server.URL)})
	private := map[string]*ecdsa.PrivateKey{}
	for _, kid := range []string{"a", "b"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		private[kid] = key
	}
	publish := func(kids ...string) {
		keys := &jose.JSONWebKeySet{}
		for _, kid := range kids {
			keys.Keys = append(keys.Keys, jose.JSONWebKey{Key: &private[kid].PublicKey, KeyID: kid, Use: "sig"})
		}
		set.Store(keys)
	}
	try := func(kid string) error {
		text := signToken(t, jwt.SigningMethodES256, private[kid], kid, claims(func(c jwt.MapClaims) { c["exp"] = now.Add(time.Hour).Unix() }))
		_, err := chain.Authorize(t.Context(), asked(Play, "live/a", "token="+text))
		return err
	}
	want := func(when, kid string, want reason.Reason, fetches int32) {
		t.Helper()
		if err := try(kid); reason.Of(err, "") != want {
			t.Errorf("%s: %v, want %q", when, err, want)
		}
		if n := fetched.Load(); n != fetches {
			t.Errorf("%s: fetched %d times, want %d", when, n, fetches)
		}
	}
	want("no set yet", "a", reason.InternalError, 1)
	publish("a")
	want("tried just now", "a", reason.InternalError, 1)
	now.pass(keysPause + 1)
	want("a set", "a", "", 2)
	want("known", "a", "", 2)
	publish("b")
	want("unknown, asked just now", "b", reason.Unauthorized, 2)
	now.pass(keysPause + 1)
	want("a new key", "b", "", 3)
	now.pass(keysPause + 1)
	want("a key that was taken away", "a", reason.Unauthorized, 4)
	set.Store(nil)
	now.pass(keysFresh + 1)
	want("an outage", "b", "", 5)
}

// TestKeySetReading: keys of kinds that are not known do not count (RFC 7517, 5), and
// what is no set takes the place of none.
func TestKeySetReading(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	known, err := json.Marshal(jose.JSONWebKey{Key: &key.PublicKey, KeyID: "a"})
	if err != nil {
		t.Fatal(err)
	}
	var answer atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, answer.Load().(string))
	}))
	defer server.Close()
	now := &clock{start}
	set := newKeySet(server.URL, slog.New(slog.DiscardHandler), now.now)
	for _, step := range []struct {
		answer string
		keys   int
	}{
		{`{"keys": [{"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"}, {"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}, 7, ` + string(known) + `]}`, 1},
		{`{"error": "maintenance"}`, 1},
		{`null`, 1},
		{`{"keys": []}`, 0},
	} {
		answer.Store(step.answer)
		now.pass(keysFresh + 1)
		if found, err := set.find(t.Context(), "a"); err != nil || len(found) != step.keys {
			t.Errorf("after %s there are %d keys, %v, want %d", step.answer, len(found), err, step.keys)
		}
	}
}

// TestKeySetLooking: while somebody looks for new keys, those that are known serve.
func TestKeySetLooking(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	asked, release := make(chan struct{}, 1), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked <- struct{}{}
		<-release
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "a"}}})
	}))
	defer server.Close()
	now := &clock{start}
	set := newKeySet(server.URL, slog.New(slog.DiscardHandler), now.now)
	find := func(id string, done chan<- int) {
		found, err := set.find(t.Context(), id)
		if err != nil {
			t.Error(err)
		}
		done <- len(found)
	}
	first, stranger := make(chan int, 1), make(chan int, 1)
	go find("a", first)
	<-asked
	release <- struct{}{}
	if n := <-first; n != 1 {
		t.Fatalf("%d keys", n)
	}
	now.pass(keysFresh + 1)
	go find("unknown", stranger)
	<-asked
	find("a", first) // returns, though the other does not
	if n := <-first; n != 1 {
		t.Errorf("%d keys", n)
	}
	close(release)
	if n := <-stranger; n != 0 {
		t.Errorf("%d unknown keys", n)
	}
}

// FuzzTokens: no token makes trouble, and none that is not ours is good.
func FuzzTokens(f *testing.F) {
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("eyJhbGciOiJIUzI1NiIsImtpZCI6MX0.eyJleHAiOjF9.AAAA")
	set, err := newTokens(&Config{JWTClaim: "weir", JWTSecrets: []config.Secret{jwtSecret}}, nil, time.Now)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := asked(Play, "live/a", "")
		r.Credentials.Token = text
		if _, err := set.decide(t.Context(), r); reason.Of(err, "") != reason.Unauthorized {
			t.Errorf("%q: %v", text, err)
		}
	})
}

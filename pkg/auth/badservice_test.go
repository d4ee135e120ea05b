package auth

import (
	"context"
	"encoding/base64"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weirmedia/weir/pkg/auth/servicetest"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/reason"
)

// TestBadServices: a service that behaves badly, however it does, lets nobody in, takes
// nothing from who was let in, and is not waited for; if the configuration says so,
// publishers and players come in meanwhile, and nobody gets at the API.
func TestBadServices(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Run("together", func(t *testing.T) {
		for _, s := range servicetest.All(t) {
			t.Run(s.Name, func(t *testing.T) {
				var log strings.Builder
				rules := Config{HTTPURL: config.WebURL(s.URL + "?key=planted"), HTTPSecret: "planted", HTTPTimeout: minHTTPTimeout}
				now := &clock{start}
				rules.JWTClaim = NewConfig().JWTClaim
				strict, err := NewChain(rules, Options{Log: slog.New(slog.NewTextHandler(&log, nil)), Now: now.now})
				if err != nil {
					t.Fatal(err)
				}
				rules.HTTPAllowOnFailure = true
				lenient, _ := newChain(t, rules)
				request := asked(Play, "live/a", "user=ann&pass=planted")
				if g, err := strict.Authorize(t.Context(), request); reason.Of(err, "") != reason.InternalError || strings.Contains(err.Error(), "planted") {
					t.Errorf("%+v %v", g, err)
				}
				g, err := lenient.Authorize(t.Context(), request)
				if err != nil || g.Expires.IsZero() || g.Rule != "auth.http_allow_on_failure" {
					t.Errorf("allowed on failure: %+v %v", g, err)
				}
				if g, err = g.Renew(t.Context()); err != nil {
					t.Errorf("renewed: %+v %v", g, err)
				}
				if _, err := lenient.Authorize(t.Context(), asked(API, "", "user=ann&pass=planted")); err == nil {
					t.Error("the API is open")
				}
				now.pass(time.Second) // it is asked anew
				hungUp, cancel := context.WithCancel(t.Context())
				cancel()
				if _, err := strict.Authorize(hungUp, request); err == nil {
					t.Error("who has hung up is let in")
				}
				if text := log.String(); !strings.Contains(text, "auth.http_url gives no answer") || strings.Contains(text, "planted") {
					t.Errorf("the log says %q", text)
				}
				if strings.HasPrefix(s.Name, "endless") && s.Status == 0 && !strings.Contains(log.String(), "exceeded") {
					t.Errorf("its header has no bound: %s", &log)
				}
				strict.Close()
				lenient.Close()
			})
		}
	})
}

// TestBadKeys: who serves no usable keys lets nobody in, and its URL is nowhere to be
// read.
func TestBadKeys(t *testing.T) {
	text := base64.RawURLEncoding.EncodeToString
	token := text([]byte(`{"alg": "RS256", "kid": "k"}`)) + "." + text([]byte(`{"exp": 9999999999}`)) + ".AAAA"
	for _, s := range servicetest.All(t) {
		switch s.Name {
		case "never reads", "never answers", "byte by byte", "a body that does not come":
			continue // these take the 5 s of fetchTimeout each, and nothing else is new about them
		}
		t.Run(s.Name, func(t *testing.T) {
			var log strings.Builder
			rules := Config{JWKS: config.WebURL(s.URL + "?key=planted"), JWTClaim: "weir"}
			chain, err := NewChain(rules, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			defer chain.Close()
			if g, err := chain.Authorize(t.Context(), asked(Play, "live/a", "token="+token)); reason.Of(err, "") != reason.InternalError || strings.Contains(err.Error(), "planted") {
				t.Errorf("%+v %v", g, err)
			}
			if text := log.String(); !strings.Contains(text, "auth.jwks") || strings.Contains(text, "planted") {
				t.Errorf("the log says %q", text)
			}
		})
	}
}

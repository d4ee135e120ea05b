package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/reason"
)

// service is an operator's, which answers as a test says.
type service struct {
	*httptest.Server
	asked  atomic.Int32
	answer atomic.Pointer[http.HandlerFunc]
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		(*s.answer.Load())(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *service) says(status int, body string) {
	f := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
	s.answer.Store(&f)
}

func TestCallbackAnswers(t *testing.T) {
	for _, test := range []struct {
		name   string
		status int
		body   string
		want   reason.Reason // empty if it is allowed
		user   string
		text   string // in the error
	}{
		{"204", 204, "", "", "", ""},
		{"200 without a body", 200, " \n", "", "", ""},
		{"allow", 200, `{"allow": true, "user": "bob"}`, "", "bob", ""},
		{"permissions", 200, `{"permissions": [{"actions": ["play"], "streams": ["live/*"]}]}`, "", "", ""},
		{"deny", 200, `{"allow": false, "why": "not you"}`, reason.Unauthorized, "", "not you"},
		{"other permissions", 200, `{"allow": true, "permissions": [{"actions": ["publish"], "streams": ["**"]}]}`, reason.Unauthorized, "", "not allowed"},
		{"401", 401, "", reason.Unauthorized, "", `not allowed to play "live/a"`},
		{"403, whatever else", 403, `{"allow": true, "why": "too late"}`, reason.Unauthorized, "", "too late"},
		{"403 in HTML", 403, `<html>`, reason.Unauthorized, "", "not allowed"},
		{"500", 500, `{"allow": true}`, reason.InternalError, "", "nobody could be asked"},
		{"a redirect", 302, ``, reason.InternalError, "", "nobody could be asked"},
		{"HTML", 200, `<html>`, reason.InternalError, "", "nobody could be asked"},
		{"nothing said", 200, `{}`, reason.InternalError, "", "nobody could be asked"},
		{"a bad ttl", 200, `{"allow": true, "ttl": -1}`, reason.InternalError, "", "nobody could be asked"},
		{"an unknown action", 200, `{"permissions": [{"actions": ["fly"]}]}`, reason.InternalError, "", "nobody could be asked"},
		{"too much", 200, `{"allow": true}` + strings.Repeat(" ", maxAnswer), reason.InternalError, "", "nobody could be asked"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newService(t)
			s.says(test.status, test.body)
			chain, _ := newChain(t, Config{HTTPURL: config.WebURL(s.URL)})
			g, err := chain.Authorize(t.Context(), asked(Play, "live/a", ""))
			if reason.Of(err, "") != test.want || g.User != test.user || err != nil && !strings.Contains(err.Error(), test.text) {
				t.Errorf("%+v %v", g, err)
			}
			lenient, _ := newChain(t, Config{HTTPURL: config.WebURL(s.URL), HTTPAllowOnFailure: true})
			_, err = lenient.Authorize(t.Context(), asked(Play, "live/a", ""))
			if want := test.want; want != reason.InternalError && reason.Of(err, "") != want || want == reason.InternalError && err != nil {
				t.Errorf("allowed on failure: %v", err)
			}
			if _, err = lenient.Authorize(t.Context(), asked(API, "", "")); test.want == reason.InternalError && err == nil {
				t.Error("a failure opens the API")
			}
		})
	}
}

// TestCallbackAsks: what is asked, and that it is signed.
func TestCallbackAsks(t *testing.T) {
	s := newService(t)
	var got Question
	f := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mac := hmac.New(sha256.New, []byte("shared"))
		mac.Write(body)
		if want := "sha256=" + hex.EncodeToString(mac.Sum(nil)); r.Header.Get(SignatureHeader) != want {
			t.Errorf("signed %q, want %q", r.Header.Get(SignatureHeader), want)
		}
		if err := json.Unmarshal(body, &got); err != nil {
			t.Error(err)
		}
	})
	s.answer.Store(&f)
	chain, _ := newChain(t, Config{HTTPURL: config.WebURL(s.URL), HTTPSecret: "shared"})
	if _, err := chain.Authorize(t.Context(), asked(Publish, "live/a", "user=ann&pass=x&token=y&z=1")); err != nil {
		t.Fatal(err)
	}
	want := Question{"authorise", Publish, "live/a", "rtmp", "192.0.2.1", "ann", "x", "y", "pass=x&token=y&user=ann&z=1"}
	if got != want {
		t.Errorf("asked %+v, want %+v", got, want)
	}
}

// TestCallbackCache: an answer counts as long as it says, else as configured; a
// failure for a moment.
func TestCallbackCache(t *testing.T) {
	s := newService(t)
	chain, now := newChain(t, Config{HTTPURL: config.WebURL(s.URL), HTTPCache: config.Duration(time.Minute)})
	try := func(stream string) (Grant, error) { return chain.Authorize(t.Context(), asked(Play, stream, "")) }
	want := func(when string, n int32) {
		t.Helper()
		if got := s.asked.Load(); got != n {
			t.Errorf("%s: asked %d times, want %d", when, got, n)
		}
	}
	s.says(200, `{"allow": true}`)
	if g, err := try("a/a"); err != nil || !g.Expires.IsZero() {
		t.Errorf("%+v %v", g, err)
	}
	_, _ = try("a/a")
	want("remembered", 1)
	_, _ = try("a/b")
	want("another stream", 2)
	s.says(200, `{"allow": true, "ttl": 5}`)
	now.pass(time.Minute)
	g, err := try("a/a")
	if err != nil || !g.Expires.Equal(now.Add(5*time.Second)) {
		t.Errorf("%+v %v", g, err)
	}
	want("over", 3)
	s.says(403, "")
	now.pass(5 * time.Second)
	if _, err := g.Renew(t.Context()); reason.Of(err, "") != reason.Unauthorized {
		t.Errorf("renewed: %v", err)
	}
	s.says(500, "")
	now.pass(time.Minute)
	for range 3 {
		_, _ = try("a/a")
	}
	want("a failure", 5)
	now.pass(failedTTL)
	_, _ = try("a/a")
	want("later", 6)
	for i := range maxAnswers + 10 {
		chain.callback.remember([32]byte{byte(i), byte(i >> 8)}, answered{expires: now.Add(time.Hour)})
	}
	if n := len(chain.callback.answers); n > maxAnswers || n < maxAnswers/2 {
		t.Errorf("%d answers are remembered", n)
	}
}

// TestCallbackSlow: who hangs up waits no longer, and neither does who waits for
// others.
func TestCallbackSlow(t *testing.T) {
	s := newService(t)
	release := make(chan struct{})
	f := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release })
	s.answer.Store(&f)
	defer close(release)
	chain, _ := newChain(t, Config{HTTPURL: config.WebURL(s.URL)})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	for i := range maxAsking + 5 {
		go func() {
			_, err := chain.Authorize(ctx, asked(Play, fmt.Sprintf("live/%d", i), ""))
			done <- err
		}()
	}
	for s.asked.Load() < maxAsking {
		time.Sleep(time.Millisecond)
	}
	cancel()
	waited := 0
	for range maxAsking + 5 {
		switch err := <-done; reason.Of(err, "") {
		case reason.LimitReached:
			waited++
		case reason.ClientClosed:
		default:
			t.Errorf("%v", err)
		}
	}
	if waited != 5 || s.asked.Load() != maxAsking {
		t.Errorf("%d waited, %d asked", waited, s.asked.Load())
	}
}

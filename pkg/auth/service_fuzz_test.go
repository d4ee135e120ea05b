package auth

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
)

// answering is a service that always answers the same.
type answering struct {
	status int
	body   []byte
}

// RoundTrip implements http.RoundTripper.
func (a answering) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: a.status, Status: fmt.Sprint(a.status), Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(a.body)), Request: r,
	}, nil
}

// FuzzAnswer: whatever a service answers, it is a denial, no answer, or one that says
// plainly that it is allowed.
func FuzzAnswer(f *testing.F) {
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		c := NewConfig()
		c.HTTPURL = "http://service"
		b := newCallback(c, slog.New(slog.DiscardHandler), time.Now)
		b.client.Transport = answering{status, body}
		g, err := b.decide(context.Background(), Request{Action: Publish, Stream: "live/test"})
		if err != nil {
			var denied *Denied
			if isNo := errors.As(err, &denied); isNo != (reason.Of(err, "") == reason.Unauthorized) || isNo && len(denied.Why) > 800 { // 200 characters
				t.Errorf("%v", err)
			}
			return
		}
		var said Answer
		switch {
		case status != http.StatusOK && status != http.StatusNoContent:
			t.Errorf("allowed by status %d", status)
		case len(bytes.TrimSpace(body)) == 0:
		case json.Unmarshal(body, &said) != nil, said.Permissions == nil && (said.Allow == nil || !*said.Allow):
			t.Errorf("allowed by %q", body)
		case said.TTL != nil && g.Expires.IsZero():
			t.Error("allowed for ever")
		}
	})
}

// FuzzKeySet: whatever a set of keys holds, only public ones of the known kinds are
// used.
func FuzzKeySet(f *testing.F) {
	f.Fuzz(func(t *testing.T, body []byte) {
		s := newKeySet("http://service", slog.New(slog.DiscardHandler), time.Now)
		s.client.Transport = answering{http.StatusOK, body}
		keys, err := s.find(context.Background(), "")
		if err != nil && len(keys) > 0 {
			t.Errorf("keys and %v", err)
		}
		for _, key := range keys {
			switch key.(type) {
			case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
			default:
				t.Errorf("a %T is used", key)
			}
		}
	})
}

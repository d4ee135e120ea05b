package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// TestKick: a session is closed with the reason, and only that one.
func TestKick(t *testing.T) {
	o := fixture(t)
	var killed []reason.Reason
	s, err := o.Sessions.Open(session.Info{Protocol: "rtmp", Action: session.Play, Stream: "live/test"}, func(why reason.Reason) { killed = append(killed, why) })
	if err != nil {
		t.Fatal(err)
	}
	h := New(o)
	if w := ask(h, "GET", "/api/v1/sessions/"+s.ID()); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"id":"`+s.ID()+`"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(h, "DELETE", "/api/v1/sessions/"+s.ID()); w.Code != http.StatusNoContent || len(killed) != 1 || killed[0] != reason.Kicked {
		t.Errorf("%d %s, %v", w.Code, w.Body, killed)
	}
	s.Close(reason.ClientClosed, nil)
	for _, method := range []string{"GET", "DELETE"} {
		if w := ask(h, method, "/api/v1/sessions/"+s.ID()); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "session_not_found") {
			t.Errorf("%s: %d %s", method, w.Code, w.Body)
		}
	}
}

// TestRelease: the publisher is closed; a stream without one cannot be released.
func TestRelease(t *testing.T) {
	o := fixture(t)
	var killed reason.Reason
	s, err := o.Sessions.Open(session.Info{Protocol: "rtmp", Action: session.Publish, Stream: "live/test"}, func(why reason.Reason) { killed = why })
	if err != nil {
		t.Fatal(err)
	}
	o.Streams = func() []StreamInfo {
		return []StreamInfo{{Name: "live/test", Publisher: &PublisherInfo{Session: s.ID()}}, {Name: "live/gone"}}
	}
	h := New(o)
	if w := ask(h, "DELETE", "/api/v1/streams/live/test"); w.Code != http.StatusNoContent || killed != reason.Kicked {
		t.Errorf("%d %s, %v", w.Code, w.Body, killed)
	}
	if w := ask(h, "DELETE", "/api/v1/streams/live/gone"); w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), codeNoPublisher) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestForeignPages: a page of somebody else's changes nothing in the operator's
// name, neither at this machine nor with a password that the browser knows.
func TestForeignPages(t *testing.T) {
	password := func(r *http.Request) {
		r.RemoteAddr = "192.0.2.9:50000"
		r.SetBasicAuth("ann", "secret")
	}
	here := func(*http.Request) {}
	requests := map[string]string{"POST": "/api/v1/auth/explain", "PUT": "/api/v1/log", "PATCH": "/api/v1/log", "DELETE": "/api/v1/streams/live/test"}
	for method, path := range requests {
		for _, kind := range []string{"", "application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"} {
			for name, value := range map[string]string{
				"Origin https://example.org": "https://example.org", "Origin null": "null", "Origin lookalike": "http://127.0.0.1.example.org",
				"Sec-Fetch-Site": "cross-site",
			} {
				for _, who := range []func(*http.Request){here, password} {
					header, _, _ := strings.Cut(name, " ")
					w := ask(New(fixture(t)), method, path, who, func(r *http.Request) {
						r.Header.Set(header, value)
						r.Header.Set("Content-Type", kind)
						r.Body = io.NopCloser(strings.NewReader(`{"level": "debug"}`))
					})
					if w.Code != http.StatusForbidden || w.Header().Get("Access-Control-Allow-Origin") != "" {
						t.Errorf("%s %s with %s, %s: %d %s", method, path, kind, name, w.Code, w.Body)
					}
				}
			}
		}
	}
	for token, want := range map[string]int{"good": http.StatusOK, "bad": http.StatusUnauthorized, "anonymous": http.StatusForbidden} {
		for _, who := range []func(*http.Request){here, password} {
			w := ask(New(fixture(t)), "PUT", "/api/v1/log", who, func(r *http.Request) {
				r.Header.Set("Origin", "https://example.org")
				r.Header.Set("Authorization", "Bearer "+token)
				r.Body = io.NopCloser(strings.NewReader(`{"level": "debug"}`))
			})
			if w.Code != want || w.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("with the token %s: %d %s", token, w.Code, w.Body)
			}
		}
	}
}

func TestSessionFilter(t *testing.T) {
	h := New(fixture(t))
	for query, want := range map[string]struct{ count, total int }{
		"":                           {4, 4},
		"protocol=rtmp":              {2, 2},
		"action=play":                {3, 3},
		"stream=live/test":           {3, 3},
		"user=ann":                   {1, 1},
		"state=waiting":              {1, 1},
		"remote=192.0.2.4":           {1, 1},
		"remote=192.0.":              {4, 4},
		"limit=3":                    {3, 4},
		"limit=3&offset=3":           {1, 4},
		"offset=9":                   {0, 4},
		"action=play&limit=1":        {1, 3},
		"protocol=rtmp&action=play":  {1, 1},
		"protocol=rtmp&stream=other": {0, 0},
	} {
		var got struct {
			Sessions []SessionInfo
			Total    int
		}
		w := ask(h, "GET", "/api/v1/sessions?"+query)
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got.Sessions) != want.count || got.Total != want.total {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
	for query, field := range map[string]string{
		"action=x": "action", "state=x": "state", "limit=0": "limit", "limit=1001": "limit", "limit=x": "limit", "offset=-1": "offset",
	} {
		var got struct{ Error struct{ Field string } }
		w := ask(h, "GET", "/api/v1/sessions?"+query)
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusBadRequest || got.Error.Field != field {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
}

// knowing answers with what it was asked.
type knowing struct{ asked auth.Request }

func (k *knowing) Authorize(_ context.Context, r auth.Request) (auth.Grant, error) {
	k.asked = r
	switch r.Credentials.Token {
	case "no":
		return auth.Grant{}, reason.Wrap(reason.Unauthorized, &auth.Denied{Why: "not you", Rule: "auth.users"})
	case "fault":
		return auth.Grant{}, errors.New("nobody knows")
	}
	return auth.Grant{User: "ann", Rule: "auth.users[0].allow[1]", Expires: time.Unix(1790000000, 0)}, nil
}

func TestExplain(t *testing.T) {
	o := fixture(t)
	k := &knowing{}
	o.Authorizer = k
	h := New(o)
	explain := func(body string) (int, string) {
		w := ask(h, "POST", "/api/v1/auth/explain", func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(body)) })
		return w.Code, strings.TrimSpace(w.Body.String())
	}
	for _, test := range []struct {
		body   string
		asked  auth.Request
		answer string
	}{
		{
			`{"url":"rtmp://ann:secret@host/live/test","address":"192.0.2.1"}`,
			auth.Request{Action: auth.Play, Stream: "live/test", Remote: netip.MustParseAddr("192.0.2.1"), Credentials: auth.Credentials{User: "ann", Password: "secret"}},
			`{"allowed":true,"rule":"auth.users[0].allow[1]","why":"","user":"ann","expires":"2026-09-21T14:13:20Z"}`,
		},
		{
			`{"url":"http://host/live/test/whip?token=no"}`,
			auth.Request{Action: auth.Publish, Stream: "live/test", Remote: netip.MustParseAddr("127.0.0.1"), Credentials: auth.Credentials{Token: "no"}},
			`{"allowed":false,"rule":"auth.users","why":"not you","user":"","expires":null}`,
		},
		{
			`{"stream":"a/b","action":"publish","user":"bob","password":"x","protocol":"rtsp"}`,
			auth.Request{Action: auth.Publish, Stream: "a/b", Protocol: "rtsp", Remote: netip.MustParseAddr("127.0.0.1"), Credentials: auth.Credentials{User: "bob", Password: "x"}},
			`{"allowed":true,"rule":"auth.users[0].allow[1]","why":"","user":"ann","expires":"2026-09-21T14:13:20Z"}`,
		},
		{
			`{"action":"api","token":"no"}`,
			auth.Request{Action: auth.API, Remote: netip.MustParseAddr("127.0.0.1"), Credentials: auth.Credentials{Token: "no"}},
			`{"allowed":false,"rule":"auth.users","why":"not you","user":"","expires":null}`,
		},
	} {
		code, answer := explain(test.body)
		k.asked.Query = nil
		if code != http.StatusOK || answer != test.answer || k.asked.Action != test.asked.Action || k.asked.Stream != test.asked.Stream ||
			k.asked.Remote != test.asked.Remote || k.asked.Credentials != test.asked.Credentials || k.asked.Protocol != test.asked.Protocol {
			t.Errorf("%s: %d %s, asked %+v %+v", test.body, code, answer, k.asked, k.asked.Credentials.User)
		}
	}
	for body, want := range map[string]int{
		``: 400, `[]`: 400, `{"action":"fly"}`: 400, `{"streem":"a/b"}`: 400, `{"url":"http://host/x"}`: 400, `{"stream":""}`: 400,
		`{"stream":"a/b","address":"here"}`: 400, `{"stream":"a/b","user":"` + strings.Repeat("x", maxBody) + `"}`: 400,
		`{"stream":"a/b","token":"fault"}`: 503,
	} {
		if code, answer := explain(body); code != want || !strings.Contains(answer, `"error"`) {
			t.Errorf("%.50s: %d %s", body, code, answer)
		}
	}
}

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/api"
	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/event"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/hls"
	"github.com/weirmedia/weir/protocols/rtmp/message"
)

// TestAccessIsTold: log and hooks name whoever is refused with protocol, action, stream
// and reason, and nobody sees what it presented.
func TestAccessIsTold(t *testing.T) {
	hooks := newReceiver(t, nil)
	m := newMatrix(t, accessRules(t), func(s *settings) {
		s.hooks.URL, s.hooks.Events = hooks.url, []event.Selector{"session.*"}
	})
	stranger := proof{query: url.Values{"token": {"planted.planted.planted"}}}
	for n, refuse := range m.refusals() {
		t.Run(fmt.Sprintf("%s %s by %s", refuse.action, accessStream, refuse.name), func(t *testing.T) {
			want := logLine{Message: "refused", Protocol: refuse.protocol, Action: refuse.action, Stream: accessStream, Reason: reason.Unauthorized}
			if m.lines.has(want) { // of another way by the same protocol
				return
			}
			for tries := 1; ; tries++ { // of one reason, ten lines are written in a second
				before := m.ends(refuse.protocol, "", reason.Unauthorized)
				if err := refuse.try(t, stranger); err == nil {
					t.Fatal("it was let in")
				}
				if got := m.ends(refuse.protocol, "", reason.Unauthorized) - before; got != 1 {
					t.Errorf("%d more are counted", got)
				}
				if m.lines.has(want) {
					hooks.refused(t, refuse.protocol, refuse.action)
					return
				}
				if n < 5 || tries > 20 {
					t.Fatalf("there is no line %+v", want)
				}
				time.Sleep(100 * time.Millisecond)
			}
		})
	}
	must(t, m.stop())
	for _, e := range hooks.events() {
		if e.Type != event.SessionRefused {
			t.Errorf("%s of somebody who was refused: %s", e.Type, e.Data)
		}
	}
	if strings.Contains(hooks.text.String(), "planted") || m.lines.contain("planted") {
		t.Error("log or hooks hold what was presented")
	}
}

// refused waits for the event that tells of a refusal.
func (r *receiver) refused(t *testing.T, protocol string, action session.Action) {
	t.Helper()
	eventually(t, fmt.Sprintf("session.refused of %s by %s", action, protocol), func() bool {
		return slices.ContainsFunc(r.events(), func(e event.Event) bool {
			var who api.RefusalInfo
			return e.Type == event.SessionRefused && e.Stream == accessStream && json.Unmarshal(e.Data, &who) == nil &&
				who.Protocol == protocol && who.Action == action && who.Reason == reason.Unauthorized
		})
	})
}

// refusal is a way to be refused.
type refusal struct {
	name, protocol string
	action         session.Action
	try            func(t testing.TB, p proof) error
}

// refusals are all ways.
func (m *matrix) refusals() (all []refusal) {
	for _, o := range outlets() {
		all = append(all, refusal{o.name, o.protocol, session.Play, func(t testing.TB, p proof) error {
			_, err := m.play(t, o, accessStream, p)
			return err
		}})
	}
	for _, i := range inlets() {
		all = append(all, refusal{i.name, i.protocol, session.Publish, func(t testing.TB, p proof) error {
			_, err := m.publish(t, i, accessStream, p, 2)
			return err
		}})
	}
	return all
}

// TestAccessByHeader: a token or a password in the header of HTTP lets a client in
// wherever there is such a header.
func TestAccessByHeader(t *testing.T) {
	m := newMatrix(t, accessRules(t))
	m.feed(t, inlets()[0], accessStream, byUser("ann", accessPassword), 1)
	token := byToken(t, "ann", later()).query.Get("token")
	expired := byToken(t, "ann", time.Now().Add(-time.Minute)).query.Get("token")
	base := "http://" + m.http.Addr().String() + "/" + accessStream
	for _, to := range []struct {
		method, path, body string
		upgrade            bool
		status             int
	}{
		{http.MethodGet, ".flv", "", false, 200}, {http.MethodGet, ".ts", "", false, 200}, {http.MethodGet, ".mp4", "", false, 200},
		{http.MethodGet, ".flv", "", true, 101}, {http.MethodGet, ".ts", "", true, 101}, {http.MethodGet, ".mp4", "", true, 101},
		{http.MethodGet, "/index.m3u8", "", false, 200},
		{http.MethodPost, "/whep", lonelyOffer("recvonly"), false, 201},
		{http.MethodPost, "-%s/whip", lonelyOffer("sendonly"), false, 201},
	} {
		for header, status := range map[string]int{
			"Bearer " + token: to.status, "Bearer " + expired: 401, "Bearer": 401, "": 401,
			"Basic YW5uOnJpZ2h0": to.status, "Basic YW5uOndyb25n": 401, "Basic !": 401,
		} {
			name := fmt.Sprintf("%s %s by %.14q", to.method, to.path, header)
			path := strings.ReplaceAll(to.path, "%s", header[:min(1, len(header))]+fmt.Sprint(len(header))) // a token and a password are two parties
			request, err := http.NewRequest(to.method, base+path, strings.NewReader(to.body))
			must(t, err)
			request.Header.Set("Content-Type", "application/sdp")
			if to.upgrade {
				name = "WebSocket " + name
				for key, value := range map[string]string{
					"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
				} {
					request.Header.Set(key, value)
				}
			}
			if header != "" {
				request.Header.Set("Authorization", header)
			}
			response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}).Do(request)
			must(t, err)
			response.Body.Close()
			if response.StatusCode != status {
				t.Errorf("%s: %s, want %d", name, response.Status, status)
			}
			if asks := response.Header.Get("WWW-Authenticate") != ""; asks != (status == 401) {
				t.Errorf("%s asks for credentials: %t", name, asks)
			}
		}
	}
	m.sessions.KillAll(reason.Kicked)
}

// TestAccessByUserinfo: user and password before the host let an RTMP client in, and
// what is wrong there does not.
func TestAccessByUserinfo(t *testing.T) {
	m := newMatrix(t, accessRules(t))
	m.feed(t, inlets()[0], accessStream, byUser("ann", accessPassword), 1)
	app, key, _ := strings.Cut(accessStream, "/")
	for _, what := range []struct{ name, key, start, refused string }{
		{message.NamePlay, key, message.CodePlayStart, message.CodePlayFailed},
		{message.NamePublish, key + "-2", message.CodePublishStart, message.CodePublishDenied},
	} {
		for user, code := range map[string]string{
			"ann:" + accessPassword: what.start, "ann:%72ight": what.start, "ann:wrong": what.refused, "ann": what.refused, "": what.refused, ":": what.refused,
		} {
			p := m.dial(t)
			must(t, p.shake())
			p.send(values(message.Connect{App: app, TCURL: "rtmp://" + user + "@127.0.0.1/" + app}.Command().Append(nil)),
				command(0, message.NameCreateStream, 2, nil), command(1, what.name, 3, nil, what.key))
			var got string
			err := p.await(func(cmd message.Command) bool {
				status, ok := message.ParseStatus(cmd)
				got = status.Code
				return ok && slices.Contains([]string{what.start, what.refused}, status.Code)
			})
			if err != nil || got != code {
				t.Errorf("%s as %q: %q %v, want %s", what.name, user, got, err, code)
			}
			p.Close()
			if code == message.CodePublishStart {
				eventually(t, "nobody publishes", func() bool { return m.sessionsOf(session.Publish) == 1 })
			}
		}
	}
}

// sessionsOf counts sessions.
func (m *matrix) sessionsOf(a session.Action) (n int) {
	for _, s := range m.sessions.List() {
		if s.Action == a {
			n++
		}
	}
	return n
}

// TestAccessWithoutSessions: where HLS has no sessions, whatever lets a player in lets it
// go on, until it expires.
func TestAccessWithoutSessions(t *testing.T) {
	_, byService := newDecider(t)
	rules := accessRules(t)
	rules.HTTPURL, rules.HTTPCache = byService.HTTPURL, byService.HTTPCache
	m := newMatrix(t, rules, func(s *settings) { section[*hls.Config](s).Sessions = hls.SessionsOff })
	feed := m.feed(t, inlets()[0], accessStream, byUser("ann", accessPassword), 1)
	t.Run("together", func(t *testing.T) {
		for _, o := range outlets() {
			if o.protocol != "hls" {
				continue
			}
			proofs := allowed(t, auth.Play)
			proofs["service"] = byTicket("yes")
			for name, p := range proofs {
				t.Run(o.name+" by "+name, func(t *testing.T) {
					t.Parallel()
					m.watch(t, o, accessStream, p)
				})
			}
			t.Run(o.name+" by a signature that expires", func(t *testing.T) {
				t.Parallel()
				var v *viewing
				m.onLease(t, func(ends time.Time) (err error) {
					v, err = m.play(t, o, accessStream, bySignature(auth.Play, accessStream, ends))
					return err
				})
				if got := v.ends(); got != "403 unauthorized" {
					t.Errorf("%v, want 403", v.err)
				}
			})
		}
	})
	feed.leave()
}

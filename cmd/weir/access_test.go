package main

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/crypto/argon2"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/streamname"
	"github.com/weirmedia/weir/pkg/tlsfile/tlsfiletest"
	"github.com/weirmedia/weir/protocols/hls"
)

// The secrets of matrix.
const (
	accessURLKey   = "a key for URLs of the tests"
	accessSecret   = "a secret for tokens of the tests"
	accessPassword = "right"
	accessStream   = "live/matrix"
)

// matrix is a server on which every way in and out meets every way to be let in.
type matrix struct {
	*testServer
	trust *tls.Config
	slow  atomic.Bool // leases ended before their clients were let in
}

// newMatrix starts a server with these rules.
func newMatrix(t *testing.T, rules auth.Config, configure ...func(*settings)) *matrix {
	t.Helper()
	chain, key := tlsfiletest.Write(t, t.TempDir(), "weir")
	m := &matrix{trust: tlsfiletest.Trust(t, chain)}
	m.testServer = startServer(t, func(s *settings) {
		brisk(s)
		c := s.rtmp()
		c.TLSListen, c.Certificate, c.Key = "127.0.0.1:0", chain, key
		section[*hls.Config](s).SegmentDuration = config.Duration(time.Second)
		s.auth = &rules
		for _, f := range configure {
			f(s)
		}
	})
	return m
}

// accessRules let ann and bob do everything below live, and everybody below open.
func accessRules(t *testing.T) auth.Config {
	t.Helper()
	c := *auth.NewConfig()
	c.URLKeys, c.JWTSecrets = []config.Secret{accessURLKey}, []config.Secret{accessSecret}
	c.Users = []auth.User{
		{Name: "ann", Password: cheapHash(t), Digest: digestOf(t, "ann"), Allow: mediaRule(t, "live/**")},
		{Name: "bob", Password: cheapHash(t), Digest: digestOf(t, "bob"), Allow: mediaRule(t, "live/**")},
		{Name: "basil", Password: cheapHash(t), Allow: mediaRule(t, "basic/**")},
		{Name: "far", Password: cheapHash(t), Digest: digestOf(t, "far"), Allow: mediaRule(t, "live/**"),
			Addresses: config.Prefixes{{Prefix: netip.MustParsePrefix("192.0.2.0/24")}}},
		{Allow: mediaRule(t, "open/**")},
	}
	return c
}

// mediaRule lets publish and play the streams of a pattern.
func mediaRule(t *testing.T, pattern string) []auth.Rule {
	t.Helper()
	p, err := streamname.ParsePattern(pattern)
	must(t, err)
	return []auth.Rule{{Actions: []auth.Action{auth.Publish, auth.Play}, Streams: []streamname.Pattern{p}}}
}

// cheapHash is of accessPassword, with the least work there is.
func cheapHash(t *testing.T) (h auth.PasswordHash) {
	t.Helper()
	text := base64.RawStdEncoding.EncodeToString
	salt := []byte("saltsalt")
	must(t, h.UnmarshalText(fmt.Appendf(nil, "$argon2id$v=19$m=8,t=1,p=1$%s$%s", text(salt), text(argon2.IDKey([]byte(accessPassword), salt, 1, 8, 1, 32)))))
	return h
}

func digestOf(t *testing.T, name string) auth.HA1 {
	t.Helper()
	h, err := auth.NewHA1(name, accessPassword)
	must(t, err)
	return h
}

// The proofs of a client.
func byUserinfo(name, password string) proof {
	return proof{name: "userinfo", user: url.UserPassword(name, password)}
}

func byUser(name, password string) proof {
	return proof{name: "query", query: url.Values{"user": {name}, "pass": {password}}}
}

func byToken(t testing.TB, subject string, expires time.Time) proof {
	t.Helper()
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": subject, "exp": expires.Unix(), "weir": []map[string]any{{"actions": []string{"publish", "play"}, "streams": []string{"live/**"}}},
	}).SignedString([]byte(accessSecret))
	must(t, err)
	return proof{name: "token", query: url.Values{"token": {text}}}
}

func bySignature(action auth.Action, stream string, expires time.Time) proof {
	p := proof{name: "signature", query: url.Values{}}
	auth.SignURL(p.query, accessURLKey, action, stream, expires)
	return p
}

// onLease calls enter with when a lease ends: soon, and if that is too soon for a slow
// machine, later.
func (m *matrix) onLease(t testing.TB, enter func(ends time.Time) error) {
	t.Helper()
	for lease := 2 * time.Second; ; lease *= 2 { // whole seconds count
		err := enter(time.Now().Add(lease))
		if err == nil {
			return
		}
		m.slow.Store(true)
		if lease > patience/2 {
			t.Fatal(err)
		}
	}
}

// later is when none of these tests runs any more.
func later() time.Time { return time.Now().Add(time.Hour) }

// allowed returns what lets a client do action with accessStream or, by Basic
// authentication, with another stream.
func allowed(t testing.TB, action auth.Action) map[string]proof {
	return map[string]proof{
		"userinfo":  byUserinfo("ann", accessPassword),
		"query":     byUser("ann", accessPassword),
		"token":     byToken(t, "ann", later()),
		"signature": bySignature(action, accessStream, later()),
	}
}

// denial is what does not let a client in; kind is the place in what outlets and
// inlets say that it hears.
type denial struct {
	name   string
	stream string
	proof
	kind int
}

const (
	noProof = iota
	badProof
	uselessProof
)

// denials are all that do not let a client do action.
func denials(t testing.TB, action auth.Action, userinfo bool) []denial {
	other := map[auth.Action]auth.Action{auth.Publish: auth.Play, auth.Play: auth.Publish}[action]
	wrong, far, elsewhere := byUser("ann", "wrong"), byUser("far", accessPassword), byUser("basil", accessPassword)
	if userinfo {
		wrong, far = byUserinfo("ann", "wrong"), byUserinfo("far", accessPassword)
	}
	return []denial{
		{"no credentials", accessStream, proof{}, noProof},
		{"wrong password", accessStream, wrong, badProof},
		{"wrong address", accessStream, far, uselessProof},
		{"wrong stream", accessStream, elsewhere, uselessProof},
		{"token that has expired", accessStream, byToken(t, "ann", time.Now().Add(-time.Minute)), badProof},
		{"token for other streams", "other/matrix", byToken(t, "ann", later()), badProof},
		{"token that is none", accessStream, proof{query: url.Values{"token": {"a.b.c"}}}, badProof},
		{"signature for another stream", accessStream, bySignature(action, "live/other", later()), uselessProof},
		{"signature for something else", accessStream, bySignature(other, accessStream, later()), uselessProof},
		{"signature that has expired", accessStream, bySignature(action, accessStream, time.Now().Add(-time.Minute)), uselessProof},
	}
}

// TestAccess: for every protocol alike, whoever may is let in, whoever may not hears so
// in the protocol's own words, and who may no longer is cut off, while others go on.
func TestAccess(t *testing.T) {
	m := newMatrix(t, accessRules(t))
	before := measure(t)
	feeds := []*feeding{
		m.feed(t, inlets()[0], accessStream, byUser("ann", accessPassword), 1),
		m.feed(t, inlets()[0], "basic/matrix", byUser("basil", accessPassword), 1),
		m.feed(t, inlets()[0], "open/matrix", proof{}, 1),
	}
	t.Run("together", func(t *testing.T) {
		for _, o := range outlets() {
			t.Run(o.name, func(t *testing.T) {
				t.Parallel()
				m.testOutlet(t, o)
			})
		}
		for _, i := range inlets() {
			t.Run("publish by "+i.name, func(t *testing.T) {
				t.Parallel()
				m.testInlet(t, i)
			})
		}
		t.Run("takeover", m.testTakeovers)
	})
	for _, f := range feeds {
		f.goesOn()
		f.leave()
	}
	m.expectCounts(t)
	m.sessions.KillAll(reason.Kicked)
	m.idle(t)
	before.expect(t, "after all have gone")
}

// expectCounts fails unless sessions that were cut off and clients that were refused are
// counted, each with its reason.
func (m *matrix) expectCounts(t *testing.T) {
	t.Helper()
	type cut struct {
		protocol string
		action   session.Action
		why      reason.Reason
	}
	want, refused := map[cut]uint64{}, map[string]uint64{}
	count := func(protocol string, action session.Action, kicks uint64) {
		want[cut{protocol, action, reason.Revoked}] += 2 // token, signature
		want[cut{protocol, action, reason.Kicked}] += kicks
		refused[protocol] += uint64(len(denials(t, auth.Play, false)))
		if protocol == "rtsp" {
			refused[protocol]-- // who is asked for credentials may go away without any
		}
	}
	for _, o := range outlets() {
		count(o.protocol, session.Play, 1)
	}
	for _, i := range inlets() {
		count(i.protocol, session.Publish, 2) // kicked, released
	}
	for c, n := range want {
		if got := m.ends(c.protocol, c.action, c.why); got < n || got > n && !m.slow.Load() {
			t.Errorf("%d sessions to %s by %s ended for the reason %s, want %d", got, c.action, c.protocol, c.why, n)
		}
	}
	for protocol, n := range refused {
		got := m.ends(protocol, "", reason.Unauthorized)
		if got < n || got > n && protocol != "hls" && !m.slow.Load() { // players of HLS that were cut off ask again
			t.Errorf("%d clients were refused by %s, want %d", got, protocol, n)
		}
		if shown := m.metric(t, fmt.Sprintf(`weir_refused_total{protocol=%q,reason="unauthorized"}`, protocol)); shown != float64(got) {
			t.Errorf("weir_refused_total of %s is %v, want %d", protocol, shown, got)
		}
	}
}

// testOutlet plays in one way, by whatever lets a client in and does not.
func (m *matrix) testOutlet(t *testing.T, o outlet) {
	witness := m.watch(t, o, accessStream, byToken(t, "witness of "+o.name, later()))
	t.Run("with", func(t *testing.T) {
		for name, p := range allowed(t, auth.Play) {
			if slices.Contains(o.proofs, name) {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					m.watch(t, o, accessStream, p).leave()
				})
			}
		}
		t.Run("nothing", func(t *testing.T) {
			t.Parallel()
			m.watch(t, o, "open/matrix", proof{}).leave()
		})
		if slices.Contains(o.proofs, "userinfo") {
			t.Run("basic", func(t *testing.T) {
				t.Parallel()
				m.watch(t, o, "basic/matrix", byUserinfo("basil", accessPassword)).leave()
			})
		}
		for _, d := range denials(t, auth.Play, slices.Contains(o.proofs, "userinfo")) {
			t.Run(d.name, func(t *testing.T) {
				t.Parallel()
				if _, err := m.play(t, o, d.stream, d.proof); heard(err) != o.denied[d.kind] {
					t.Errorf("%v, want %s", err, o.denied[d.kind])
				}
			})
		}
		for name, lease := range map[string]func(ends time.Time) proof{
			"token that expires":     func(ends time.Time) proof { return byToken(t, "late at "+o.name, ends) },
			"signature that expires": func(ends time.Time) proof { return bySignature(auth.Play, accessStream, ends) },
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				var v *viewing
				m.onLease(t, func(ends time.Time) (err error) {
					v, err = m.play(t, o, accessStream, lease(ends))
					return err
				})
				if got := v.ends(); !slices.Contains(strings.Split(o.revoked, ", "), got) {
					t.Errorf("%v, want %s", v.err, o.revoked)
				}
			})
		}
		t.Run("kicked", func(t *testing.T) {
			t.Parallel()
			who := "player kicked from " + o.name
			v := m.watch(t, o, accessStream, byToken(t, who, later()))
			m.call(t, http.MethodDelete, "/api/v1/sessions/"+m.sessionOf(t, who).ID)
			want := o.kicked
			if want == "" {
				want = o.revoked
			}
			if got := v.ends(); got != want {
				t.Errorf("%v, want %s", v.err, want)
			}
		})
	})
	witness.more()
	witness.leave()
}

// testInlet publishes in one way, by whatever lets a client in and does not.
func (m *matrix) testInlet(t *testing.T, i inlet) {
	name := func(what string) string {
		return "live/" + strings.ReplaceAll(strings.ToLower(i.name+"-"+what), " ", "-")
	}
	watch := outlets()[2] // HTTP-FLV
	for kind, p := range allowed(t, auth.Publish) {
		if !slices.Contains(i.proofs, kind) {
			continue
		}
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			stream := name(kind)
			if kind == "signature" {
				p = bySignature(auth.Publish, stream, later())
			}
			out := m.feed(t, i, stream, p, 2)
			m.watch(t, watch, stream, byUser("bob", accessPassword)).sees(2)
			out.leave()
		})
	}
	for _, d := range denials(t, auth.Publish, slices.Contains(i.proofs, "userinfo")) {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			if _, err := m.publish(t, i, d.stream, d.proof, 2); heard(err) != i.denied[d.kind] {
				t.Errorf("%v, want %s", err, i.denied[d.kind])
			}
		})
	}
	for kind, lease := range map[string]func(ends time.Time) proof{
		"token that expires":     func(ends time.Time) proof { return byToken(t, "late at "+i.name, ends) },
		"signature that expires": func(ends time.Time) proof { return bySignature(auth.Publish, name("signature that expires"), ends) },
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			var out *feeding
			m.onLease(t, func(ends time.Time) (err error) {
				out, err = m.publish(t, i, name(kind), lease(ends), 2)
				return err
			})
			if got := out.ends(); got != i.revoked {
				t.Errorf("%v, want %s", out.err, i.revoked)
			}
		})
	}
	for _, way := range []string{"kicked", "released"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			who := "publisher " + way + " from " + i.name
			out := m.feed(t, i, name(way), byToken(t, who, later()), 2)
			m.watch(t, watch, name(way), byUser("bob", accessPassword)).sees(2) // the connection stands on both sides
			if way == "kicked" {
				m.call(t, http.MethodDelete, "/api/v1/sessions/"+m.sessionOf(t, who).ID)
			} else {
				m.call(t, http.MethodDelete, "/api/v1/streams/"+name(way))
			}
			if got := out.ends(); got != i.ended {
				t.Errorf("%v, want %s", out.err, i.ended)
			}
		})
	}
}

// sessionOf returns the session of a user.
func (m *matrix) sessionOf(t testing.TB, user string) session.Snapshot {
	t.Helper()
	all := m.sessions.List()
	i := slices.IndexFunc(all, func(s session.Snapshot) bool { return s.User == user })
	if i < 0 {
		t.Fatalf("%s has no session", user)
	}
	return all[i]
}

// call makes a request to the API that must succeed.
func (m *matrix) call(t testing.TB, method, path string) {
	t.Helper()
	response, body, err := m.ask("", method, path, "application/json", "")
	if err != nil || response.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %v %s %v", method, path, response, body, err)
	}
}

// roundTrip makes a request on a connection of its own and reads the answer.
func roundTrip(request *http.Request) (*http.Response, string, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	response, err := client.Do(request)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response, string(text), err
}

// errorCode returns the code of an error of ours over HTTP.
func errorCode(body string) string {
	var answer struct{ Error struct{ Code string } }
	if json.Unmarshal([]byte(body), &answer) != nil {
		return body
	}
	return answer.Error.Code
}

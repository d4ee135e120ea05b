package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/event"
	"github.com/weirmedia/weir/pkg/hook"
	"github.com/weirmedia/weir/pkg/streamname"
	"github.com/weirmedia/weir/protocols/rtmp/message"
	"github.com/weirmedia/weir/protocols/webrtc"
)

const (
	plantedPassword = "planted-password"
	plantedWrong    = "planted-wrong"
	plantedURLKey   = config.Secret("planted key of signed URLs")
	plantedJWT      = "planted secret of tokens"
)

// plantSecrets puts a secret wherever the configuration takes one. Each holds the
// word "planted".
func plantSecrets(t *testing.T, s *settings, events, decider *httptest.Server) {
	t.Helper()
	hash, err := auth.HashPassword(plantedPassword)
	must(t, err)
	user := auth.User{Name: "studio"}
	must(t, user.Password.UnmarshalText([]byte(hash)))
	user.Digest, err = auth.NewHA1(user.Name, plantedPassword)
	must(t, err)
	all, err := streamname.ParsePattern("**")
	must(t, err)
	user.Allow = []auth.Rule{{Actions: auth.Actions(), Streams: []streamname.Pattern{all}}}
	withSecrets := func(server *httptest.Server) config.WebURL {
		return config.WebURL(strings.Replace(server.URL, "://", "://u:planted@", 1) + "/x?key=planted")
	}
	s.auth.Users = []auth.User{user}
	s.auth.Loopback = false
	s.auth.URLKeys, s.auth.JWTSecrets = []config.Secret{plantedURLKey}, []config.Secret{plantedJWT}
	s.auth.JWKS = "http://u:planted@127.0.0.1:1/keys?key=planted"
	s.auth.HTTPURL, s.auth.HTTPSecret = withSecrets(decider), "planted secret of the service"
	s.hooks.URL, s.hooks.Secret = withSecrets(events), "planted secret of hooks"
	s.hooks.Receivers = []hook.Receiver{{URL: "http://u:planted@127.0.0.1:1/?key=planted", Secret: "planted"}}
	s.webrtc().ICEServers = []webrtc.ICEServer{
		{URL: "turn:127.0.0.1:1", Username: "weir", Credential: "planted credential"},
		{URL: "turns:127.0.0.1:1", Secret: "planted secret of TURN"},
	}
	s.http.TrustedProxies = config.Prefixes{{Prefix: netip.MustParsePrefix("127.0.0.1/32")}}
	s.shutdown.Timeout = config.Duration(time.Second) // for hooks that nobody takes
	hasty(s)
}

// tokenFor signs a token by which everything is allowed.
func tokenFor(t *testing.T, secret string) string {
	t.Helper()
	rules := []map[string]any{{"actions": auth.Actions(), "streams": []string{"**"}}}
	claims := jwt.MapClaims{"sub": "ann", "exp": time.Now().Add(time.Hour).Unix(), "weir": rules}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
	must(t, err)
	return token
}

// credential is a way to present one.
type credential struct {
	name     string
	good     bool
	query    string // of a URL or stream key
	userinfo string // before the host
	header   string // the value of Authorization
	secret   string // what must not be seen again
}

// plantedCredentials returns every way, right and wrong.
func plantedCredentials(t *testing.T, console string) (all []credential) {
	for _, good := range []bool{true, false} {
		password := plantedPassword
		if !good {
			password = plantedWrong
		}
		basic := base64.StdEncoding.EncodeToString([]byte("studio:" + password))
		token := tokenFor(t, plantedJWT)
		key := plantedURLKey
		if !good {
			token, key = tokenFor(t, plantedWrong), "planted: another key"
		}
		signed := url.Values{}
		auth.SignURL(signed, key, auth.Play, "live/test", time.Now().Add(time.Hour))
		all = append(all,
			credential{"password in the query", good, "user=studio&pass=" + password, "", "", password},
			credential{"password before the host", good, "", "studio:" + password + "@", "", password},
			credential{"password by Basic", good, "", "", "Basic " + basic, basic},
			credential{"token in the query", good, "token=" + token, "", "", token},
			credential{"token by Bearer", good, "", "", "Bearer " + token, token},
			credential{"signature", good, signed.Encode(), "", "", signed.Get("sig")},
		)
	}
	return append(all,
		credential{"the console's token", true, "token=" + console, "", "", console},
		credential{"the console's token by Bearer", true, "", "", "Bearer " + console, console},
		credential{"a token that is none", false, "token=planted-token", "", "", "planted-token"},
		credential{"an unknown scheme", false, "", "", "Planted planted", "Planted planted"})
}

// TestPlantedSecrets: what clients present and what the configuration holds is in no
// log, answer, event, hook, metric or profile, whether it was right or wrong.
func TestPlantedSecrets(t *testing.T) {
	got := &syncBuffer{}
	events := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(got, r.Body) }))
	defer events.Close()
	decider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); err != nil || strings.Contains(string(body), `"user":"nobody"`) {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(http.StatusForbidden)
	}))
	defer decider.Close()
	s, log := startVerbose(t, func(s *settings) { plantSecrets(t, s, events, decider) })
	quiet := s.publish(t, "live/test?user=studio&pass="+plantedPassword, sourceOptions{}).run()
	defer quiet()

	seen := &syncBuffer{} // answers and what was collected
	stream, stop := s.readEventsWith(t, "?token="+s.token)
	all := plantedCredentials(t, s.token)
	foreign := tokenWithKey(t)
	s.presentRTMP(t, credential{query: "user=nobody&pass=planted"}) // about whom the service gives no answer
	s.presentRTMP(t, credential{query: "token=" + foreign})         // which makes weir look for the keys of jwks
	for i, c := range all {
		s.presentRTMP(t, c)
		s.presentRTSP(t, c, seen)
		s.presentHTTP(t, c, fmt.Sprintf("192.0.2.%d", i+1), seen)
	}
	eventually(t, "everything has happened", func() bool {
		text := log.String()
		for _, want := range []string{"auth.http_url gives no answer", "auth.jwks: no new keys", "does not accept events", "user=ann", "user=studio"} {
			if !strings.Contains(text, want) {
				return false
			}
		}
		return strings.Contains(got.String(), string(event.SessionClosed)) && strings.Contains(stream.String(), string(event.SessionClosed))
	})
	for _, path := range []string{
		"/api/v1/info", "/api/v1/streams", "/api/v1/streams/live/test", "/api/v1/sessions", "/api/v1/sessions/ended", "/api/v1/config", "/api/v1/config/keys", "/api/v1/stats", "/api/v1/log",
		"/metrics", "/debug/pprof/", "/debug/pprof/goroutine?debug=2", "/debug/pprof/heap?debug=1",
	} {
		response, body := s.rawRequest(t, requestLine("GET", path, "127.0.0.1", "Authorization: Bearer "+s.token+"\r\n"))
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, response.Status)
		}
		if strings.HasSuffix(path, "/config") && (!strings.Contains(body, "studio") || !strings.Contains(body, "/x?***")) {
			t.Errorf("the configuration is not shown: %s", body)
		}
		fmt.Fprintf(seen, "%s\n%s\n", path, body)
	}
	stop()
	for where, text := range map[string]string{"the log": log.String(), "an answer": seen.String(), "a hook": got.String(), "an event": stream.String()} {
		forbid(t, where, text, "planted")
		forbid(t, where, text, foreign)
		for _, c := range all {
			forbid(t, where, text, c.secret)
			if parts := strings.Split(c.secret, "."); len(parts) == 3 {
				forbid(t, where, text, parts[2])
			}
		}
	}
}

// forbid fails with the line that holds a secret.
func forbid(t *testing.T, where, text, secret string) {
	t.Helper()
	if before, after, found := strings.Cut(text, secret); found {
		line, _, _ := strings.Cut(after, "\n")
		t.Errorf("%s holds the secret %.40q: …%s%s%.200s", where, secret, before[max(0, len(before)-300):], secret, line)
	}
}

// tokenWithKey returns a token that only the keys of a jwks could check.
func tokenWithKey(t *testing.T) string {
	t.Helper()
	part := func(v any) string {
		text, err := json.Marshal(v)
		must(t, err)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	return part(map[string]string{"alg": "RS256", "kid": "other"}) + "." + part(map[string]int64{"exp": time.Now().Add(time.Hour).Unix()}) + ".c2lnbmF0dXJl"
}

// presentRTMP publishes and plays with a credential, as far as it is let.
func (s *testServer) presentRTMP(t *testing.T, c credential) {
	t.Helper()
	for _, verb := range []string{message.NamePublish, message.NamePlay} {
		for _, inApp := range []bool{false, true} {
			app, key := "live", "test?"+c.query
			if verb == message.NamePublish {
				key = "other?" + c.query
			}
			if inApp {
				app, key, _ = strings.Cut("live?"+c.query+" "+strings.TrimSuffix(key, "?"+c.query), " ")
			}
			p := s.dial(t)
			must(t, p.shake())
			p.send(values(message.Connect{App: app, TCURL: "rtmp://" + c.userinfo + "127.0.0.1/" + app}.Command().Append(nil)),
				command(0, message.NameCreateStream, 2, nil), command(1, verb, 3, nil, key))
			_ = p.await(func(cmd message.Command) bool { // or the server closes
				_, ok := message.ParseStatus(cmd)
				return ok
			})
			p.Close()
		}
	}
}

// presentRTSP does the same by RTSP; answers go to seen.
func (s *testServer) presentRTSP(t *testing.T, c credential, seen io.Writer) {
	t.Helper()
	headers := []string{""}
	if c.header != "" {
		headers = []string{"Authorization: " + c.header + "\r\n"}
	} else if c.userinfo != "" {
		headers = []string{`Authorization: Digest username="studio", realm="weir", nonce="planted", uri="rtsp://x", response="planted"` + "\r\n"}
	}
	for _, header := range headers {
		for _, method := range []string{"DESCRIBE", "ANNOUNCE"} {
			p := s.dialRTSP(t)
			body := ""
			if method == "ANNOUNCE" {
				body = sdp
			}
			p.send(p.request(method, "live/test?"+c.query, header, body))
			p.send(p.request("NONSENSE", "live/test", "", "")) // the answer to which ends the connection, at last
			p.CloseWrite()
			for lines := bufio.NewScanner(p); lines.Scan(); {
				if !strings.HasPrefix(lines.Text(), "Content-Base:") { // the client's own URL, which it needs
					fmt.Fprintln(seen, lines.Text())
				}
			}
			p.Close()
		}
	}
}

// presentHTTP does the same by everything that HTTP carries, from an address of its
// own, as few wrong passwords are looked at from one; answers go to seen, media and
// the header in which clients are told of TURN servers excepted.
func (s *testServer) presentHTTP(t *testing.T, c credential, from string, seen io.Writer) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	base := "http://" + c.userinfo + s.http.Addr().String()
	for _, route := range []struct{ method, path, body string }{
		{"GET", "/live/test.flv", ""}, {"GET", "/live/test.ts", ""}, {"GET", "/live/test.mp4", ""}, {"GET", "/live/test/index.m3u8", ""},
		{"POST", "/live/test/whep", lonelyOffer("recvonly")}, {"POST", "/live/other/whip", lonelyOffer("sendonly")},
		{"GET", "/api/v1/info", ""}, {"GET", "/metrics", ""},
		{"POST", "/api/v1/auth/explain", `{"url": "rtmp://` + c.userinfo + `h/live/test?` + c.query + `", "password": "planted", "token": "planted"}`},
		{"POST", "/api/v1/auth/explain", `{"planted": "planted`}, {"PUT", "/api/v1/log", `{"level": "planted"}`},
	} {
		ctx, cancel := context.WithCancel(context.Background())
		r, err := http.NewRequestWithContext(ctx, route.method, base+route.path+"?"+c.query, strings.NewReader(route.body))
		must(t, err)
		if c.header != "" {
			r.Header.Set("Authorization", c.header)
		}
		if route.body != "" {
			r.Header.Set("Content-Type", "application/sdp")
		}
		r.Header.Set("X-Forwarded-For", from)
		response, err := client.Do(r)
		must(t, err)
		response.Header.Del("Link")
		fmt.Fprintf(seen, "%s %s with %s: %s %v\n", route.method, route.path, c.name, response.Status, response.Header)
		if kind := response.Header.Get("Content-Type"); !strings.HasPrefix(kind, "video/") {
			_, err = io.Copy(seen, response.Body)
			must(t, err)
		}
		response.Body.Close()
		cancel()
		if response.StatusCode == http.StatusOK && !c.good {
			t.Errorf("%s %s with %s: %s", route.method, route.path, c.name, response.Status)
		}
	}
}

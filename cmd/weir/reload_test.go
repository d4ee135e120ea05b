package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirmedia/weir/api"
	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/hls"
)

// configuredServer is a server that was started by a file.
type configuredServer struct {
	*testServer
	file, overlay string
}

// localOnly are the settings that all files of these tests have.
const localOnly = `
rtmp: {listen: "127.0.0.1:0"}
rtsp: {listen: "127.0.0.1:0", udp_listen: "127.0.0.1:0"}
webrtc: {listen: "127.0.0.1:0"}
shutdown: {timeout: 30s}
`

// startConfigured starts a server with localOnly and more, data in a folder of its own.
func startConfigured(t testing.TB, more string) *configuredServer {
	t.Helper()
	dir := t.TempDir()
	s := &configuredServer{file: filepath.Join(dir, "weir.yaml"), overlay: filepath.Join(dir, "new", "data", "overlay.yaml")}
	s.write(t, more)
	s.start(t)
	return s
}

func (s *configuredServer) start(t testing.TB) {
	t.Helper()
	loaded, err := (&configFlag{Config: s.file}).load()
	must(t, err)
	s.testServer = startWith(t, loaded)
}

// write replaces the file. It has the section http and no users unless more has.
func (s *configuredServer) write(t testing.TB, more string) {
	t.Helper()
	if !strings.Contains(more, "http:") {
		more += "http: {listen: '127.0.0.1:0'}\n"
	}
	text := localOnly + "data: {dir: '" + filepath.Dir(s.overlay) + "'}\n" + more
	must(t, os.WriteFile(s.file, []byte(text), 0o600))
}

// ask sends a request to the API and returns the answer.
func (s *configuredServer) ask(t testing.TB, method, path, match, body string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.http.Addr().String()+"/api/v1"+path, strings.NewReader(body))
	must(t, err)
	r.Close = true
	if match != "" {
		r.Header.Set("If-Match", match)
	}
	answer, err := http.DefaultClient.Do(r)
	must(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(t, err)
	return answer, string(text)
}

// etag returns that of the configuration.
func (s *configuredServer) etag(t testing.TB) string {
	t.Helper()
	answer, _ := s.ask(t, "GET", "/config", "", "")
	return answer.Header.Get("ETag")
}

// patch changes the configuration by the API and returns the answer.
func (s *configuredServer) patch(t testing.TB, match string, changes map[string]any) (code int, answer string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"changes": changes})
	must(t, err)
	response, text := s.ask(t, "PATCH", "/config", match, string(body))
	return response.StatusCode, strings.TrimSpace(text)
}

// value returns the line of a key in force, such as "window: 8".
func (s *configuredServer) value(t testing.TB, name string) string {
	t.Helper()
	_, text := s.ask(t, "GET", "/config", "", "")
	return regexp.MustCompile(`(?m)^  ` + name + `: .*$`).FindString(text)
}

func (s *configuredServer) metric(t testing.TB, name string) string {
	t.Helper()
	answer, err := http.Get("http://" + s.http.Addr().String() + "/metrics")
	must(t, err)
	defer answer.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	text, err := io.ReadAll(answer.Body)
	must(t, err)
	_, rest, _ := bytes.Cut(text, []byte("\n"+name+" "))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	return string(line)
}

// TestReload: what is live changes, the rest is named until it is reverted, and an error
// changes nothing.
func TestReload(t *testing.T) {
	s := startConfigured(t, "log: {level: info}\nhls: {window: 5}\n")
	expect := func(more string, changed, restart []string) {
		t.Helper()
		s.write(t, more)
		before := s.etag(t)
		answer, text := s.ask(t, "POST", "/config/reload", "", "")
		var got api.ConfigChange
		must(t, json.Unmarshal([]byte(text), &got))
		if answer.StatusCode != http.StatusOK || !slices.Equal(got.Changed, changed) || !slices.Equal(got.Restart, restart) {
			t.Errorf("%d %s", answer.StatusCode, text)
		}
		if len(changed) > 0 && s.etag(t) == before {
			t.Error("the ETag stays")
		}
	}
	before := s.etag(t)
	expect("log: {level: info}\nhls: {window: 5}\n", nil, nil)
	if s.etag(t) != before {
		t.Error("another ETag without a change")
	}
	expect("log: {level: debug, format: json}\nhls: {window: 7, enabled: false}\nhooks: {node: x}\n",
		[]string{"log.level", "hls.window"}, []string{"log.format", "hls.enabled", "hooks.node"})
	if got := s.settings.logLevel.Level(); got != slog.LevelDebug {
		t.Errorf("the log has level %v", got)
	}
	for key, want := range map[string]string{"window": "  window: 7 # default: 6, set by " + s.file, "format": "  format: text", "node": `  node: ""`} {
		if got := s.value(t, key); !strings.HasPrefix(got, want) || key != "window" && got != want {
			t.Errorf("in force is %q", got)
		}
	}
	for text, want := range map[string]string{
		"log: {level: loud}\nhls: {window: 8}\n":           "log.level: must be debug, info, warn or error",
		"log: {level: warn}\nhls: {windows: 8}\n":          "hls.windows: unknown key",
		"log: {level: warn}\nhls: [\n":                     "not valid YAML",
		"auth: {jwt_key_files: [/none]}\nhls: {window: 8}": "auth.jwt_key_files[0]: open /none",
	} {
		s.write(t, text+"\nhttp: {listen: '127.0.0.1:0'}\n")
		answer, text := s.ask(t, "POST", "/config/reload", "", "")
		if answer.StatusCode != http.StatusBadRequest || !strings.Contains(text, `"invalid_config"`) || !strings.Contains(text, want) || !strings.Contains(text, "weir.yaml:") {
			t.Errorf("%d %s", answer.StatusCode, text)
		}
	}
	if got := s.value(t, "window"); !strings.HasPrefix(got, "  window: 7") || s.settings.logLevel.Level() != slog.LevelDebug {
		t.Errorf("a reload that failed left %q, %v", got, s.settings.logLevel)
	}
	if ok, failed := s.metric(t, `weir_config_reloads_total{result="success"}`), s.metric(t, `weir_config_reloads_total{result="failure"}`); ok != "2" || failed != "4" {
		t.Errorf("counted %s and %s", ok, failed)
	}
	expect("hls: {window: 7}\nhooks: {node: x}\n", []string{"log.level"}, []string{"hooks.node"})
	expect("hls: {window: 7}\n", nil, nil)
}

// TestChange: what the API changes is in force at once, kept for the next start, and
// refused as a whole if a part cannot be.
func TestChange(t *testing.T) {
	t.Setenv("WEIR_HLS_MAX_BLOCKED", "99")
	hash, err := auth.HashPassword("secret")
	must(t, err)
	s := startConfigured(t, "hls: {window: 5}\n")
	refuse := func(code int, word, field string, changes map[string]any) {
		t.Helper()
		got, text := s.patch(t, s.etag(t), changes)
		if got != code || !strings.Contains(text, `"code":"`+word+`"`) || !strings.Contains(text, `"field":"`+field+`"`) {
			t.Errorf("%d %s", got, text)
		}
	}
	refuse(400, api.InvalidConfig, "hls.window", map[string]any{"hls.window": "1", "log.level": "debug"})
	refuse(400, api.InvalidConfig, "hls.window", map[string]any{"hls.window": "[", "log.level": "debug"})
	refuse(400, api.InvalidConfig, "hls.windows", map[string]any{"hls.windows": "8"})
	refuse(400, api.InvalidConfig, "auth.users[0].name", map[string]any{"auth.users": "[{name: '', password: '" + hash + "'}]"})
	refuse(409, api.NeedsRestart, "rtmp.listen", map[string]any{"rtmp.listen": ":1", "log.level": "debug"})
	refuse(409, api.NeedsRestart, "data.dir", map[string]any{"data.dir": nil})
	refuse(409, api.SetByEnvironment, "hls.max_blocked", map[string]any{"hls.max_blocked": "7"})
	if _, err := os.Stat(s.overlay); err == nil {
		t.Error("what was refused was written")
	}
	if s.settings.logLevel.Level() != slog.LevelInfo {
		t.Error("a part of what was refused counts")
	}

	old := s.etag(t)
	code, text := s.patch(t, old, map[string]any{
		"hls.window": "8", "log.level": "warn", "auth.url_keys": "[0123456789abcdef]",
		"hls.streams": "- streams: [live/*]\n  window: 9\n- {streams: [\"cam/**\"], mode: always}\n",
	})
	if want := `{"changed":["log.level","hls.window","hls.streams","auth.url_keys"],"restart":[]}`; code != 200 || text != want {
		t.Errorf("%d %s", code, text)
	}
	if code, text = s.patch(t, old, map[string]any{"hls.window": "9"}); code != 412 {
		t.Errorf("%d %s", code, text)
	}
	if info, err := os.Stat(s.overlay); err != nil || info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("%v %v", info, err)
	}
	if files, _ := os.ReadDir(filepath.Dir(s.overlay)); len(files) != 1 {
		t.Errorf("%v is left", files)
	}
	check := func() {
		t.Helper()
		c := section[*hls.Config](s.configuration.current())
		if c.Window != 8 || len(c.Streams) != 2 || *c.Streams[0].Window != 9 || *c.Streams[1].Mode != hls.Always {
			t.Errorf("in force is %+v", c)
		}
		if got := s.value(t, "window"); got != "  window: 8 # default: 6, set by "+s.overlay+":6:3" {
			t.Errorf("in force is %q", got)
		}
		if _, text := s.ask(t, "GET", "/config", "", ""); strings.Contains(text, "0123456789abcdef") {
			t.Error("a secret is shown")
		}
	}
	check()
	s.write(t, "hls: {window: 3}\n") // the overlay wins
	if answer, text := s.ask(t, "POST", "/config/reload", "", ""); answer.StatusCode != 200 || strings.TrimSpace(text) != `{"changed":[],"restart":[]}` {
		t.Errorf("%s", text)
	}
	check()
	must(t, s.stop())
	s.start(t)
	check()
	if code, text = s.patch(t, "*", map[string]any{"hls.window": nil, "hls.streams": nil, "auth.url_keys": nil}); code != 200 || text != `{"changed":["hls.window","hls.streams","auth.url_keys"],"restart":[]}` {
		t.Errorf("%d %s", code, text)
	}
	if got := s.value(t, "window"); !strings.HasPrefix(got, "  window: 3 #") {
		t.Errorf("in force is %q", got)
	}
}

// TestChangeWhileNotReady: who asks for a change while the server starts or stops is told
// so, not that something is wrong with it.
func TestChangeWhileNotReady(t *testing.T) {
	s := startConfigured(t, "")
	s.configuration.allow(false)
	for _, q := range []struct{ method, path, body string }{
		{"POST", "/config/reload", ""},
		{"PATCH", "/config", `{"changes": {"hls.window": "8"}}`},
		{"POST", "/pulls", `{"stream": "cam/9", "sources": ["rtsp://10.0.0.9/main"]}`},
	} {
		answer, text := s.ask(t, q.method, q.path, "*", q.body)
		if answer.StatusCode != http.StatusServiceUnavailable || !strings.Contains(text, `"code":"not_ready"`) {
			t.Errorf("%s %s: %d %s", q.method, q.path, answer.StatusCode, text)
		}
	}
	s.configuration.allow(true)
	if answer, text := s.ask(t, "POST", "/config/reload", "", ""); answer.StatusCode != http.StatusOK {
		t.Errorf("%d %s", answer.StatusCode, text)
	}
}

// TestChangesAtOnce: of two who read the same, one is refused.
func TestChangesAtOnce(t *testing.T) {
	s := startConfigured(t, "")
	etag := s.etag(t)
	var mu sync.Mutex
	codes := map[int]int{}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			code, _ := s.patch(t, etag, map[string]any{"hls.window": fmt.Sprint(7 + i)})
			mu.Lock()
			defer mu.Unlock()
			codes[code]++
		})
	}
	all.Wait()
	if codes[200] != 1 || codes[412] != 7 {
		t.Errorf("answers %v", codes)
	}
}

// TestChangeThatCannotBeKept is not made.
func TestChangeThatCannotBeKept(t *testing.T) {
	s := startConfigured(t, "")
	must(t, os.MkdirAll(filepath.Dir(filepath.Dir(s.overlay)), 0o700))
	must(t, os.WriteFile(filepath.Dir(s.overlay), nil, 0o600)) // in the place of the folder
	if code, text := s.patch(t, "*", map[string]any{"log.level": "debug"}); code < 400 || s.settings.logLevel.Level() != slog.LevelInfo {
		t.Errorf("%d %s", code, text)
	}
	must(t, os.Remove(filepath.Dir(s.overlay)))
	must(t, os.MkdirAll(s.overlay, 0o700)) // in the place of the file
	if code, text := s.patch(t, "*", map[string]any{"log.level": "debug"}); code < 400 || s.settings.logLevel.Level() != slog.LevelInfo {
		t.Errorf("%d %s", code, text)
	}
	if got := s.value(t, "level"); got != "  level: info" {
		t.Errorf("in force is %q", got)
	}
}

// TestBadOverlay: weir does not start, and says where.
func TestBadOverlay(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "weir.yaml")
	must(t, os.WriteFile(file, []byte("data: {dir: '"+dir+"'}\n"), 0o600))
	for text, want := range map[string]string{
		"hls:\n  window: 1\n":       ":2:3: hls.window: must be 3..100",
		"# x\nhls: {windows: 1}\n":  ":2:7: hls.windows: unknown key",
		"data:\n  dir: elsewhere\n": ":2:3: data.dir: cannot be set in a file that is found by it",
		"a: [":                      ":1:",
	} {
		must(t, os.WriteFile(filepath.Join(dir, "overlay.yaml"), []byte(text), 0o600))
		if _, err := (&configFlag{Config: file}).load(); err == nil || !strings.HasPrefix(err.Error(), filepath.Join(dir, "overlay.yaml")+want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestLiveSectionsAreTaken: a plugin with live keys takes them.
func TestLiveSectionsAreTaken(t *testing.T) {
	s := startServer(t, nil)
	own := []string{"log", "http", "stream", "delivery", "limits", "auth", "hooks", "shutdown"} // by app.apply, the last by who stops
	for _, section := range s.settings.sections() {
		live, ok := section.Value.(config.Live)
		if !ok || len(live.Live()) == 0 || slices.Contains(own, section.Name) {
			continue
		}
		i := slices.IndexFunc(s.settings.plugins, func(p pluginSettings) bool { return p.section == section.Name })
		if i < 0 {
			t.Errorf("nobody takes %s", section.Name)
		} else if _, ok := s.services[i].(plugin.Reconfigurer); !ok {
			t.Errorf("%s has live keys and does not take them", section.Name)
		}
	}
}

// watchAs starts a viewer of live/test with credentials.
func (s *testServer) watchAs(t testing.TB, i int, user, password string) *viewer {
	t.Helper()
	query := ""
	if user != "" {
		query = "?user=" + user + "&pass=" + password
	}
	if i%2 == 0 {
		return s.watch(t, "rtmp", "live/test"+query)
	}
	conn := dialTCP(t, s.http.Addr())
	_, err := fmt.Fprintf(conn, "GET /live/test.flv%s HTTP/1.1\r\nHost: weir\r\n\r\n", query)
	must(t, err)
	conn.SetReadDeadline(time.Time{})
	return view(t, &flvReader{TCPConn: conn})
}

// TestReloads: viewers play through 200 reloads and changes, and nothing is left of
// these. Then a user is taken out, whose sessions end, and no other.
func TestReloads(t *testing.T) {
	viewers, reloads := 500, 200
	if raceEnabled {
		viewers = 60
	}
	hash, err := auth.HashPassword("secret")
	must(t, err)
	users := func(names ...string) string {
		text := "auth:\n  users:\n"
		for _, name := range names {
			text += "    - {name: " + name + ", password: '" + hash + "', allow: [{actions: [publish, play], streams: ['**']}]}\n"
		}
		return text
	}
	s := startConfigured(t, users("ann", "bob"))
	src := s.publish(t, "live/test?user=ann&pass=secret", sourceOptions{frameSize: 400})
	quiet := src.run()
	var ann, bob []*viewer
	for i := range viewers {
		name := []string{"ann", "bob"}[i/2%2]
		v := s.watchAs(t, i, name, "secret")
		if name == "ann" {
			ann = append(ann, v)
		} else {
			bob = append(bob, v)
		}
	}
	for _, v := range append(ann, bob...) {
		v.reach(position{})
	}
	before := measure(t)
	for i := range reloads {
		more := users("ann", "bob", fmt.Sprint("user", i%3)) + fmt.Sprintf(
			"hls: {window: %d}\ndelivery: {max_lag: %ds, interval: %dms}\nstream: {grace: %ds}\nlimits: {max_sessions: %d}\nrtmp: {audio: copy, max_message: %dMiB, listen: '127.0.0.1:0'}\nhooks: {heartbeat: %ds, queue: %d}\n",
			3+i%5, 8+i%3, i%4*10, 10+i%7, 1000+i%9, 4+i%3, i%4, 100+i%5)
		s.write(t, "")
		text, err := os.ReadFile(s.file)
		must(t, err)
		more = strings.Replace(string(text), "rtmp: {listen: \"127.0.0.1:0\"}\n", "", 1) + more
		must(t, os.WriteFile(s.file, []byte(more), 0o600))
		switch i % 4 {
		case 0:
			_, err = s.configuration.Reload("test")
			must(t, err)
		case 1:
			if answer, text := s.ask(t, "POST", "/config/reload", "", ""); answer.StatusCode != 200 {
				t.Fatal(text)
			}
		case 2:
			if code, text := s.patch(t, s.etag(t), map[string]any{"webrtc.max_sessions": fmt.Sprint(100 + i), "http.allow_origin": fmt.Sprintf("https://a%d.example", i)}); code != 200 {
				t.Fatal(text)
			}
		case 3:
			must(t, os.WriteFile(s.file, []byte(more+"none: {}\n"), 0o600))
			if _, err = s.configuration.Reload("test"); err == nil {
				t.Fatal("a key that does not exist was taken")
			}
		}
	}
	last := quiet()
	for _, v := range append(ann, bob...) {
		v.reach(last)
	}
	http.DefaultClient.CloseIdleConnections()
	before.expect(t, "after the reloads")
	if n := len(s.sessions.List()); n != viewers+1 {
		t.Fatalf("%d sessions, want %d and the publisher", n, viewers)
	}
	if ended := s.sessions.Ended(); len(ended) > 0 {
		t.Fatalf("ended: %+v", ended[0])
	}

	quiet = src.run()
	s.write(t, users("ann"))
	_, err = s.configuration.Reload("test")
	must(t, err)
	eventually(t, "bob's sessions end", func() bool { return len(s.sessions.List()) == len(ann)+1 })
	last = quiet()
	for _, v := range ann {
		v.reach(last)
	}
	for _, x := range s.sessions.List() {
		if x.User != "ann" {
			t.Errorf("a session of %q goes on", x.User)
		}
	}
	if n := s.ends("rtmp", session.Play, reason.Revoked) + s.ends("httpflv", session.Play, reason.Revoked); int(n) != len(bob) {
		t.Errorf("%d sessions were revoked, want %d", n, len(bob))
	}
}

// TestUsersAfterAll: who was let in while nobody was named is asked again once somebody
// is.
func TestUsersAfterAll(t *testing.T) {
	hash, err := auth.HashPassword("secret")
	must(t, err)
	s := startConfigured(t, "")
	src := s.publish(t, "live/test?user=ann&pass=secret", sourceOptions{})
	quiet := src.run()
	stays, goes := s.watchAs(t, 0, "ann", "secret"), s.watchAs(t, 0, "", "")
	stays.reach(position{})
	goes.reach(position{})
	code, text := s.patch(t, s.etag(t), map[string]any{"auth.users": "[{name: ann, password: '" + hash + "', allow: [{actions: [publish, play], streams: ['**']}]}]"})
	if code != 200 {
		t.Fatal(text)
	}
	eventually(t, "who has no name goes", func() bool { return s.ends("rtmp", session.Play, reason.Revoked) == 1 })
	stays.reach(quiet())
	if list := s.sessions.List(); len(list) != 2 {
		t.Errorf("sessions %+v", list)
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"testing"

	"github.com/weirmedia/weir/api"
	"github.com/weirmedia/weir/api/client"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/relay"
)

// states returns "STREAM STATE" of what is fetched or sent on, and "PATTERN" or
// "+PATTERN" of the rules, those that were added.
func (s *configuredServer) states(t testing.TB, path string) string {
	t.Helper()
	answer, text := s.ask(t, "GET", path, "", "")
	var list struct {
		Pulls, Forwards []api.RelayInfo
		Rules           []api.RelayRule
	}
	if err := json.Unmarshal([]byte(text), &list); err != nil || answer.StatusCode != http.StatusOK || strings.Contains(text, "planted") {
		t.Fatalf("%d %s %v", answer.StatusCode, text, err)
	}
	var out []string
	for _, r := range append(list.Pulls, list.Forwards...) {
		out = append(out, r.Stream+" "+r.State)
	}
	for _, r := range list.Rules {
		mark := ""
		if r.Added {
			mark = "+"
		}
		out = append(out, mark+strings.Join(r.Streams, " "))
	}
	return strings.Join(out, ", ")
}

// post asks for a change and wants an answer with that status.
func (s *configuredServer) post(t testing.TB, path, body string, status int) string {
	t.Helper()
	answer, text := s.ask(t, "POST", path, "", body)
	if answer.StatusCode != status || strings.Contains(text, "planted") {
		t.Errorf("POST %s %s: %d, want %d: %s", path, body, answer.StatusCode, status, text)
	}
	return text
}

func (s *configuredServer) remove(t testing.TB, path string, status int) string {
	t.Helper()
	answer, text := s.ask(t, "DELETE", path, "", "")
	if answer.StatusCode != status {
		t.Errorf("DELETE %s: %d, want %d: %s", path, answer.StatusCode, status, text)
	}
	return text
}

// TestPullsAtRunTime: a stream is fetched once a rule for it is added, stops, and
// starts, also over a restart and a reload; what is in the overlay has the password,
// and nothing else has.
func TestPullsAtRunTime(t *testing.T) {
	up := startServer(t, nil)
	up.publish(t, "live/a", sourceOptions{}).run()
	from := fmt.Sprintf("rtmp://%s/live/{x}?key=planted", up.app.rtmp)
	s := startConfigured(t, "stream: {wait: 30s}\nrelay:\n  close_after: 100ms\n  pulls: [{streams: ['file/{x}'], sources: ['"+from+"']}]\n")
	waiting := s.openFLV(t, "new/a")
	defer waiting.Close()
	eventually(t, "a player waits", func() bool { return s.sessionsOf("httpflv") == 1 })
	text := s.post(t, "/pulls", `{"stream": "new/{x}", "sources": ["`+from+`"], "close_after": "200ms", "retry": 5}`, http.StatusCreated)
	if want := fmt.Sprintf(`{"streams":["new/{x}"],"peers":["rtmp://%s/live/{x}"],"mode":"on_demand","added":true}`, up.app.rtmp); text != want {
		t.Errorf("%s, want %s", text, want)
	}
	if _, err := waiting.ReadTag(); err != nil {
		t.Fatal(err)
	}
	if got := s.states(t, "/pulls"); got != "new/a running, +new/{x}, file/{x}" {
		t.Error(got)
	}
	s.post(t, "/pulls", `{"stream": "new/{x}", "sources": ["rtmp://h/a"]}`, http.StatusConflict)
	s.post(t, "/pulls/stop", `{"stream": "new/a"}`, http.StatusNoContent)
	s.post(t, "/pulls/stop", `{"stream": "new/a"}`, http.StatusNoContent)
	s.post(t, "/pulls/stop", `{"stream": "file/b"}`, http.StatusNoContent)
	s.post(t, "/pulls/stop", `{"stream": "other"}`, http.StatusNotFound)
	eventually(t, "it stops", func() bool {
		return s.states(t, "/pulls") == "file/b stopped, new/a stopped, +new/{x}, file/{x}" && len(up.sessions.List()) == 1
	})
	waiting.Close()
	overlay := readText(t, s.overlay)
	if !strings.Contains(overlay, "key=planted") || !strings.Contains(overlay, "close_after: 200ms") {
		t.Error(overlay)
	}
	for _, path := range []string{"/config", "/config/keys"} {
		if _, text := s.ask(t, "GET", path, "", ""); strings.Contains(text, "planted") {
			t.Error(text)
		}
	}
	if s.lines.contain("planted") || !s.lines.contain("/api/v1/pulls/stop") || !s.lines.contain("relay.stopped_pulls") {
		t.Error("the log is not as it shall be")
	}

	must(t, s.stop())
	s.start(t)
	if got := s.states(t, "/pulls"); got != "file/b stopped, new/a stopped, +new/{x}, file/{x}" {
		t.Errorf("after a restart: %s", got)
	}
	if answer, text := s.ask(t, "POST", "/config/reload", "", ""); answer.StatusCode != http.StatusOK || !strings.Contains(text, `"changed":[]`) {
		t.Errorf("%d %s", answer.StatusCode, text)
	}
	again := s.openFLV(t, "new/a")
	defer again.Close()
	s.post(t, "/pulls/start", `{"stream": "new/a"}`, http.StatusNoContent)
	s.post(t, "/pulls/start", `{"stream": "new/a"}`, http.StatusNoContent)
	if _, err := again.ReadTag(); err != nil {
		t.Fatal(err)
	}
	s.remove(t, "/pulls/file/%7Bx%7D", http.StatusConflict)
	s.remove(t, "/pulls/new/a", http.StatusNotFound)
	s.remove(t, "/pulls/new/%7Bx%7D", http.StatusNoContent)
	eventually(t, "it ends", func() bool {
		return s.states(t, "/pulls") == "file/b stopped, file/{x}" && len(up.sessions.List()) == 1
	})
	s.post(t, "/pulls/start", `{"stream": "file/b"}`, http.StatusNoContent)
	if overlay := readText(t, s.overlay); strings.Contains(overlay, "planted") || !strings.Contains(overlay, "stopped_pulls: []") {
		t.Error(overlay)
	}
	if n := up.opened("rtmp", session.Play); n != 2 {
		t.Errorf("%d connections were made, want 2", n)
	}
}

// TestForwardsAtRunTime: one target stops while the other goes on, also over a
// restart.
func TestForwardsAtRunTime(t *testing.T) {
	down := startServer(t, nil)
	s := startConfigured(t, "")
	to := func(name string) string { return fmt.Sprintf("rtmp://%s/%s", down.app.rtmp, name) }
	s.post(t, "/forwards", `{"stream": "live/*", "targets": ["`+to("one")+`/x?key=planted", "`+to("two")+`/x"], "max_lag": "2s", "audio": "copy"}`, http.StatusCreated)
	begin := func() {
		t.Helper()
		src := s.publish(t, "live/a", sourceOptions{})
		src.run()
	}
	begin()
	arrives := func(streams int) {
		t.Helper()
		eventually(t, fmt.Sprintf("%d streams arrive", streams), func() bool { return len(down.sessions.List()) == streams })
	}
	arrives(2)
	s.post(t, "/forwards/stop", `{"stream": "live/a", "target": "`+to("none")+`"}`, http.StatusNotFound)
	s.post(t, "/forwards/stop", `{"stream": "live/a", "target": "`+to("one")+`/x"}`, http.StatusNoContent)
	arrives(1)
	eventually(t, "one is stopped", func() bool { return s.states(t, "/forwards") == "live/a stopped, live/a running, +live/*" })
	must(t, s.stop())
	arrives(0)
	s.start(t)
	begin()
	eventually(t, "one is stopped", func() bool { return s.states(t, "/forwards") == "live/a stopped, live/a running, +live/*" })
	s.post(t, "/forwards/start", `{"stream": "live/a"}`, http.StatusNoContent)
	arrives(2)
	s.remove(t, "/forwards/live/*", http.StatusNoContent)
	arrives(0)
	eventually(t, "none is listed", func() bool { return s.states(t, "/forwards") == "" })
}

// TestBadRelayChanges: what is wrong is named, and nothing is kept.
func TestBadRelayChanges(t *testing.T) {
	t.Setenv("WEIR_RELAY_STOPPED_FORWARDS", "other")
	s := startConfigured(t, "relay:\n  forwards: [{streams: ['a'], targets: ['rtmp://h/a']}]\n")
	for _, test := range []struct{ path, body, code, field string }{
		{"/pulls", `{"stream": "a/**/b", "sources": ["rtmp://h/a"]}`, "bad_request", "stream"},
		{"/pulls", `{"stream": "", "sources": ["rtmp://h/a"]}`, "bad_request", "stream"},
		{"/pulls", `{"stream": "a"}`, "bad_request", "sources"},
		{"/pulls", `{"stream": "a", "sources": ["rtmp://h/a", "gopher://u:planted@h"]}`, "bad_request", "sources"},
		{"/pulls", `{"stream": "a", "sources": ["rtmp:///planted"]}`, "bad_request", "sources"},
		{"/pulls", `{"stream": "a", "sources": ["rtmp://***@h/a"]}`, "bad_request", "sources"},
		{"/pulls", `{"stream": "a/*", "sources": ["rtmp://h/a"], "mode": "always"}`, "bad_request", "stream"},
		{"/pulls", `{"stream": "a", "sources": ["rtmp://h/a"], "mode": "never"}`, "bad_request", "mode"},
		{"/pulls", `{"stream": "a", "sources": ["rtmp://h/a"], "close_after": "soon"}`, "bad_request", "close_after"},
		{"/pulls", `{"stream": "a", "sources": ["rtmp://h/a"], "timeout": "1ms"}`, "bad_request", "timeout"},
		{"/pulls", `{"stream": "a", "sources": ["rtmp://h/a"], "min_delay": "1h"}`, "bad_request", "max_delay"},
		{"/pulls", `{"stream": "a", "sources": ["rtmp://h/a"], "retry": -1}`, "bad_request", "retry"},
		{"/pulls", `{"stream": "a", "sources": ["rtmp://h/a"], "transport": "mail"}`, "bad_request", "transport"},
		{"/pulls", `{"stream": "a", "targets": ["rtmp://h/a"]}`, "bad_request", "targets"},
		{"/pulls/stop", `{"stream": "a//b"}`, "bad_name", "stream"},
		{"/forwards", `{"stream": "b", "targets": ["http://h/a.flv"]}`, "bad_request", "targets"},
		{"/forwards", `{"stream": "b", "targets": ["rtmp://h/{y}"]}`, "bad_request", "targets"},
		{"/forwards", `{"stream": "b", "targets": ["rtmp://h/a"], "max_lag": "1ms"}`, "bad_request", "max_lag"},
		{"/forwards", `{"stream": "b", "targets": ["rtmp://h/a"], "audio": "loud"}`, "bad_request", "audio"},
	} {
		text := s.post(t, test.path, test.body, http.StatusBadRequest)
		if !strings.Contains(text, `"code":"`+test.code+`"`) || !strings.Contains(text, `"field":"`+test.field+`"`) {
			t.Errorf("%s: %s", test.body, text)
		}
	}
	if text := s.post(t, "/forwards/stop", `{"stream": "a"}`, http.StatusConflict); !strings.Contains(text, api.SetByEnvironment) {
		t.Error(text)
	}
	if _, err := os.Stat(s.overlay); err == nil {
		t.Error("what was refused was written")
	}
	s.write(t, "relay: {pulls: [{}]}\n")
	if text := s.post(t, "/pulls", `{"stream": "b", "sources": ["rtmp://h/a"]}`, http.StatusBadRequest); !strings.Contains(text, api.InvalidConfig) {
		t.Error(text)
	}
}

// TestRelayChangesAtOnce: of changes at the same time, with those of the configuration
// and reloads between them, none is lost.
func TestRelayChangesAtOnce(t *testing.T) {
	s := startConfigured(t, "")
	const each = 8
	var all sync.WaitGroup
	for i := range each {
		all.Go(func() {
			s.post(t, "/pulls", fmt.Sprintf(`{"stream": "cam/%d", "sources": ["rtmp://127.0.0.1:1/a"]}`, i), http.StatusCreated)
			s.post(t, "/pulls/stop", fmt.Sprintf(`{"stream": "cam/%d"}`, i), http.StatusNoContent)
		})
		all.Go(func() {
			s.post(t, "/forwards", fmt.Sprintf(`{"stream": "live/%d", "targets": ["rtmp://127.0.0.1:1/a"]}`, i), http.StatusCreated)
		})
		all.Go(func() {
			if code, text := s.patch(t, "*", map[string]any{"hls.window": fmt.Sprint(7 + i)}); code != http.StatusOK {
				t.Errorf("%d %s", code, text)
			}
		})
		all.Go(func() { s.ask(t, "POST", "/config/reload", "", "") })
	}
	all.Wait()
	check := func() {
		t.Helper()
		c := section[*relay.Config](s.configuration.current())
		if len(c.AddedPulls) != each || len(c.StoppedPulls) != each || len(c.AddedForwards) != each || s.value(t, "window") == "" {
			t.Errorf("%d pulls, %d stopped, %d forwards", len(c.AddedPulls), len(c.StoppedPulls), len(c.AddedForwards))
		}
	}
	check()
	must(t, s.stop())
	s.start(t)
	check()
}

// TestRelayAccess: with users, only who may use the API changes what is fetched.
func TestRelayAccess(t *testing.T) {
	s := startConfigured(t, "auth: {loopback: false}\n")
	const body = `{"stream": "cam/1", "sources": ["rtmp://127.0.0.1:1/a"]}`
	for _, path := range []string{"/pulls", "/pulls/stop", "/forwards", "/forwards/start"} {
		s.post(t, path, body, http.StatusUnauthorized)
	}
	s.remove(t, "/pulls/cam/1", http.StatusUnauthorized)
	c, err := client.New("http://"+s.http.Addr().String(), s.token)
	must(t, err)
	defer c.Close()
	if rule, err := c.AddPull(t.Context(), api.NewPull{Stream: "cam/1", Sources: []string{"rtsp://u:planted@127.0.0.1:1/a"}}); err != nil || !rule.Added || rule.Peers[0] != "rtsp://127.0.0.1:1/a" {
		t.Errorf("%+v %v", rule, err)
	}
}

// TestRelayCommands: what a terminal shows and changes.
func TestRelayCommands(t *testing.T) {
	_, stop := signal.NotifyContext(t.Context(), os.Interrupt) // what that leaves running is no leak
	stop()
	s := startConfigured(t, "")
	flags := serverFlags{Server: "http://" + s.http.Addr().String()}
	run := func(command interface{ Run(*console) error }) string {
		t.Helper()
		var out bytes.Buffer
		if err := command.Run(&console{out: &out}); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	pattern, one := relayPattern{flags, "cam/{id}"}, relayStream{flags, "cam/1"}
	run(&pullAdd{relayPattern: pattern, URLs: []string{"rtmp://127.0.0.1:1/{id}?pass=planted"}, CloseAfter: "1s"})
	run(&pullAdd{relayPattern: relayPattern{flags, "always"}, URLs: []string{"rtmp://127.0.0.1:1/a"}, Always: true, relayPatience: relayPatience{MinDelay: "1s"}})
	run(&pullStop{one})
	text := run(&pullList{serverFlags: flags})
	for _, want := range []string{"cam/1   stopped", "rtmp://127.0.0.1:1/1", "rtmp://127.0.0.1:1/{id}", "on_demand  added", "always     added"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if strings.Contains(text, "planted") {
		t.Error(text)
	}
	run(&pullStart{one})
	run(&pullRemove{relayPattern{flags, "always"}})
	if text := run(&pullList{serverFlags: flags, JSON: true}); strings.Contains(text, "stopped") || strings.Contains(text, "always") || !strings.Contains(text, `"added": true`) {
		t.Error(text)
	}
	run(&pullRemove{pattern})
	if text := run(&pullList{serverFlags: flags}); strings.Count(text, "\n") != 1 {
		t.Error(text)
	}

	all, target := forwardPart{relayStream: one}, forwardPart{relayStream: one, Target: "rtmp://127.0.0.1:1/1"}
	run(&forwardAdd{relayPattern: pattern, URLs: []string{"rtmp://127.0.0.1:1/{id}", "rtmp://127.0.0.1:2/{id}"}, Audio: "aac", MaxLag: "1s"})
	run(&forwardStop{all})
	run(&forwardStart{target})
	if text := run(&forwardList{serverFlags: flags}); !strings.Contains(text, "stopped  rtmp://127.0.0.1:2/1") || strings.Contains(text, "stopped  rtmp://127.0.0.1:1/1") {
		t.Error(text)
	}
	run(&forwardStop{target})
	run(&forwardStart{all})
	run(&forwardRemove{pattern})
	if text := run(&forwardList{serverFlags: flags, JSON: true}); !strings.Contains(text, `"rules": []`) || !strings.Contains(text, `"forwards": []`) {
		t.Error(text)
	}
	for _, bad := range []interface{ Run(*console) error }{
		&pullStop{one}, &pullStart{one}, &pullRemove{pattern}, &pullAdd{relayPattern: pattern}, &forwardStop{all}, &forwardStart{target},
		&forwardRemove{pattern}, &forwardAdd{relayPattern: pattern, URLs: []string{"x"}}, &pullList{}, &forwardList{},
	} {
		if err := bad.Run(&console{out: new(bytes.Buffer)}); err == nil {
			t.Errorf("%+v does not fail", bad)
		}
	}
}

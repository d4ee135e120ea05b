package main

import (
	"bytes"
	"os"
	"os/signal"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// TestAdminCommands: what a terminal shows of a server, and that it closes what it
// is told to, of peers that try to command it.
func TestAdminCommands(t *testing.T) {
	_, stop := signal.NotifyContext(t.Context(), os.Interrupt) // what that leaves running is no leak
	stop()
	a := startServer(t, nil)
	killed := make(chan reason.Reason, 1)
	player, err := a.sessions.Open(session.Info{Protocol: "rtmp", Action: session.Play, Stream: "live/te\x1b[2Jst", Remote: "192.0.2.1:5"}, func(why reason.Reason) { killed <- why })
	if err != nil {
		t.Fatal(err)
	}
	defer player.Close(reason.ClientClosed, nil)
	flags := serverFlags{Server: "http://" + a.http.Addr().String()}
	var out bytes.Buffer
	run := func(command interface{ Run(*console) error }) string {
		t.Helper()
		out.Reset()
		if err := command.Run(&console{out: &out}); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	if text := run(&sessionsCommand{serverFlags: flags, Protocol: "rtmp"}); !strings.Contains(text, player.ID()) || strings.Contains(text, "\x1b") || !strings.Contains(text, "live/te?[2Jst") {
		t.Errorf("%q", text)
	}
	if text := run(&sessionsCommand{serverFlags: flags, Action: "publish"}); strings.Count(text, "\n") != 1 {
		t.Errorf("%q", text)
	}
	if text := run(&sessionsCommand{serverFlags: flags, JSON: true}); !strings.Contains(text, `"id": "`+player.ID()) {
		t.Errorf("%q", text)
	}
	if text := run(&streamsCommand{serverFlags: flags}); !strings.HasPrefix(text, "STREAM") {
		t.Errorf("%q", text)
	}
	if text := run(&topCommand{serverFlags: flags, Every: time.Second, Once: true}); !strings.Contains(text, "0 streams, 0 viewers") {
		t.Errorf("%q", text)
	}
	run(&kickCommand{serverFlags: flags, Session: player.ID()})
	if why := <-killed; why != reason.Kicked {
		t.Errorf("killed as %s", why)
	}
	for _, bad := range []interface{ Run(*console) error }{
		&kickCommand{serverFlags: flags}, &kickCommand{serverFlags: flags, Session: "a", Stream: "b"}, &kickCommand{serverFlags: flags, Stream: "live/none"},
		&streamsCommand{serverFlags: serverFlags{Server: "nowhere"}}, &topCommand{serverFlags: flags}, &sessionsCommand{serverFlags: flags, Action: "fly"},
	} {
		if err := bad.Run(&console{out: &out}); err == nil {
			t.Errorf("%+v does not fail", bad)
		}
	}
}

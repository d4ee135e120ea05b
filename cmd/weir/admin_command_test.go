package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/signal"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/api"
	"github.com/weirmedia/weir/pkg/event"
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
	player, err := a.sessions.Open(session.Info{Protocol: "rtmp", Action: session.Play, Stream: "live/te\x1b[2Jst", Remote: "192.0.2.1:5", Transport: "tcp"}, func(why reason.Reason) { killed <- why })
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
	if text := run(&sessionsCommand{serverFlags: flags, ID: player.ID()}); !strings.Contains(text, player.ID()) || !strings.Contains(text, "connected tcp") || strings.Contains(text, "\x1b") {
		t.Errorf("%q", text)
	}
	if text := run(&sessionsCommand{serverFlags: flags, ID: player.ID(), JSON: true}); !strings.Contains(text, `"what": "connected"`) {
		t.Errorf("%q", text)
	}
	if text := run(&streamsCommand{serverFlags: flags}); !strings.HasPrefix(text, "STREAM") {
		t.Errorf("%q", text)
	}
	if text := run(&topCommand{serverFlags: flags, Every: time.Second, Once: true}); !strings.Contains(text, "0 streams, 0 viewers") {
		t.Errorf("%q", text)
	}
	player.LagOf(late(1234 * time.Millisecond))
	if text := run(&topCommand{serverFlags: flags, Every: time.Second, Once: true, Last: 1}); !strings.Contains(text, "1234 ms") {
		t.Errorf("%q", text)
	}
	gone, err := a.sessions.Open(session.Info{Protocol: "rtmp", Action: session.Play, Stream: "live/gone", Transport: "tcp"}, func(reason.Reason) {})
	must(t, err)
	gone.Close(reason.Stalled, nil)
	if text := run(&sessionsCommand{serverFlags: flags, ID: gone.ID()}); !strings.Contains(text, "ended") || !strings.Contains(text, "closed stalled") {
		t.Errorf("%q", text)
	}
	run(&kickCommand{serverFlags: flags, Session: player.ID()})
	if why := <-killed; why != reason.Kicked {
		t.Errorf("killed as %s", why)
	}
	for _, bad := range []interface{ Run(*console) error }{
		&kickCommand{serverFlags: flags}, &kickCommand{serverFlags: flags, Session: "a", Stream: "b"}, &kickCommand{serverFlags: flags, Stream: "live/none"},
		&streamsCommand{serverFlags: serverFlags{Server: "nowhere"}}, &topCommand{serverFlags: flags}, &sessionsCommand{serverFlags: flags, Action: "fly"},
		&sessionsCommand{serverFlags: flags, ID: "none"}, &eventsCommand{serverFlags: flags, Types: "none"},
	} {
		if err := bad.Run(&console{out: &out}); err == nil {
			t.Errorf("%+v does not fail", bad)
		}
	}
}

type late time.Duration

func (l late) Lag() (time.Duration, bool) { return time.Duration(l), true }

// TestEventsCommand: each type of event is a line, and what peers chose does not
// command the terminal; or each is JSON as it came.
func TestEventsCommand(t *testing.T) {
	hub := event.NewHub("edge-1", nil)
	reader := hub.Subscribe(event.ReaderOptions{Queue: 100})
	defer reader.Close()
	for what, data := range map[event.Type]any{
		event.StreamPublished: api.StreamInfo{
			Tracks: []api.TrackInfo{{Codec: "H264", Width: 1280, Height: 720}}, Publisher: &api.PublisherInfo{Protocol: "rtmp", Remote: "192.0.2.1:1"},
		},
		event.SessionOpened:       api.SessionInfo{Protocol: "webrtc", Action: session.Play, Remote: "192.0.2.2:2", User: "a\x1b[2Jnn"},
		event.SessionClosed:       api.SessionInfo{Protocol: "rtmp", Action: session.Play, Reason: reason.Stalled, DurationS: 1.5, BytesOut: 2e6},
		event.StreamNotFound:      api.ClientInfo{Protocol: "hls", Remote: "192.0.2.3:3"},
		event.ServerHeartbeat:     api.ServerInfo{Version: "v9", UptimeS: 60, Streams: 3, Publishers: 2, Viewers: 1},
		event.EventsLost:          event.Lost{Lost: 7},
		event.SessionRefused:      api.RefusalInfo{Protocol: "rtsp", Action: session.Play, Remote: "192.0.2.4:4", User: "eve", Reason: reason.Unauthorized},
		event.ServerReloaded:      api.ConfigChange{Changed: []string{"hls.window", "log.level"}, Restart: []string{"hooks.node"}},
		event.RecordSegment:       map[string]any{"file": "live/a.mp4", "duration_s": 600.04, "bytes": 2e6, "why": "segment_duration"},
		event.RecordError:         api.RecordFailureInfo{File: "live/a.mp4", Reason: reason.DiskFull, Error: "no space left"},
		event.RecordRecovered:     api.RecordFailureInfo{Reason: reason.DiskFull},
		"thing.new":               map[string]int{"x": 1},
		event.SessionClosed + "x": nil,
	} {
		hub.Publish(what, "live/\x1b]0;te\x07st", "5abc", data)
	}
	hub.Publish(event.ServerStopping, "", "", "no object")
	hub.Close()
	var all []event.Event
	for e, err := reader.Next(t.Context()); err == nil; e, err = reader.Next(t.Context()) {
		all = append(all, e)
	}
	refused := errors.New("not any more")
	source := func(yield func(event.Event, error) bool) {
		for _, e := range all {
			if !yield(e, nil) {
				return
			}
		}
		yield(event.Event{}, refused)
	}
	var lines, raw bytes.Buffer
	if err := (&eventsCommand{}).follow(t.Context(), &console{out: &lines}, source); !errors.Is(err, refused) {
		t.Error(err)
	}
	if err := (&eventsCommand{JSON: true}).follow(t.Context(), &console{out: &raw}, source); !errors.Is(err, refused) {
		t.Error(err)
	}
	text := lines.String()
	for _, want := range []string{
		"stream.published      live/?]0;te?st  H264 1280x720 from rtmp 192.0.2.1:1\n", "5abc webrtc play 192.0.2.2:2 a?[2Jnn\n",
		"stalled after 1.5s, 0 KB in, 2.0 MB out\n", "5abc hls 192.0.2.3:3", "v9, up 1m0s: 3 streams, 2 publishers, 1 viewers\n", "7 events are missing here\n",
		"session.refused       live/?]0;te?st  rtsp play 192.0.2.4:4 eve: unauthorized\n", "changed: hls.window log.level; after a restart: hooks.node\n",
		"live/a.mp4, 10m0.04s, 2.0 MB: segment_duration\n", "live/a.mp4 disk_full no space left\n", "record.recovered      live/?]0;te?st  disk_full\n",
		`{"x":1}`, "server.stopping       edge-1  \"no object\"\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if strings.Count(text, "\n") != len(all) || strings.ContainsAny(text, "\x1b\x07") {
		t.Errorf("%q", text)
	}
	for i, line := range strings.Split(strings.TrimSpace(raw.String()), "\n") {
		var e event.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.ID != all[i].ID {
			t.Errorf("%s: %v", line, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (&eventsCommand{}).follow(ctx, &console{out: &lines}, source); err != nil {
		t.Errorf("after the user's signal: %v", err)
	}
}

package session_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

func viewer(stream string) session.Info {
	return session.Info{Protocol: "rtmp", Action: session.Play, Stream: stream, Remote: "192.0.2.1:5000", Transport: "tcp"}
}

func ignore(reason.Reason) {}

func open(t testing.TB, r *session.Registry, info session.Info, kill func(reason.Reason)) *session.Session {
	t.Helper()
	s, err := r.Open(info, kill)
	if err != nil {
		t.Fatalf("Open(%+v): %v", info, err)
	}
	return s
}

// logLines returns a logger and what it has written so far.
func logLines(t *testing.T) (*slog.Logger, func() []map[string]any) {
	t.Helper()
	var mu sync.Mutex
	var buf bytes.Buffer
	write := writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return buf.Write(p)
	})
	return slog.New(slog.NewJSONHandler(write, nil)), func() []map[string]any {
		mu.Lock()
		defer mu.Unlock()
		var out []map[string]any
		for line := range strings.Lines(buf.String()) {
			var m map[string]any
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				t.Fatalf("log line %q: %v", line, err)
			}
			out = append(out, m)
		}
		return out
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestOpenListClose(t *testing.T) {
	log, lines := logLines(t)
	r := session.NewRegistry(session.Options{Logger: log})
	var all []*session.Session
	for i := range 20 {
		all = append(all, open(t, r, viewer(fmt.Sprintf("live/%d", i)), ignore))
	}
	list := r.List()
	if len(list) != len(all) {
		t.Fatalf("%d sessions are listed, want %d", len(list), len(all))
	}
	for i, s := range all {
		if list[i].ID != s.ID() {
			t.Errorf("List()[%d] is %s, want %s: oldest first", i, list[i].ID, s.ID())
		}
		if !regexp.MustCompile(`^[a-z0-9]{12}$`).MatchString(s.ID()) {
			t.Errorf("identity %q is not short and URL-safe", s.ID())
		}
	}
	s := all[3]
	s.Counters().BytesOut.Add(1000)
	s.Counters().FramesOut.Add(7)
	got, ok := r.Get(s.ID())
	if !ok || got.Stream != "live/3" || got.BytesOut != 1000 || got.State != session.Active {
		t.Errorf("Get: %+v, %v", got, ok)
	}
	s.Close(reason.NetworkError, errors.New("connection reset"))
	s.Close(reason.ClientClosed, nil)
	if _, ok := r.Get(s.ID()); ok || len(r.List()) != len(all)-1 {
		t.Error("a closed session is still there")
	}
	out := lines()
	if len(out) != len(all)+1 {
		t.Fatalf("%d log lines, want one for each start and one for the end", len(out))
	}
	if first := out[0]; first["msg"] != "session started" || first["stream"] != "live/0" || first["remote"] != "192.0.2.1:5000" || first["session"] != all[0].ID() {
		t.Errorf("first line: %v", first)
	}
	end := out[len(out)-1]
	for key, want := range map[string]any{"msg": "session ended", "reason": "network_error", "error": "connection reset", "bytes_out": 1000.0, "frames_out": 7.0} {
		if end[key] != want {
			t.Errorf("last line: %s is %v, want %v", key, end[key], want)
		}
	}
}

func TestLimits(t *testing.T) {
	r := session.NewRegistry(session.Options{MaxSessions: 3, MaxWaiting: 1})
	a := open(t, r, viewer("a"), ignore)
	b := open(t, r, viewer("b"), ignore)
	open(t, r, viewer("c"), ignore)
	if _, err := r.Open(viewer("d"), ignore); reason.Of(err, "") != reason.LimitReached {
		t.Errorf("fourth session: %v", err)
	}
	if err := a.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := a.Wait(); err != nil {
		t.Errorf("waiting twice: %v", err)
	}
	if err := b.Wait(); reason.Of(err, "") != reason.LimitReached {
		t.Errorf("second waiting player: %v", err)
	}
	a.Activate()
	if err := b.Wait(); err != nil {
		t.Errorf("after the first was served: %v", err)
	}
	if got, _ := r.Get(b.ID()); got.State != session.Waiting {
		t.Errorf("state %q", got.State)
	}
	b.Close(reason.StreamNotFound, nil)
	b.Activate()
	if err := a.Wait(); err != nil {
		t.Errorf("after the waiting one closed: %v", err)
	}
	if g := r.Totals().Groups[0]; g.Open != 2 || g.Waiting != 1 || g.Opened != 3 {
		t.Errorf("totals: %+v", g)
	}
	open(t, r, viewer("e"), ignore)
}

func TestLimitOfViewers(t *testing.T) {
	r := session.NewRegistry(session.Options{MaxViewers: func(stream string) int {
		return map[string]int{"few": 2, "one": 1}[stream]
	}})
	publisher := viewer("few")
	publisher.Action = session.Publish
	open(t, r, publisher, ignore) // is no viewer
	open(t, r, viewer("few"), ignore)
	waiting := open(t, r, viewer("few"), ignore)
	if err := waiting.Wait(); err != nil {
		t.Fatal(err)
	}
	refused := func(stream string) {
		t.Helper()
		_, err := r.Open(viewer(stream), ignore)
		if reason.Of(err, "") != reason.LimitReached || !strings.Contains(err.Error(), "max_viewers") {
			t.Errorf("one more viewer of %s: %v", stream, err)
		}
	}
	refused("few")
	refused("few")
	open(t, r, viewer("one"), ignore)
	refused("one")
	for range 10 {
		open(t, r, viewer("many"), ignore)
	}
	waiting.Close(reason.StreamNotFound, nil)
	waiting.Close(reason.StreamNotFound, nil) // counts once
	open(t, r, viewer("few"), ignore)
	refused("few")
}

func TestViewers(t *testing.T) {
	r := session.NewRegistry(session.Options{})
	open(t, r, session.Info{Protocol: "rtmp", Action: session.Publish, Stream: "a"}, ignore)
	open(t, r, viewer("a"), ignore)
	open(t, r, viewer("a"), ignore)
	open(t, r, session.Info{Protocol: "httpflv", Action: session.Play, Stream: "a"}, ignore)
	if err := open(t, r, viewer("b"), ignore).Wait(); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(r.Viewers()); got != "map[a:map[httpflv:1 rtmp:2]]" {
		t.Error(got)
	}
}

func TestKill(t *testing.T) {
	log, lines := logLines(t)
	r := session.NewRegistry(session.Options{Logger: log})
	var asked []reason.Reason
	s := open(t, r, viewer("a"), func(why reason.Reason) { asked = append(asked, why) })
	if !r.Kill(s.ID(), reason.Kicked) || !r.Kill(s.ID(), reason.StreamEnded) {
		t.Fatal("the session was not found")
	}
	if fmt.Sprint(asked) != "[kicked stream_ended]" {
		t.Errorf("kill was called with %v", asked)
	}
	// What the owner's reader sees of its closed connection is no news.
	s.Close(reason.NetworkError, errors.New("use of closed network connection"))
	if r.Kill(s.ID(), reason.Kicked) {
		t.Error("a closed session was found")
	}
	out := lines()
	if end := out[len(out)-1]; end["reason"] != "kicked" || end["error"] != nil {
		t.Errorf("log line: %v", end)
	}
	if n := r.Totals().Groups[0].Closes[reason.Kicked]; n != 1 {
		t.Errorf("%d closes are counted as kicked", n)
	}
}

func TestShutdown(t *testing.T) {
	t.Run("everybody leaves", func(t *testing.T) {
		r := session.NewRegistry(session.Options{})
		for range 50 {
			var s atomic.Pointer[session.Session]
			stored := make(chan struct{})
			s.Store(open(t, r, viewer("a"), func(why reason.Reason) {
				go func() {
					<-stored
					s.Load().Close(why, nil)
				}()
			}))
			close(stored)
		}
		if err := r.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		if n := r.Totals().Groups[0].Closes[reason.Shutdown]; n != 50 {
			t.Errorf("%d closed by the shutdown", n)
		}
		if _, err := r.Open(viewer("a"), ignore); reason.Of(err, "") != reason.Shutdown {
			t.Errorf("a late one: %v", err)
		}
		if err := r.Shutdown(context.Background()); err != nil {
			t.Errorf("a second time: %v", err)
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		if err := session.NewRegistry(session.Options{}).Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	t.Run("one stays", func(t *testing.T) {
		r := session.NewRegistry(session.Options{})
		open(t, r, viewer("a"), ignore)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := r.Shutdown(ctx); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "1 sessions") {
			t.Error(err)
		}
	})
}

func TestRefuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, lines := logLines(t)
		r := session.NewRegistry(session.Options{Logger: log})
		peer := session.Info{Protocol: "rtmp", Remote: "192.0.2.1:5000"}
		for range 1000 {
			r.Refuse(peer, reason.BadHandshake, errors.New("version 6"))
		}
		r.Refuse(peer, reason.Unauthorized, nil) // another reason has lines of its own
		time.Sleep(time.Second)
		r.Refuse(peer, reason.BadHandshake, errors.New("version 6"))

		out := lines()
		if len(out) != 12 {
			t.Fatalf("%d lines, want 10, 1 and 1", len(out))
		}
		if out[0]["error"] != "version 6" || out[0]["reason"] != "bad_handshake" || out[0]["remote"] != "192.0.2.1:5000" {
			t.Errorf("first line: %v", out[0])
		}
		if out[11]["suppressed"] != 990.0 {
			t.Errorf("last line: %v", out[11])
		}
		if got := fmt.Sprint(r.Totals().Refusals); got != "[{rtmp bad_handshake 1001} {rtmp unauthorized 1}]" {
			t.Error(got)
		}
	})
}

func TestTextsOfThePeerAreBounded(t *testing.T) {
	r := session.NewRegistry(session.Options{})
	info := viewer("a")
	info.Agent = strings.Repeat("é", 1000)[1:] // starts and is cut inside a rune
	s := open(t, r, info, ignore)
	if n := len(s.Info().Agent); n > 256 || n < 250 {
		t.Errorf("%d bytes of agent are kept", n)
	}
	if !utf8.ValidString(s.Info().Agent[1:]) {
		t.Error("cut inside a rune")
	}
}

func TestSkips(t *testing.T) {
	r := session.NewRegistry(session.Options{})
	s := open(t, r, viewer("a"), ignore)
	s.Skipped(reason.LagTime, 40)
	s.Skipped(reason.LagBytes, 2)
	s.Skipped("made up", 0)
	g := r.Totals().Groups[0]
	if g.Counts.Skips != 3 || g.FramesSkipped != 42 {
		t.Errorf("counts: %+v", g.Counts)
	}
	if got := fmt.Sprint(g.Skips); got != "map[internal_error:1 lag_bytes:1 lag_time:1]" {
		t.Error(got)
	}
}

// TestTotalsNeverDip reads totals while sessions open, count and close.
func TestTotalsNeverDip(t *testing.T) {
	const workers, rounds, bytesEach = 4, 500, 100
	r := session.NewRegistry(session.Options{})
	var owners sync.WaitGroup
	for range workers {
		owners.Go(func() {
			for range rounds {
				s, err := r.Open(viewer("a"), ignore)
				if err != nil {
					t.Error(err)
					return
				}
				for range bytesEach {
					s.Counters().BytesOut.Add(1)
				}
				s.Skipped(reason.LagTime, 1)
				s.Close(reason.ClientClosed, nil)
			}
		})
	}
	done := make(chan struct{})
	go func() { owners.Wait(); close(done) }()
	var last session.GroupTotals
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		totals := r.Totals()
		if len(totals.Groups) == 0 {
			continue
		}
		now := totals.Groups[0]
		if now.BytesOut < last.BytesOut || now.FramesSkipped < last.FramesSkipped || now.Opened < last.Opened ||
			now.Closes[reason.ClientClosed] < last.Closes[reason.ClientClosed] {
			t.Fatalf("a total fell: %+v after %+v", now, last)
		}
		last = now
	}
	if last.BytesOut != workers*rounds*bytesEach || last.Opened != workers*rounds || last.Open != 0 || last.Skips[reason.LagTime] != workers*rounds {
		t.Errorf("at the end: %+v", last)
	}
}

// TestConcurrent is for the race detector: everything at once.
func TestConcurrent(t *testing.T) {
	r := session.NewRegistry(session.Options{MaxWaiting: 2})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 100 {
				s, err := r.Open(viewer(fmt.Sprint("live/", i)), ignore)
				if err != nil {
					t.Error(err)
					return
				}
				if s.Wait() == nil {
					s.Activate()
				}
				r.Kill(s.ID(), reason.Kicked)
				s.Close(reason.ClientClosed, nil)
			}
		})
		all.Go(func() {
			for range 50 {
				r.List()
				r.Viewers()
				r.Totals()
				r.KillAll(reason.Kicked)
				r.Refuse(viewer("x"), reason.BadName, nil)
			}
		})
	}
	all.Wait()
	if n := len(r.List()); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

func full(b *testing.B) *session.Registry {
	r := session.NewRegistry(session.Options{})
	for i := range 10_000 {
		open(b, r, viewer(fmt.Sprint("live/", i%100)), ignore)
	}
	b.ReportAllocs()
	b.ResetTimer()
	return r
}

func BenchmarkList10000(b *testing.B) {
	for r := full(b); b.Loop(); {
		r.List()
	}
}

func BenchmarkTotals10000(b *testing.B) {
	for r := full(b); b.Loop(); {
		r.Totals()
	}
}

func BenchmarkViewers10000(b *testing.B) {
	for r := full(b); b.Loop(); {
		r.Viewers()
	}
}

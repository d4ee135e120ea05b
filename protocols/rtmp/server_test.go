package rtmp

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/fanout"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/rtmp/message"
)

// testServer is a server in this process with all that it builds upon.
type testServer struct {
	*Server
	host *plugin.Host
}

// startServer starts a server with the default limits on a free port. configure
// may be nil.
func startServer(t testing.TB, configure func(*Config)) *testServer {
	t.Helper()
	return startServerWith(t, bus.DefaultLimits(), configure)
}

func startServerWith(t testing.TB, limits bus.Limits, configure func(*Config)) *testServer {
	t.Helper()
	return startServerLimited(t, limits, fanout.DefaultLimits(), configure)
}

func startServerLimited(t testing.TB, limits bus.Limits, delivery fanout.Limits, configure func(*Config)) *testServer {
	t.Helper()
	authorizer, err := auth.New(auth.Config{})
	if err != nil {
		t.Fatal(err)
	}
	h := &plugin.Host{
		Log:      slog.New(slog.DiscardHandler),
		Bus:      bus.New(limits),
		Delivery: fanout.New(delivery),
		Sessions: session.NewRegistry(session.Options{}),
		Auth:     authorizer,
		Metrics:  prometheus.NewRegistry(),
	}
	c := New().(*Config)
	c.Listen = "127.0.0.1:0"
	if configure != nil {
		configure(c)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	service, err := c.Start(h)
	if err != nil {
		t.Fatal(err)
	}
	s := &testServer{service.(*Server), h}
	t.Cleanup(func() { s.stop(t) })
	return s
}

func (s *testServer) stop(t testing.TB) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s.Drain()
	if err := s.host.Sessions.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
	s.host.Bus.Close(reason.Shutdown)
	s.host.Delivery.Close()
}

// url returns the URL of a stream; name may have a query.
func (s *testServer) url(name string) string { return "rtmp://" + s.Addr().String() + "/" + name }

// waiting waits until as many players wait for a stream.
func (s *testServer) waiting(t testing.TB, players int) {
	t.Helper()
	eventually(t, "players wait", func() bool {
		n := 0
		for _, snapshot := range s.host.Sessions.List() {
			if snapshot.State == session.Waiting {
				n++
			}
		}
		return n == players
	})
}

// sessionOf waits for a session with this action and returns its identity.
func (s *testServer) sessionOf(t testing.TB, action session.Action) (id string) {
	t.Helper()
	eventually(t, "a session to "+string(action), func() bool {
		for _, snapshot := range s.host.Sessions.List() {
			if snapshot.Action == action {
				id = snapshot.ID
			}
		}
		return id != ""
	})
	return id
}

// eventually waits for a condition that nothing tells of.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for limit := time.Now().Add(patience); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("waited for %v: %s", patience, what)
		}
	}
}

func (s *testServer) publish(t testing.TB, name string) *PublishClient {
	t.Helper()
	p, err := Publish(testContext(t), s.url(name), ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func (s *testServer) play(t testing.TB, name string) *PlayClient {
	t.Helper()
	p, err := Play(testContext(t), s.url(name), ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	if err := p.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return p
}

// dialRaw connects as a client does and goes no further than createStream.
func (s *testServer) dialRaw(t testing.TB, name string) *client {
	t.Helper()
	c, err := dial(testContext(t), s.url(name), ClientOptions{}, message.Connect{}, (*client).createStream)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.net.Close() })
	if err := c.net.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

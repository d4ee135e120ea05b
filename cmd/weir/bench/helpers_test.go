package bench

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/fanout"
	"github.com/weirmedia/weir/pkg/httpserver"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/pkg/reason"
	registry "github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/hls"
	"github.com/weirmedia/weir/protocols/httpflv"
	"github.com/weirmedia/weir/protocols/httpmp4"
	"github.com/weirmedia/weir/protocols/httpts"
	"github.com/weirmedia/weir/protocols/rtmp"
	"github.com/weirmedia/weir/protocols/rtsp"
	"github.com/weirmedia/weir/protocols/webrtc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds waits that end soon unless something is broken.
const patience = 20 * time.Second

// server is a server in this process.
type server struct {
	host             *plugin.Host
	rtmp, http, rtsp string // addresses
}

func startServer(t *testing.T) *server {
	t.Helper()
	authorizer, err := auth.New(auth.Config{})
	if err != nil {
		t.Fatal(err)
	}
	limits := bus.DefaultLimits()
	limits.Wait = 100 * time.Millisecond
	h := &plugin.Host{
		Log: slog.New(slog.DiscardHandler), Bus: bus.New(limits), Delivery: fanout.New(fanout.DefaultLimits()),
		Sessions: registry.NewRegistry(registry.Options{}), Auth: authorizer, Metrics: prometheus.NewRegistry(),
	}
	web := httpserver.NewConfig()
	web.Listen = "127.0.0.1:0"
	h.HTTP = httpserver.New(httpserver.Options{Config: web, Sessions: h.Sessions})
	config := rtmp.New().(*rtmp.Config)
	config.Listen = "127.0.0.1:0"
	streaming := rtsp.New().(*rtsp.Config)
	streaming.Listen, streaming.UDPListen = "127.0.0.1:0", "127.0.0.1:0"
	browsers := webrtc.New().(*webrtc.Config)
	browsers.Listen = "127.0.0.1:0"
	var services []plugin.Service
	for _, c := range []plugin.Config{config, streaming, browsers, httpflv.New(), httpts.New(), httpmp4.New(), hls.New()} {
		s, err := c.Start(h)
		if err != nil {
			t.Fatal(err)
		}
		services = append(services, s)
	}
	if err := h.HTTP.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		stops := []func(context.Context) error{h.Sessions.Shutdown}
		for _, s := range services {
			s.Drain()
			stops = append(stops, s.Close)
		}
		for _, stop := range append(stops, h.HTTP.Shutdown) {
			if err := stop(ctx); err != nil {
				t.Error(err)
			}
		}
		h.Bus.Close(reason.Shutdown)
		h.Delivery.Close()
	})
	return &server{h, services[0].(*rtmp.Server).Addr().String(), h.HTTP.Addr().String(), services[1].(*rtsp.Server).Addr().String()}
}

// publish returns where to publish what is played at a URL.
func (s *server) publish(play string) string {
	_, path, _ := strings.Cut(publishURL(play)[len("rtmp://"):], "/")
	return "rtmp://" + s.rtmp + "/" + path
}

// demoClip is the clip that the program has built in.
func demoClip(t testing.TB) *Clip {
	t.Helper()
	b, err := os.ReadFile("../demo.flv")
	if err != nil {
		t.Fatal(err)
	}
	c, err := ReadClip(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// eventually waits for a condition that nothing tells of.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for limit := time.Now().Add(patience); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("waited for %v: %s", patience, what)
		}
	}
}

package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmedia/weir/api"
	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/fanout"
	"github.com/weirmedia/weir/pkg/httpserver"
	"github.com/weirmedia/weir/pkg/metrics"
	"github.com/weirmedia/weir/pkg/overload"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/stats"
	"github.com/weirmedia/weir/pkg/tlscert"
	"github.com/weirmedia/weir/protocols/record"
	"github.com/weirmedia/weir/protocols/relay"
	"github.com/weirmedia/weir/protocols/rtmp"
	"github.com/weirmedia/weir/protocols/rtsp"
	"github.com/weirmedia/weir/protocols/webrtc"
	"github.com/weirmedia/weir/web"
)

// app is the running server: the shared parts and the plugins on top of them.
type app struct {
	log      *slog.Logger
	bus      *bus.Bus
	delivery *fanout.Delivery
	sessions *session.Registry
	http     *httpserver.Server
	tls      *tlscert.Provider
	events   *events
	idle     *idleCloser
	overload *overload.Guard
	relay    *relay.Service
	record   *record.Service
	auth     *auth.Switch // nil before start
	stats    *stats.Sampler
	registry *prometheus.Registry // of metrics; nil before start
	token    string               // opens API and metrics from anywhere
	rtmp     net.Addr             // nil if off; rtmps likewise
	rtmps    net.Addr
	rtsp     net.Addr
	rtsps    net.Addr
	webrtc   net.Addr
	services []plugin.Service // in the order of the plugins
	ready    atomic.Bool

	configuration *configuration
	addresses     func() []netip.Addr // of this machine
}

// newApp starts everything. If that fails, nothing is left running.
func newApp(s *settings, log *slog.Logger) (*app, error) {
	token, err := s.consoleToken()
	if err != nil {
		return nil, err
	}
	certificates, err := tlscert.New(s.tls, tlscert.Options{Dir: filepath.Join(s.data.Dir, "certificates"), Log: log})
	if err != nil {
		return nil, err
	}
	a := &app{
		log:      log,
		tls:      certificates,
		bus:      bus.New(s.stream.limits()),
		delivery: fanout.New(s.delivery.limits()),
		events:   newEvents(s.hooks, log),
		token:    token,

		addresses: interfaceAddresses,
	}
	a.configuration = newConfiguration(a, s)
	a.sessions = session.NewRegistry(session.Options{
		Logger: log, MaxSessions: s.limits.MaxSessions, MaxWaiting: s.limits.MaxWaiting, MaxViewers: s.stream.maxViewers,
		Admit: a.admit,
	})
	a.overload = a.watchResources(s.limits)
	a.sessions.Observe(a.events.observer())
	a.events.watch(a.bus, a.sessions)
	a.idle = closeIdle(a.bus, a.sessions, s.stream.idleClose)
	a.delivery.LogTo(log)
	a.stats = stats.Start(stats.Options{Bus: a.bus, Delivery: a.delivery, Sessions: a.sessions})
	a.http = httpserver.New(httpserver.Options{Config: s.http, Logger: log, Sessions: a.sessions, TLS: a.tls})
	if err := a.start(s); err != nil {
		return nil, errors.Join(err, a.close(s.shutdown.Timeout))
	}
	for _, w := range a.exposure(s).warnings() {
		log.Warn("exposure", slog.String("warning", w))
	}
	a.events.begin(s.hooks)
	a.configuration.allow(true)
	a.ready.Store(true)
	return a, nil
}

func (a *app) start(s *settings) error {
	authorizer, err := auth.NewSwitch(*s.auth, auth.Options{Log: a.log, ConsoleToken: a.token})
	if err != nil {
		return err
	}
	a.auth = authorizer
	counted := metrics.CountAuth(a.auth)
	a.registry = metrics.New(metrics.Options{
		Bus: a.bus, Delivery: a.delivery, Sessions: a.sessions, HTTPConnections: a.http.Connections,
		Auth: counted, Overload: a.overload, Streams: s.metrics.Streams, Version: version,
	})
	a.registry.MustRegister(a.events.hooks.Collectors()...)
	a.registry.MustRegister(a.configuration.collectors()...)
	a.registry.MustRegister(a.tls, countDropped(s.logDropped))
	host := &plugin.Host{
		Log: a.log, Bus: a.bus, Delivery: a.delivery, Sessions: a.sessions, Auth: counted, HTTP: a.http, Metrics: a.registry, TLS: a.tls,
		Data: s.data.Dir,
	}
	for _, p := range s.plugins {
		service, err := p.config.Start(host)
		if err != nil {
			return err
		}
		a.services = append(a.services, service)
		switch s := service.(type) {
		case *rtmp.Server:
			a.rtmp, a.rtmps = s.Addr(), s.TLSAddr()
		case *rtsp.Server:
			a.rtsp, a.rtsps = s.Addr(), s.TLSAddr()
		case *relay.Service:
			a.relay = s
			a.events.fetches = s.Fetches
			a.events.hooks.Answered(a.answered)
		case *record.Service:
			a.record = s
			s.Observe(a.events.recordings())
		case *webrtc.Server:
			a.webrtc = s.Addr()
		}
	}
	a.route(s, counted, metrics.Handler(a.registry, a.log))
	if err := a.http.Start(); err != nil {
		return err
	}
	a.tls.Start()
	return nil
}

// route fills in what the HTTP server has besides the plugins' media.
func (a *app) route(s *settings, authorizer auth.Authorizer, exposition http.Handler) {
	a.http.HandleAlways("/api/", api.New(api.Options{
		Logger: a.log, Version: version, RTMPPort: port(a.rtmp), RTMPSPort: port(a.rtmps), RTSPPort: port(a.rtsp), RTSPSPort: port(a.rtsps), WebRTCPort: port(a.webrtc),
		Streams:  a.listStreams,
		Sessions: a.sessions, Events: a.events.hub, Authorizer: authorizer, Explainer: a.auth, Stats: a.stats.Since, Pulls: pulls{a}, Forwards: forwards{a},
		Recordings: newRecordings(a.record.Library()), Recorders: recorders{a.record},
		Remote: a.http.Remote, LogLevel: s.logLevel, Configuration: a.configuration,
		Loopback: a.loopback, Warnings: a.warnings,
	}))
	guard := &api.Guard{Authorizer: authorizer, Sessions: a.sessions, Remote: a.http.Remote, Loopback: a.loopback}
	a.http.HandleAlways("/metrics", guard.Protect(auth.Metrics, exposition))
	a.http.HandleAlways("/debug/pprof/", guard.Protect(auth.Pprof, api.Profiles()))
	if challenge := a.tls.Challenge(); challenge != nil {
		a.http.HandleAlways(tlscert.ChallengePath, challenge)
	}
	a.http.HandleAlways("/healthz", state("ok", func() bool { return true }))
	a.http.HandleAlways("/readyz", state("ready", a.ready.Load))
	page := web.Handler()
	a.http.HandleAlways("/", page)
	a.http.HandleAlways("/assets/", page)
}

// state answers 200 while ok holds, else 503.
func state(text string, ok func() bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if !ok() {
			w.WriteHeader(http.StatusServiceUnavailable)
			text := "not " + text
			_, _ = io.WriteString(w, text+"\n") // a client that left needs no answer
			return
		}
		_, _ = io.WriteString(w, text+"\n")
	})
}

// finish ends what carries sessions; there are none any more.
func (a *app) finish() {
	if a.auth != nil {
		a.auth.Close()
	}
	a.stats.Close()
	a.overload.Close()
	a.delivery.Close()
	a.tls.Close()
}

// printBanner tells where to push and what to open.
func (a *app) printBanner(w io.Writer) {
	line := func(what, url string) { fmt.Fprintf(w, "  %-9s%s\n", what, url) }
	fmt.Fprintf(w, "weir %s is running\n", version)
	if a.rtmp != nil {
		base := "rtmp://" + reachable(a.rtmp, 1935)
		line("publish", base+"/live/test   (OBS: server "+base+"/live, stream key test)")
		line("play", base+"/live/test")
	}
	if a.rtmps != nil {
		line("", "rtmps://"+reachable(a.rtmps, 443)+"/live/test   (publish and play)")
	}
	if a.rtsp != nil {
		line("", "rtsp://"+reachable(a.rtsp, 554)+"/live/test   (publish and play)")
	}
	if a.rtsps != nil {
		line("", "rtsps://"+reachable(a.rtsps, 322)+"/live/test   (publish and play)")
	}
	if addr := a.http.Addr(); addr != nil {
		base := "http://" + reachable(addr, 80)
		line("", base+"/live/test.flv   (also .ts, .mp4, and /index.m3u8 for HLS)")
		if a.webrtc != nil {
			line("webrtc", base+"/live/test/whip to publish, /live/test/whep to play")
		}
		line("console", base+a.consolePath())
	}
	if addr := a.http.TLSAddr(); addr != nil {
		line("console", "https://"+reachable(addr, 443)+a.consolePath())
	}
	if file := a.configuration.current().tokenFile(); file != "" {
		line("", "with the token in "+file)
	}
	if file, fingerprint := a.tls.SelfSigned(); file != "" {
		line("tls", "self-signed: let clients trust "+file+", or a browser if it shows SHA-256")
		line("", fingerprint)
	}
	for _, w := range a.exposure(a.configuration.current()).warnings() {
		line("WARNING", w)
	}
}

// consolePath is the page of the console with its token, unless that is for good: then
// it does not belong into logs.
func (a *app) consolePath() string {
	if a.configuration.current().auth.TokenFile != "" {
		return "/"
	}
	return "/#token=" + a.token
}

// reachable returns HOST[:PORT] by which this machine reaches addr.
func reachable(addr net.Addr, usual int) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return addr.String()
	}
	host := tcp.IP.String()
	if tcp.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	if tcp.Port == usual {
		if tcp.IP.To4() == nil && !tcp.IP.IsUnspecified() {
			return "[" + host + "]"
		}
		return host
	}
	return net.JoinHostPort(host, strconv.Itoa(tcp.Port))
}

func port(addr net.Addr) int {
	switch a := addr.(type) {
	case *net.TCPAddr:
		return a.Port
	case *net.UDPAddr:
		return a.Port
	}
	return 0
}

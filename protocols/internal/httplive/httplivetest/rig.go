// Package httplivetest tests formats that are played with httplive: all of them
// must treat viewers alike.
package httplivetest

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/fanout"
	"github.com/weirmedia/weir/pkg/httpserver"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/tlsfile/tlsfiletest"
)

// patience bounds waits that end soon unless something is broken.
const patience = 20 * time.Second

// Video and Audio are tracks that every format can carry.
var (
	Video = &av.Track{ID: 0, Kind: av.Video, Codec: av.H264, Width: 64, Height: 48, Config: []byte{
		1, 0x42, 0xC0, 0x1E, 0xFF,
		0xE1, 0, 10, 0x67, 0x42, 0xC0, 0x1E, 0xD9, 0x04, 0x19, 0xB0, 0x11, 0x00,
		1, 0, 4, 0x68, 0xCB, 0x83, 0xCB,
	}}
	Audio = &av.Track{ID: 1, Kind: av.Audio, Codec: av.AAC, Config: []byte{0x12, 0x10}, SampleRate: 44100, Channels: 2}
)

// Options are what a Rig may have other than usual.
type Options struct {
	// Users is the section "auth.users" as YAML; empty lets everybody in.
	Users string
	// Wait is how long a player waits for a stream; 50 ms if 0.
	Wait time.Duration
}

// Rig is a server of one protocol, plain and with TLS, and a publisher.
type Rig struct {
	T     *testing.T
	Host  *plugin.Host
	Plain string // URL of the root
	TLS   string
	Pub   *bus.Publisher

	service plugin.Service
	time    int64
}

// New starts a server of protocol c. It ends with the test.
func New(t *testing.T, c plugin.Config, o Options) *Rig {
	t.Helper()
	limits := bus.DefaultLimits()
	limits.Wait, limits.Linger = 50*time.Millisecond, 0
	if o.Wait > 0 {
		limits.Wait = o.Wait
	}
	h := &plugin.Host{
		Log: slog.New(slog.DiscardHandler), Bus: bus.New(limits), Delivery: fanout.New(fanout.DefaultLimits()),
		Sessions: session.NewRegistry(session.Options{}), Auth: authorizer(t, o.Users), Metrics: prometheus.NewRegistry(),
	}
	web := httpserver.NewConfig()
	web.Listen, web.TLSListen = "127.0.0.1:0", "127.0.0.1:0"
	web.Certificate, web.Key = tlsfiletest.Write(t, t.TempDir(), "test")
	h.HTTP = httpserver.New(httpserver.Options{Config: web, Sessions: h.Sessions})
	service, err := c.Start(h)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.HTTP.Start(); err != nil {
		t.Fatal(err)
	}
	r := &Rig{T: t, Host: h, service: service, Plain: "http://" + h.HTTP.Addr().String(), TLS: "https://" + h.HTTP.TLSAddr().String()}
	t.Cleanup(r.close)
	return r
}

func authorizer(t *testing.T, users string) auth.Authorizer {
	t.Helper()
	var c auth.Config
	if users != "" {
		path := filepath.Join(t.TempDir(), "weir.yaml")
		if err := os.WriteFile(path, []byte("auth:\n  users:\n"+users), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := config.Load(config.LoadOptions{Path: path, Required: true, Sections: []config.Section{{Name: "auth", Value: &c}}}); err != nil {
			t.Fatal(err)
		}
	}
	a, err := auth.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (r *Rig) close() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := errors.Join(r.Host.Sessions.Shutdown(ctx), r.Host.HTTP.Shutdown(ctx), r.service.Close(ctx)); err != nil {
		r.T.Error(err)
	}
	r.Host.Bus.Close(reason.Shutdown)
	r.Host.Delivery.Close()
}

// Begin makes live/test live.
func (r *Rig) Begin() {
	r.T.Helper()
	var err error
	if r.Pub, err = r.Host.Bus.Publish("live/test", bus.Claim{Owner: "me", Kill: func(reason.Reason) {}}); err != nil {
		r.T.Fatal(err)
	}
}

// Publish makes live/test live with the tracks and a key frame.
func (r *Rig) Publish(tracks ...*av.Track) {
	r.T.Helper()
	r.Begin()
	var kinds [av.Kinds]bool
	for _, t := range tracks {
		kinds[t.Kind] = true
		if err := r.Pub.SetTrack(t); err != nil {
			r.T.Fatal(err)
		}
	}
	if err := r.Pub.Hint(kinds); err != nil { // that is all: ready
		r.T.Fatal(err)
	}
	for _, t := range tracks {
		r.Frame(t, true)
	}
}

// Frame publishes a frame, 40 ms after the one before.
func (r *Rig) Frame(t *av.Track, key bool) {
	r.T.Helper()
	r.time += int64(40 * time.Millisecond)
	f := &av.Frame{
		Track: t, Key: key && t.Kind == av.Video, DTS: r.time, PTS: r.time, Arrival: av.Now(),
		Payload: []byte{0, 0, 0, 4, 0x41, 0x9A, 0x02, 0x03},
	}
	if f.Key {
		f.Payload[4] = 0x65
	}
	if err := r.Pub.Write(f); err != nil {
		r.T.Fatal(err)
	}
}

// Answer is a response whose body is closed with the test, if not before.
type Answer struct{ *http.Response }

// Get returns the answer to a GET by HTTP/1.1, or by HTTP/2 if that is asked.
func (r *Rig) Get(url string, http2 bool, change ...func(*http.Request)) Answer {
	r.T.Helper()
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the certificate is the test's
		ForceAttemptHTTP2: http2,
	}
	r.T.Cleanup(transport.CloseIdleConnections)
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		r.T.Fatal(err)
	}
	for _, c := range change {
		c(request)
	}
	client := http.Client{Transport: transport, Timeout: patience}
	response, err := client.Do(request)
	if err != nil {
		r.T.Fatal(err)
	}
	r.T.Cleanup(func() { _ = response.Body.Close() })
	return Answer{response}
}

// Status fails unless the answer to a GET has this status and code in its body.
func (r *Rig) Status(url string, want int, code string, change ...func(*http.Request)) http.Header {
	r.T.Helper()
	response := r.Get(url, false, change...)
	body, err := io.ReadAll(response.Body)
	if err != nil {
		r.T.Fatal(err)
	}
	if response.StatusCode != want || !strings.Contains(string(body), code) {
		r.T.Errorf("%s: %s %s, want %d with %q", url, response.Status, body, want, code)
	}
	if want >= 400 && response.Header.Get("Cache-Control") != "no-store" {
		r.T.Errorf("%s: Cache-Control %q", url, response.Header.Get("Cache-Control"))
	}
	return response.Header
}

// Eventually fails unless ok holds soon.
func (r *Rig) Eventually(what string, ok func() bool) {
	r.T.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			r.T.Fatalf("not within %v: %s", patience, what)
		}
	}
}

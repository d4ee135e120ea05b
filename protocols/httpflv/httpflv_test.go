package httpflv

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/fanout"
	"github.com/weirmedia/weir/pkg/httpserver"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/remux/flv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a server of HTTP-FLV, plain and with TLS.
type rig struct {
	t     *testing.T
	host  *plugin.Host
	plain string // URL of the root
	tls   string
	pub   *bus.Publisher
	n     int64
}

var (
	video = &av.Track{ID: 0, Kind: av.Video, Codec: av.H264, Config: []byte{1, 0x42, 0xC0, 0x1E, 0xFF, 0xE0, 0}, Width: 64, Height: 36}
	audio = &av.Track{ID: 1, Kind: av.Audio, Codec: av.AAC, Config: []byte{0x12, 0x10}, SampleRate: 44100, Channels: 2}
)

func newRig(t *testing.T, change func(*auth.Config), wait ...time.Duration) *rig {
	t.Helper()
	c := httpserver.NewConfig()
	c.Listen, c.TLSListen = "127.0.0.1:0", "127.0.0.1:0"
	c.Certificate, c.Key = certificate(t)
	var users auth.Config
	if change != nil {
		change(&users)
	}
	authorizer, err := auth.New(users)
	if err != nil {
		t.Fatal(err)
	}
	limits := bus.DefaultLimits()
	limits.Wait, limits.Linger = append(wait, 50*time.Millisecond)[0], 0
	h := &plugin.Host{
		Bus: bus.New(limits), Delivery: fanout.New(fanout.DefaultLimits()),
		Sessions: session.NewRegistry(session.Options{}), Auth: authorizer, Metrics: prometheus.NewRegistry(),
	}
	h.HTTP = httpserver.New(httpserver.Options{Config: c, Sessions: h.Sessions})
	if _, err := New().Start(h); err != nil {
		t.Fatal(err)
	}
	if err := h.HTTP.Start(); err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, host: h, plain: "http://" + h.HTTP.Addr().String(), tls: "https://" + h.HTTP.TLSAddr().String()}
	t.Cleanup(r.close)
	return r
}

func (r *rig) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := errors.Join(r.host.Sessions.Shutdown(ctx), r.host.HTTP.Shutdown(ctx)); err != nil {
		r.t.Error(err)
	}
	r.host.Bus.Close(reason.Shutdown)
	r.host.Delivery.Close()
}

// publish makes live/test live with the tracks and a key frame.
func (r *rig) publish(tracks ...*av.Track) {
	r.t.Helper()
	var err error
	if r.pub, err = r.host.Bus.Publish("live/test", bus.Claim{Owner: "me", Kill: func(reason.Reason) {}}); err != nil {
		r.t.Fatal(err)
	}
	for _, t := range tracks {
		if err := r.pub.SetTrack(t); err != nil {
			r.t.Fatal(err)
		}
	}
	for _, t := range tracks {
		r.frame(t, true)
	}
}

func (r *rig) frame(t *av.Track, key bool) {
	r.t.Helper()
	r.n += int64(40 * time.Millisecond)
	f := &av.Frame{Track: t, Key: key && t.Kind == av.Video, DTS: r.n, PTS: r.n, Arrival: av.Now(), Payload: []byte{0, 0, 0, 1, 0x65}}
	if err := r.pub.Write(f); err != nil {
		r.t.Fatal(err)
	}
}

func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", raw)
}

// get returns the answer to a GET by HTTP/1.1, or by HTTP/2 if that is asked.
func (r *rig) get(url string, http2 bool, change ...func(*http.Request)) *http.Response {
	r.t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: http2}
	r.t.Cleanup(transport.CloseIdleConnections)
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, c := range change {
		c(request)
	}
	client := http.Client{Transport: transport, Timeout: 20 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { response.Body.Close() })
	return response
}

func (r *rig) status(url string, want int, code string, change ...func(*http.Request)) http.Header {
	r.t.Helper()
	response := r.get(url, false, change...)
	body, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	if response.StatusCode != want || !strings.Contains(string(body), code) {
		r.t.Errorf("%s: %s %s, want %d with %q", url, response.Status, body, want, code)
	}
	if want >= 400 && response.Header.Get("Cache-Control") != "no-store" {
		r.t.Errorf("%s: Cache-Control %q", url, response.Header.Get("Cache-Control"))
	}
	return response.Header
}

// read returns the flags of the FLV header and the types of the next n tags.
func read(t *testing.T, body io.Reader, n int) (flags byte, tags []flv.TagType) {
	t.Helper()
	var header bytes.Buffer
	r := flv.NewReader(io.TeeReader(body, &header))
	for range n {
		tag, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		tags = append(tags, tag.Type)
	}
	return header.Bytes()[4], tags
}

func TestPlay(t *testing.T) {
	const both, onlyAudio, onlyVideo = 5, 4, 1
	for _, test := range []struct {
		name  string
		url   func(r *rig) string
		http2 bool
		flags byte
		tags  string
	}{
		{"plain", func(r *rig) string { return r.plain + "/live/test.flv" }, false, both, "[18 9 8 9 8]"},
		{"TLS", func(r *rig) string { return r.tls + "/live/test.flv" }, false, both, "[18 9 8 9 8]"},
		{"HTTP/2", func(r *rig) string { return r.tls + "/live/test.flv" }, true, both, "[18 9 8 9 8]"},
		{"without audio", func(r *rig) string { return r.plain + "/live/test.flv?audio=0" }, false, onlyVideo, "[18 9 9 9]"},
		{"without video", func(r *rig) string { return r.plain + "/live/test.flv?video=0" }, false, onlyAudio, "[18 8 8 8]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, nil)
			r.publish(video, audio)
			response := r.get(test.url(r), test.http2)
			if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != contentType ||
				response.Header.Get("Access-Control-Allow-Origin") != "*" || len(response.TransferEncoding) > 0 {
				t.Fatalf("%s %v %v", response.Status, response.Header, response.TransferEncoding)
			}
			if (response.ProtoMajor == 2) != test.http2 {
				t.Fatalf("spoke %s", response.Proto)
			}
			want := strings.Count(test.tags, " ") + 1
			if len(test.tags) < len("[18 9 8 9 8]") { // one kind: another frame of each
				r.frame(video, false)
				r.frame(audio, false)
			}
			flags, tags := read(t, response.Body, want)
			if got := fmt.Sprint(tags); flags != test.flags || got != test.tags {
				t.Errorf("flags %d, tags %s; want %d, %s", flags, got, test.flags, test.tags)
			}
			response.Body.Close()
			// HTTP/2 tells of the close at once, HTTP/1 by the socket.
			eventually(t, "the session has ended", func() bool { return len(r.host.Sessions.List()) == 0 })
		})
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

// The header announces what metadata promised, until the layout has settled.
func TestFlagsAnnounceHintedTracks(t *testing.T) {
	for _, test := range []struct {
		hinted [av.Kinds]bool
		want   byte
	}{{[av.Kinds]bool{}, 1}, {[av.Kinds]bool{av.Video: true, av.Audio: true}, 5}} {
		r := newRig(t, nil)
		var err error
		if r.pub, err = r.host.Bus.Publish("live/test", bus.Claim{Owner: "me", Kill: func(reason.Reason) {}}); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(r.pub.Hint(test.hinted), r.pub.SetTrack(video)); err != nil {
			t.Fatal(err)
		}
		r.frame(video, true)
		flags, _ := read(t, r.get(r.plain+"/live/test.flv", false).Body, 2)
		if flags != test.want {
			t.Errorf("hinted %v: flags %d, want %d", test.hinted, flags, test.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	r := newRig(t, nil)
	r.publish(video)
	r.status(r.plain+"/live/absent.flv", http.StatusNotFound, "stream_not_found")
	r.status(r.plain+"/live/test.flv?audio=maybe", http.StatusBadRequest, "audio: must be 0 or 1")
	r.status(r.plain+"/live/test.flv?audio=0&video=0", http.StatusBadRequest, "nothing to play")
	r.status(r.plain+"/live//test.flv", http.StatusBadRequest, "bad_name")
	for _, refusals := range r.host.Sessions.Totals().Refusals {
		if refusals.Protocol == protocol && refusals.Reason == reason.BadRequest && refusals.Count != 2 {
			t.Errorf("%d bad requests counted, want 2", refusals.Count)
		}
	}
}

func TestHead(t *testing.T) {
	r := newRig(t, nil)
	r.publish(video)
	head := func(request *http.Request) { request.Method = http.MethodHead }
	if h := r.status(r.plain+"/live/test.flv", http.StatusOK, "", head); h.Get("Content-Type") != contentType {
		t.Errorf("Content-Type %q", h.Get("Content-Type"))
	}
	r.status(r.plain+"/live/absent.flv", http.StatusNotFound, "", head)
	if n := len(r.host.Sessions.List()); n != 0 {
		t.Errorf("HEAD opened %d sessions", n)
	}
}

func TestAuthorisation(t *testing.T) {
	hash, err := auth.HashPassword("secret")
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(c *auth.Config) {
		dir := t.TempDir()
		path := filepath.Join(dir, "weir.yaml")
		text := "auth:\n  users:\n    - name: ann\n      password: \"" + hash + "\"\n      allow:\n        - actions: [play]\n          streams: [\"live/*\"]\n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := config.Load(config.LoadOptions{Path: path, Required: true, Sections: []config.Section{{Name: "auth", Value: c}}}); err != nil {
			t.Fatal(err)
		}
	})
	r.publish(video)
	h := r.status(r.plain+"/live/test.flv", http.StatusUnauthorized, "unauthorized")
	if h.Get("WWW-Authenticate") == "" {
		t.Error("no challenge")
	}
	r.status(r.plain+"/live/test.flv?user=ann&pass=wrong", http.StatusUnauthorized, "unauthorized")
	r.status(r.plain+"/other/test.flv?user=ann&pass=secret", http.StatusForbidden, "unauthorized")
	for name, change := range map[string]func(*http.Request){
		"query": func(q *http.Request) { q.URL.RawQuery = "user=ann&pass=secret" },
		"basic": func(q *http.Request) { q.SetBasicAuth("ann", "secret") },
	} {
		response := r.get(r.plain+"/live/test.flv", false, change)
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", name, response.Status)
		}
		if list := r.host.Sessions.List(); len(list) == 0 || list[len(list)-1].User != "ann" {
			t.Errorf("%s: sessions %v", name, list)
		}
		response.Body.Close()
	}
}

func TestPlayerWaitsAndIsKicked(t *testing.T) {
	r := newRig(t, nil, 20*time.Second)
	done := make(chan *http.Response, 1)
	waiting := func() bool {
		l := r.host.Sessions.List()
		return len(l) == 1 && l[0].State == session.Waiting
	}
	go func() { done <- r.get(r.plain+"/live/test.flv", false) }()
	eventually(t, "the player waits", waiting)
	r.host.Sessions.Kill(r.host.Sessions.List()[0].ID, reason.Kicked)
	if response := <-done; response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("kicked while waiting: %s", response.Status)
	}
	r.publish(video)
	response := r.get(r.plain+"/live/test.flv", false)
	read(t, response.Body, 3)
	r.host.Sessions.Kill(r.host.Sessions.List()[0].ID, reason.Kicked)
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Errorf("a kicked player's body ends with %v", err)
	}
}

func TestSelectionOfNothingThatIsThere(t *testing.T) {
	r := newRig(t, nil)
	r.publish(video)
	if err := r.pub.Hint([av.Kinds]bool{av.Video: true}); err != nil { // that is all: ready
		t.Fatal(err)
	}
	r.status(r.plain+"/live/test.flv?video=0", http.StatusUnsupportedMediaType, "unsupported")
}

// A viewer over HTTP/2 to whom nothing needs to be sent is not cut off when the
// stall timeout has passed since the last write.
func TestQuietHTTP2ViewerStays(t *testing.T) {
	const stall = 100 * time.Millisecond
	r := newRig(t, nil)
	limits := fanout.DefaultLimits()
	limits.StallTimeout = stall
	r.host.Delivery.Close()
	r.host.Delivery = fanout.New(limits)
	r.publish(video)
	body := r.get(r.tls+"/live/test.flv", true).Body
	flvReader := flv.NewReader(body)
	for range 3 {
		if _, err := flvReader.Next(); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(3 * stall) // nothing is sent: there is nothing to wait for
	r.frame(video, false)
	if _, err := flvReader.Next(); err != nil {
		t.Errorf("after a pause: %v", err)
	}
}

package httpflv

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/protocols/internal/httplive/httplivetest"
	"github.com/weirmedia/weir/remux/flv"
)

// The schemes by which a rig can be played, and their URLs.
var schemes = map[string]func(r *httplivetest.Rig) string{
	"http":  func(r *httplivetest.Rig) string { return r.Plain },
	"https": func(r *httplivetest.Rig) string { return r.TLS },
	"ws":    func(r *httplivetest.Rig) string { return "ws" + strings.TrimPrefix(r.Plain, "http") },
	"wss":   func(r *httplivetest.Rig) string { return "wss" + strings.TrimPrefix(r.TLS, "https") },
}

// trusting accepts the rig's certificate.
var trusting = ClientOptions{TLS: &tls.Config{InsecureSkipVerify: true}}

// newRig starts a server of HTTP-FLV.
func newRig(t *testing.T, o httplivetest.Options) *httplivetest.Rig {
	t.Helper()
	return httplivetest.New(t, New(), o)
}

func playURL(t *testing.T, url string) (*Client, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel() // as Play promises, the client goes on
	c, err := Play(ctx, url, trusting)
	if err == nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, err
}

func TestClientPlays(t *testing.T) {
	for scheme, root := range schemes {
		t.Run(scheme, func(t *testing.T) {
			r := newRig(t, httplivetest.Options{})
			r.Publish(httplivetest.Video, httplivetest.Audio)
			c, err := playURL(t, root(r)+"/live/test.flv")
			if err != nil {
				t.Fatal(err)
			}
			if c.Header() != (flv.Header{HasAudio: true, HasVideo: true}) {
				t.Errorf("header %+v", c.Header())
			}
			if d := c.Timings(); d.Connected <= 0 || d.Ready < d.Connected || d.FirstByte < d.Ready {
				t.Errorf("timings %+v", d)
			}
			var tags []flv.TagType
			for range 5 {
				tag, err := c.ReadTag()
				if err != nil {
					t.Fatal(err)
				}
				tags = append(tags, tag.Type)
			}
			if fmt.Sprint(tags) != "[18 9 8 9 8]" {
				t.Errorf("tags %v", tags)
			}
			r.Host.Bus.Close(reason.StreamEnded)
			for range 2 {
				if _, err := c.ReadTag(); err != io.EOF {
					t.Errorf("after the end of the stream: %v", err)
				}
			}
		})
	}
}

func TestClientIsRefused(t *testing.T) {
	for scheme, status := range map[string]int{"http": 404, "https": 404, "ws": 1008, "wss": 1008} {
		t.Run(scheme, func(t *testing.T) {
			r := newRig(t, httplivetest.Options{})
			_, err := playURL(t, schemes[scheme](r)+"/live/absent.flv")
			var refused *StatusError
			if !errors.As(err, &refused) || refused.Status != status || refused.Code != "stream_not_found" {
				t.Errorf("%v, want status %d and stream_not_found", err, status)
			}
		})
	}
}

func TestClientIsKicked(t *testing.T) {
	r := newRig(t, httplivetest.Options{})
	r.Publish(httplivetest.Video)
	c, err := playURL(t, schemes["ws"](r)+"/live/test.flv")
	if err != nil {
		t.Fatal(err)
	}
	r.Host.Sessions.KillAll(reason.Kicked)
	for err == nil {
		_, err = c.ReadTag()
	}
	var closed *StatusError
	if !errors.As(err, &closed) || closed.Status != 1008 || closed.Code != "kicked" {
		t.Errorf("%v, want 1008 kicked", err)
	}
}

func TestClientCredentials(t *testing.T) {
	hash, err := auth.HashPassword("se cret")
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, httplivetest.Options{Users: fmt.Sprintf(
		"    - name: ann\n      password: %q\n      allow:\n        - actions: [play]\n          streams: [\"**\"]\n", hash)})
	r.Publish(httplivetest.Video)
	for scheme, root := range schemes {
		url := strings.Replace(root(r), "://", "://ann:se%20cret@", 1) + "/live/test.flv"
		if _, err := playURL(t, url); err != nil {
			t.Errorf("%s: %v", scheme, err)
		}
		_, err := playURL(t, strings.Replace(url, "se%20cret", "hunter2", 1))
		var refused *StatusError
		if !errors.As(err, &refused) || refused.Status != http.StatusUnauthorized || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s with a wrong password: %v", scheme, err)
		}
	}
}

// TestClientRedirectedTellsNobody: where a server sends the client learns neither the
// credentials nor the address by which it was asked.
func TestClientRedirectedTellsNobody(t *testing.T) {
	got := make(chan http.Header, 1)
	there := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header
		w.WriteHeader(http.StatusNotFound)
	}))
	defer there.Close()
	here := httptest.NewServer(http.RedirectHandler(there.URL, http.StatusFound))
	defer here.Close()
	asked := strings.Replace(here.URL, "://127.0.0.1", "://u:planted@localhost", 1) // another host's name
	if _, err := playURL(t, asked+"/a.flv?token=planted"); err == nil {
		t.Error("played")
	}
	if header := fmt.Sprint(<-got); strings.Contains(header, "planted") || strings.Contains(header, "Authorization") {
		t.Error(header)
	}
}

func TestClientFollowsRedirects(t *testing.T) {
	r := newRig(t, httplivetest.Options{})
	r.Publish(httplivetest.Video)
	moved := http.NewServeMux()
	moved.Handle("/http", http.RedirectHandler(r.Plain+"/live/test.flv", http.StatusFound))
	moved.Handle("/ws", http.RedirectHandler(schemes["ws"](r)+"/live/test.flv", http.StatusTemporaryRedirect))
	moved.Handle("/loop", http.RedirectHandler("/loop", http.StatusFound))
	plain, secure := httptest.NewServer(moved), httptest.NewTLSServer(moved)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	for _, test := range []struct{ name, url, err string }{
		{"HTTP", plain.URL + "/http", ""},
		{"WebSocket", "ws" + strings.TrimPrefix(plain.URL, "http") + "/ws", ""},
		{"for ever", plain.URL + "/loop", "redirected more than 5 times"},
		{"from TLS to plain", secure.URL + "/http", "redirected from TLS to plain"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := playURL(t, test.url)
			if (err == nil) != (test.err == "") || (err != nil && !strings.Contains(err.Error(), test.err)) {
				t.Errorf("%v, want %q", err, test.err)
			}
		})
	}
}

func TestClientBadInput(t *testing.T) {
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		switch q.URL.Path {
		case "/teapot":
			w.WriteHeader(http.StatusTeapot)
		case "/upgrade":
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", "websocket")
			w.Header().Set("Sec-WebSocket-Accept", "bm90IGl0")
			w.WriteHeader(http.StatusSwitchingProtocols)
		case "/cut":
			_, _ = w.Write(flv.AppendFileHeader(nil, true, true)[:7])
		default:
			fmt.Fprint(w, "<!doctype html>")
		}
	}))
	t.Cleanup(page.Close)
	for _, test := range []struct{ name, url, err string }{
		{"scheme", "rtmp://127.0.0.1/live/test", `scheme "rtmp" is not`},
		{"no host", "http:///live/test.flv", "no host"},
		{"not a URL", "http://user:secret@%zz/", "the URL"},
		{"a page", page.URL, `not an FLV file: starts with "<!d"`},
		{"cut in the header", page.URL + "/cut", "file header at offset 0: unexpected EOF"},
		{"a status without our error", page.URL + "/teapot", "418: I'm a teapot"},
		{"no upgrade", "ws" + strings.TrimPrefix(page.URL, "http"), "200: OK"},
		{"a wrong upgrade", "ws" + strings.TrimPrefix(page.URL, "http") + "/upgrade", "did not accept"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := playURL(t, test.url)
			if err == nil || !strings.Contains(err.Error(), test.err) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%v, want %q", err, test.err)
			}
		})
	}
}

func TestClientGivesUpWithItsContext(t *testing.T) {
	for _, scheme := range []string{"http", "ws"} {
		r := newRig(t, httplivetest.Options{Wait: 20 * time.Second}) // the server waits for a publisher
		ctx, cancel := context.WithCancelCause(context.Background())
		why := errors.New("enough")
		go func() {
			for len(r.Host.Sessions.List()) == 0 {
				time.Sleep(time.Millisecond)
			}
			cancel(why)
		}()
		if _, err := Play(ctx, schemes[scheme](r)+"/live/test.flv", ClientOptions{}); !errors.Is(err, why) {
			t.Errorf("%s: %v", scheme, err)
		}
	}
}

func TestClientCloseWakesReadTag(t *testing.T) {
	for scheme, root := range schemes {
		r := newRig(t, httplivetest.Options{})
		r.Publish(httplivetest.Video)
		c, err := playURL(t, root(r)+"/live/test.flv")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() {
			for {
				if _, err := c.ReadTag(); err != nil {
					done <- err
					return
				}
			}
		}()
		for range 2 {
			if err := c.Close(); err != nil {
				t.Errorf("%s: closing: %v", scheme, err)
			}
		}
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: %v", scheme, err)
		}
	}
}

package rtsp_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/auth"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/conn"
	"github.com/bluenviron/gortsplib/v4/pkg/headers"

	weirauth "github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/protocols/rtsp"
)

// fakeServer answers every request by answer; nil closes the connection. It
// returns a URL.
func fakeServer(t *testing.T, answer func(*base.Request) *base.Response) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			serve(nc, answer)
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return "rtsp://" + l.Addr().String() + "/cam/1"
}

func serve(nc net.Conn, answer func(*base.Request) *base.Response) {
	defer nc.Close()
	c := conn.NewConn(nc)
	for {
		req, err := c.ReadRequest()
		if err != nil || req.Method == base.Teardown {
			return
		}
		res := answer(req)
		if res == nil {
			return
		}
		if res.Header == nil {
			res.Header = base.Header{}
		}
		res.Header["CSeq"] = req.Header["CSeq"]
		if c.WriteResponse(res) != nil {
			return
		}
	}
}

// camera describes two media, of which one is known.
func camera(req *base.Request) *base.Response {
	const sdp = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=cam\r\nt=0 0\r\n" +
		"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\n" +
		"m=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\na=control:trackID=1\r\n"
	switch req.Method {
	case base.Describe:
		return &base.Response{StatusCode: base.StatusOK, Body: []byte(sdp), Header: base.Header{
			"Content-Type": {"application/sdp"}, "Content-Base": {req.URL.String() + "/"}, "Server": {"Cam/1.0"},
		}}
	case base.Setup:
		return &base.Response{StatusCode: base.StatusOK, Header: base.Header{
			"Session": {"1"}, "Transport": {"RTP/AVP/TCP;unicast;interleaved=0-1"},
		}}
	}
	return &base.Response{StatusCode: base.StatusOK}
}

func TestClientDescription(t *testing.T) {
	p, err := rtsp.Play(testContext(t), fakeServer(t, camera), rtsp.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	m := p.Media()
	if len(m) != 2 || m[0].Codec != "H264" || m[0].ClockRate != 90000 || m[0].Track != nil || m[0].LeftOut != "" ||
		m[1].Kind != av.Data || m[1].Codec != "vnd.onvif.metadata" || m[1].LeftOut == "" || p.Server() != "Cam/1.0" {
		t.Errorf("%+v of %q", m, p.Server())
	}
}

// wantStatus fails unless err is the server's.
func wantStatus(t *testing.T, err error, want int) {
	t.Helper()
	var status *rtsp.StatusError
	if !errors.As(err, &status) || status.Status != want {
		t.Errorf("got %v, want status %d", err, want)
	}
}

func TestClientRefused(t *testing.T) {
	r := newRig(t, weirauth.Config{})
	frames := footage(t, "bframes.flv")
	r.feed("live/busy", frames)
	_, err := rtsp.Play(testContext(t), r.url("live/none"), rtsp.ClientOptions{})
	wantStatus(t, err, 404)
	_, err = rtsp.Publish(testContext(t), r.url("live/busy"), tracksOf(frames), rtsp.ClientOptions{})
	wantStatus(t, err, 409)

	only := func(want string) func(*base.Request) *base.Response {
		return func(req *base.Request) *base.Response {
			if req.Method == base.Setup && !strings.Contains(req.Header["Transport"][0], want) {
				return &base.Response{StatusCode: base.StatusUnsupportedTransport}
			}
			return camera(req)
		}
	}
	_, err = rtsp.Play(testContext(t), fakeServer(t, only("RTP/AVP/TCP")), rtsp.ClientOptions{Transport: rtsp.UDP})
	wantStatus(t, err, 461)
	_, err = rtsp.Play(testContext(t), fakeServer(t, only("RTP/SAVP")), rtsp.ClientOptions{})
	wantStatus(t, err, 461)

	useless := &av.Track{ID: 1, Kind: av.Audio, Codec: av.FLAC}
	if _, err = rtsp.Publish(testContext(t), r.url("live/x"), []*av.Track{useless}, rtsp.ClientOptions{}); reason.Of(err, "") != reason.Unsupported {
		t.Errorf("no usable track: %v", err)
	}
}

// A server that refuses TCP is asked for UDP.
func TestClientFallsBackToUDP(t *testing.T) {
	asked := make(chan headers.TransportProtocol, 10)
	url := fakeServer(t, func(req *base.Request) *base.Response {
		if req.Method != base.Setup {
			return camera(req)
		}
		var h headers.Transport
		if err := h.Unmarshal(req.Header["Transport"]); err != nil {
			t.Error(err)
		}
		asked <- h.Protocol
		if h.Protocol == headers.TransportProtocolTCP {
			return &base.Response{StatusCode: base.StatusUnsupportedTransport}
		}
		h.ServerPorts = &[2]int{9, 10}
		return &base.Response{StatusCode: base.StatusOK, Header: base.Header{"Session": {"1"}, "Transport": h.Marshal()}}
	})
	p, err := rtsp.Play(testContext(t), url, rtsp.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if p.Transport() != rtsp.UDP || len(asked) != 2 {
		t.Errorf("by %q after %d requests", p.Transport(), len(asked))
	}
}

// Digest and Basic; what is wrong is not tried again, and errors do not repeat it.
func TestClientCredentials(t *testing.T) {
	for name, method := range map[string]auth.VerifyMethod{"digest": auth.VerifyMethodDigestMD5, "basic": auth.VerifyMethodBasic} {
		t.Run(name, func(t *testing.T) {
			url := fakeServer(t, func(req *base.Request) *base.Response {
				methods := []auth.VerifyMethod{method}
				if auth.Verify(req, "ann", "p@ss", methods, "cam", "abc") == nil {
					return camera(req)
				}
				return &base.Response{
					StatusCode: base.StatusUnauthorized, Header: base.Header{"WWW-Authenticate": auth.GenerateWWWAuthenticate(methods, "cam", "abc")},
				}
			})
			with := func(credentials string) string { return strings.Replace(url, "://", "://"+credentials+"@", 1) }
			p, err := rtsp.Play(testContext(t), with("ann:p%40ss"), rtsp.ClientOptions{})
			if err != nil {
				t.Fatal(err)
			}
			p.Close()
			_, err = rtsp.Play(testContext(t), url, rtsp.ClientOptions{})
			wantStatus(t, err, 401)
			sessions := 0
			err = rtsp.Reconnector{MinDelay: time.Millisecond}.Run(testContext(t), func(ctx context.Context) error {
				sessions++
				_, err := rtsp.Play(ctx, with("ann:guessed"), rtsp.ClientOptions{})
				return err
			})
			wantStatus(t, err, 401)
			if sessions != 1 || strings.Contains(err.Error(), "guessed") {
				t.Errorf("%d sessions: %v", sessions, err)
			}
		})
	}
}

// Redirections are followed, but credentials are for the host that they were
// typed for.
func TestClientRedirect(t *testing.T) {
	asking := fakeServer(t, func(req *base.Request) *base.Response {
		if len(req.Header["Authorization"]) > 0 {
			return camera(req)
		}
		return &base.Response{StatusCode: base.StatusUnauthorized, Header: base.Header{"WWW-Authenticate": {`Basic realm="cam"`}}}
	})
	to := func(location string) func(*base.Request) *base.Response {
		return func(*base.Request) *base.Response {
			return &base.Response{StatusCode: base.StatusFound, Header: base.Header{"Location": {location}}}
		}
	}
	with := func(url string) string { return strings.Replace(url, "://", "://ann:secret@", 1) }
	p, err := rtsp.Play(testContext(t), with(fakeServer(t, to(asking))), rtsp.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
	foreign := strings.Replace(asking, "127.0.0.1", "localhost", 1)
	_, err = rtsp.Play(testContext(t), with(fakeServer(t, to(foreign))), rtsp.ClientOptions{})
	wantStatus(t, err, 401)
	var badURL *rtsp.URLError
	for _, location := range []string{"http://127.0.0.1/x", "rtsp://", "%"} {
		if _, err := rtsp.Play(testContext(t), fakeServer(t, to(location)), rtsp.ClientOptions{}); !errors.As(err, &badURL) {
			t.Errorf("to %q: %v", location, err)
		}
	}
	var round string
	round = fakeServer(t, func(req *base.Request) *base.Response { return to(round)(req) })
	_, err = rtsp.Play(testContext(t), round, rtsp.ClientOptions{})
	wantStatus(t, err, 302)
}

func TestClientBadURL(t *testing.T) {
	for _, url := range []string{"", "http://h/x", "rtsp:///x", "rtsp://ann:hush@h:port/x", "rtsp://ann:hush@[::1/x"} {
		_, err := rtsp.Play(testContext(t), url, rtsp.ClientOptions{})
		var bad *rtsp.URLError
		if !errors.As(err, &bad) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

// Servers that say nothing do not hold anybody up.
func TestClientSilence(t *testing.T) {
	t.Run("after PLAY", func(t *testing.T) {
		p, err := rtsp.Play(testContext(t), fakeServer(t, camera), rtsp.ClientOptions{Timeout: 300 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if _, err := p.Next(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("TLS", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0") // which nobody serves
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ctx, cancel := context.WithTimeoutCause(context.Background(), 100*time.Millisecond, io.ErrNoProgress)
		defer cancel()
		if _, err := rtsp.Play(ctx, "rtsps://"+l.Addr().String()+"/x", rtsp.ClientOptions{}); !errors.Is(err, io.ErrNoProgress) {
			t.Errorf("got %v, want the context's cause", err)
		}
	})
}

// A server that has forgotten the session says so to a sign of life.
func TestClientForgotten(t *testing.T) {
	playing := false
	p, err := rtsp.Play(testContext(t), fakeServer(t, func(req *base.Request) *base.Response {
		res := camera(req)
		switch {
		case req.Method == base.Setup:
			res.Header["Session"] = base.HeaderValue{"1;timeout=1"}
		case req.Method == base.Play:
			playing = true
		case playing:
			res.StatusCode = base.StatusSessionNotFound
		}
		return res
	}), rtsp.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	_, err = p.Next()
	wantStatus(t, err, 454)
}

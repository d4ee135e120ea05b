package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/protocols/hls/hlsclient"
	"github.com/weirmedia/weir/protocols/httpflv"
	"github.com/weirmedia/weir/protocols/httpmp4"
	"github.com/weirmedia/weir/protocols/httpts"
	"github.com/weirmedia/weir/protocols/rtmp"
	"github.com/weirmedia/weir/protocols/rtsp"
	"github.com/weirmedia/weir/protocols/webrtc"
	"github.com/weirmedia/weir/remux/flv"
	"github.com/weirmedia/weir/remux/ts"
)

// outlet is a way to play a stream.
type outlet struct {
	name     string
	protocol string // of its sessions
	port     func(s *testServer) string
	path     string // %s is the stream
	open     func(ctx context.Context, rawURL string, trust *tls.Config) (*player, error)
	proofs   []string // what its clients can prove themselves with, by name
	denied   []string // what one hears who may not play: without credentials, with wrong ones, and with right ones that do not help
	revoked  string   // what one hears who may not play any longer; one of several, parted by commas
	kicked   string   // what one hears whom the API cuts off; empty if the same
}

// Proofs by protocol. RTMP has no headers, and our client for it takes no
// credentials before the host: TestAccessByUserinfo has those.
var (
	byQuery = []string{"query", "token", "signature"}
	byHTTP  = append([]string{"userinfo"}, byQuery...)
)

// outlets are all ways to play.
func outlets() []outlet {
	rtmpPort := func(s *testServer) string { return "rtmp://" + s.app.rtmp.String() }
	rtmpsPort := func(s *testServer) string { return "rtmps://" + s.app.rtmps.String() }
	httpPort := func(s *testServer) string { return "http://" + s.http.Addr().String() }
	wsPort := func(s *testServer) string { return "ws://" + s.http.Addr().String() }
	rtspPort := func(s *testServer) string { return "rtsp://" + s.app.rtsp.String() }
	byStatus := []string{"401 unauthorized", "401 unauthorized", "403 unauthorized"}
	byRTMP := slices.Repeat([]string{"NetStream.Play.Failed"}, 3)
	const closed = "1008 revoked"
	const revokedHLS = "403 revoked, 401 unauthorized" // the request that waits, or the next
	return []outlet{
		{"RTMP", "rtmp", rtmpPort, "/%s", openRTMP, byQuery, byRTMP, "NetStream.Play.Failed", ""},
		{"RTMPS", "rtmp", rtmpsPort, "/%s", openRTMP, byQuery, byRTMP, "NetStream.Play.Failed", ""},
		{"HTTP-FLV", "httpflv", httpPort, "/%s.flv", openFLV, byHTTP, byStatus, "EOF", ""},
		{"WS-FLV", "wsflv", wsPort, "/%s.flv", openFLV, byHTTP, byStatus, closed, "1008 kicked"},
		{"HTTP-TS", "httpts", httpPort, "/%s.ts", openTS, byHTTP, byStatus, "EOF", ""},
		{"WS-TS", "wsts", wsPort, "/%s.ts", openTS, byHTTP, byStatus, closed, "1008 kicked"},
		{"HTTP-fMP4", "httpmp4", httpPort, "/%s.mp4", openMP4, byHTTP, byStatus, "EOF", ""},
		{"WS-fMP4", "wsmp4", wsPort, "/%s.mp4", openMP4, byHTTP, byStatus, closed, "1008 kicked"},
		{"HLS", "hls", httpPort, "/%s/index.m3u8", openHLS(true), byHTTP, byStatus, revokedHLS, "403 kicked"},
		{"LL-HLS", "hls", httpPort, "/%s/index.m3u8", openHLS(false), byHTTP, byStatus, revokedHLS, "403 kicked"},
		{"RTSP by TCP", "rtsp", rtspPort, "/%s", openRTSP(rtsp.TCP), byHTTP, []string{"401", "401", "403"}, "unexpected EOF", ""},
		{"RTSP by UDP", "rtsp", rtspPort, "/%s", openRTSP(rtsp.UDP), byHTTP, []string{"401", "401", "403"}, "unexpected EOF", ""},
		{"WHEP", "webrtc", httpPort, "/%s/whep", openWHEP, byHTTP, byStatus, "unexpected EOF", ""},
	}
}

// player plays one stream. Its methods are for one goroutine at a time.
type player struct {
	frames func() ([]*av.Frame, error) // waits for the next, of which there may be none
	close  func() error
}

func openRTMP(ctx context.Context, rawURL string, trust *tls.Config) (*player, error) {
	c, err := rtmp.Play(ctx, rawURL, rtmp.ClientOptions{TLS: trust})
	if err != nil {
		return nil, err
	}
	return &player{fromTags(c.ReadTag), c.Close}, nil
}

func openFLV(ctx context.Context, rawURL string, _ *tls.Config) (*player, error) {
	c, err := httpflv.Play(ctx, rawURL, httpflv.ClientOptions{})
	if err != nil {
		return nil, err
	}
	return &player{fromTags(c.ReadTag), c.Close}, nil
}

func fromTags(read func() (flv.Tag, error)) func() ([]*av.Frame, error) {
	var demuxer flv.Demuxer
	return func() (frames []*av.Frame, err error) {
		tag, err := read()
		if err != nil {
			return nil, err
		}
		packets, err := demuxer.Decode(tag.Type, tag.Timestamp, tag.Body)
		for _, p := range packets {
			if p.Frame != nil {
				frames = append(frames, p.Frame)
			}
		}
		return frames, err
	}
}

func openTS(ctx context.Context, rawURL string, _ *tls.Config) (*player, error) {
	c, err := httpts.Play(ctx, rawURL, httpts.ClientOptions{})
	if err != nil {
		return nil, err
	}
	return &player{one(func() (*av.Frame, error) {
		p, err := c.Next()
		if err != nil || p.Kind != ts.FramePacket {
			return nil, err
		}
		return p.Frame, nil
	}), c.Close}, nil
}

func openMP4(ctx context.Context, rawURL string, _ *tls.Config) (*player, error) {
	c, err := httpmp4.Play(ctx, rawURL, httpmp4.ClientOptions{})
	if err != nil {
		return nil, err
	}
	return &player{one(c.Next), c.Close}, nil
}

func openHLS(plain bool) func(context.Context, string, *tls.Config) (*player, error) {
	return func(ctx context.Context, rawURL string, _ *tls.Config) (*player, error) {
		c, err := hlsclient.Play(ctx, rawURL, hlsclient.Options{Plain: plain})
		if err != nil {
			return nil, err
		}
		return &player{one(func() (*av.Frame, error) {
			p, err := c.Next()
			return p.Frame, err
		}), c.Close}, nil
	}
}

func openRTSP(by rtsp.ClientTransport) func(context.Context, string, *tls.Config) (*player, error) {
	return func(ctx context.Context, rawURL string, _ *tls.Config) (*player, error) {
		c, err := rtsp.Play(ctx, rawURL, rtsp.ClientOptions{Transport: by, Timeout: patience})
		if err != nil {
			return nil, err
		}
		return &player{one(func() (*av.Frame, error) {
			p, err := c.Next()
			return p.Frame, err
		}), c.Close}, nil
	}
}

func openWHEP(ctx context.Context, rawURL string, _ *tls.Config) (*player, error) {
	c, err := webrtc.Play(ctx, rawURL, webrtc.ClientOptions{Timeout: patience})
	if err != nil {
		return nil, err
	}
	return &player{one(func() (*av.Frame, error) {
		p, err := c.Next()
		return p.Frame, err
	}), c.Close}, nil
}

// one makes a list of a frame, which may be nil.
func one(next func() (*av.Frame, error)) func() ([]*av.Frame, error) {
	return func() ([]*av.Frame, error) {
		f, err := next()
		if f == nil || err != nil {
			return nil, err
		}
		return []*av.Frame{f}, nil
	}
}

// heard words what a server has said to a client, whatever the protocol.
func heard(err error) string {
	var byRTMP *rtmp.StatusError
	var byHTTP *httpflv.StatusError // that of all who speak HTTP
	var byRTSP *rtsp.StatusError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &byRTMP):
		return byRTMP.Code
	case errors.As(err, &byHTTP):
		if code := byHTTP.Code; code != "" {
			return fmt.Sprintf("%d %s", byHTTP.Status, code)
		}
		return fmt.Sprintf("%d %s", byHTTP.Status, byHTTP.Message)
	case errors.As(err, &byRTSP):
		return strconv.Itoa(byRTSP.Status)
	}
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) { // the server did not wait for what was on its way
		return "unexpected EOF"
	}
	for _, known := range []string{"unexpected EOF", "EOF"} {
		if strings.HasSuffix(err.Error(), known) {
			return known
		}
	}
	return err.Error()
}

// viewing is a player that is being read.
type viewing struct {
	t      testing.TB
	name   string // of the outlet
	player *player
	newest atomic.Uint32 // mark of the newest picture; 0 before the first
	seen   atomic.Uint64 // pictures
	done   chan struct{}
	err    error // of the end; valid once done is closed
}

// play begins to play a stream.
func (m *matrix) play(t testing.TB, o outlet, stream string, p proof) (*viewing, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	opened, err := o.open(ctx, p.on(t, o.port(m.testServer)+fmt.Sprintf(o.path, stream)), m.trust)
	if err != nil {
		return nil, err
	}
	v := &viewing{t: t, name: o.name, player: opened, done: make(chan struct{})}
	go v.run()
	t.Cleanup(v.leave)
	return v, nil
}

// watch is play, for who must be let in; it waits for the first picture.
func (m *matrix) watch(t testing.TB, o outlet, stream string, p proof) *viewing {
	t.Helper()
	v, err := m.play(t, o, stream, p)
	if err != nil {
		t.Fatalf("%s by %s: %v", o.name, p.name, err)
	}
	v.more()
	return v
}

// run reads pictures until the end and checks that their times do not go back.
func (v *viewing) run() {
	defer close(v.done)
	var last int64
	for {
		frames, err := v.player.frames()
		for _, f := range frames {
			if f.Track.Kind != av.Video {
				continue
			}
			if v.seen.Load() > 0 && f.DTS < last {
				v.t.Errorf("%s: DTS falls from %d ns to %d, after %d pictures, mark %d", v.name, last, f.DTS, v.seen.Load(), f.Payload[len(f.Payload)-1])
			}
			last = f.DTS
			v.newest.Store(uint32(f.Payload[len(f.Payload)-1]))
			v.seen.Add(1)
		}
		if err != nil {
			v.err = err
			return
		}
	}
}

// more waits for some more pictures.
func (v *viewing) more() {
	v.t.Helper()
	want := v.seen.Load() + 3
	v.until("pictures", func() bool { return v.seen.Load() >= want })
}

// sees waits for a picture of the publisher with a mark.
func (v *viewing) sees(mark byte) {
	v.t.Helper()
	v.until(fmt.Sprintf("a picture of publisher %d", mark), func() bool { return v.newest.Load() == uint32(mark) })
}

func (v *viewing) until(what string, condition func() bool) {
	v.t.Helper()
	eventually(v.t, what, func() bool {
		if condition() {
			return true
		}
		select {
		case <-v.done:
			v.t.Fatalf("%s ended with %v before %s", v.name, v.err, what)
		default:
		}
		return false
	})
}

// ends waits for the end that comes from the server, and returns what it said.
func (v *viewing) ends() string {
	v.t.Helper()
	eventually(v.t, "the end", func() bool {
		select {
		case <-v.done:
			return true
		default:
			return false
		}
	})
	return heard(v.err)
}

// leave closes the player.
func (v *viewing) leave() {
	_ = v.player.close() // the server may have been first
	<-v.done
}

// proof is what a client proves itself with. The zero proof is nothing.
type proof struct {
	name  string // of the kind
	user  *url.Userinfo
	query url.Values
}

// on returns rawURL with p in it.
func (p proof) on(t testing.TB, rawURL string) string {
	t.Helper()
	u, err := url.Parse(rawURL)
	must(t, err)
	u.User, u.RawQuery = p.user, p.query.Encode()
	return u.String()
}

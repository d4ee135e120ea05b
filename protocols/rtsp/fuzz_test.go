package rtsp

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/sdp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// script is a connection on which a client says what is written down. It goes on
// behind each empty line once the server wants more, and puts its session's id
// where idMark is.
type script struct {
	rest []byte // of the reader's goroutine

	mu sync.Mutex
	id string

	once   sync.Once
	closed chan struct{}
}

const idMark = "@id@"

var sessionHeader = regexp.MustCompile(`\r\nSession: ([^;\r]*)`)

func (s *script) Read(b []byte) (int, error) {
	if len(s.rest) == 0 {
		return 0, io.EOF
	}
	next := s.rest
	if end := bytes.Index(next, []byte("\r\n\r\n")); end >= 0 {
		next = next[:end+4]
	}
	s.mu.Lock()
	said := bytes.ReplaceAll(next, []byte(idMark), []byte(s.id))
	s.mu.Unlock()
	n := copy(b, said)
	if n < len(said) {
		s.rest = append(said[n:len(said):len(said)], s.rest[len(next):]...)
	} else {
		s.rest = s.rest[len(next):]
	}
	return n, nil
}

func (s *script) Write(b []byte) (int, error) {
	if m := sessionHeader.FindSubmatch(b); m != nil {
		s.mu.Lock()
		s.id = string(m[1])
		s.mu.Unlock()
	}
	return len(b), nil
}

func (s *script) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

func (s *script) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8554} }
func (s *script) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40000} }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

// scripts is a listener to which connections come from conns.
type scripts struct {
	conns   chan net.Conn
	buffers *sync.Pool
	closed  chan struct{}
}

func (s *scripts) Accept() (net.Conn, error) {
	select {
	case nc := <-s.conns:
		return newPeer(nc, time.Hour, s.buffers), nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

func (s *scripts) Close() error {
	close(s.closed)
	return nil
}

func (s *scripts) Addr() net.Addr { return (*script)(nil).LocalAddr() }

const announcement = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" +
	"m=audio 0 RTP/AVP 8\r\na=control:trackID=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H265/90000\r\na=control:trackID=1\r\n"

// publishes and plays are whole sessions.
var publishes = "ANNOUNCE rtsp://h/x RTSP/1.0\r\nCSeq: 1\r\nContent-Type: application/sdp\r\nContent-Length: " + strconv.Itoa(len(announcement)) + "\r\n\r\n" + announcement +
	"SETUP rtsp://h/x/trackID=0 RTSP/1.0\r\nCSeq: 2\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record\r\n\r\n" +
	"SETUP rtsp://h/x/trackID=1 RTSP/1.0\r\nCSeq: 3\r\nTransport: RTP/AVP/TCP;unicast;interleaved=2-3;mode=record\r\n\r\n" +
	"RECORD rtsp://h/x RTSP/1.0\r\nCSeq: 4\r\nSession: @id@\r\n\r\n" +
	"$\x00\x00\x10\x80\x88\x00\x01\x00\x00\x00\xA0\x00\x00\x00\x01\xD5\xD5\xD5\xD5" + "$\x01\x00\x08\x80\xC9\x00\x01\x00\x00\x00\x01" +
	"TEARDOWN rtsp://h/x RTSP/1.0\r\nCSeq: 5\r\nSession: @id@\r\n\r\n"

const plays = "DESCRIBE rtsp://h/live RTSP/1.0\r\nCSeq: 1\r\n\r\n" +
	"SETUP rtsp://h/live/trackID=0 RTSP/1.0\r\nCSeq: 2\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n" +
	"PLAY rtsp://h/live RTSP/1.0\r\nCSeq: 3\r\nSession: @id@\r\n\r\n" +
	"PAUSE rtsp://h/live RTSP/1.0\r\nCSeq: 4\r\nSession: @id@\r\n\r\n" +
	"PLAY rtsp://h/live RTSP/1.0\r\nCSeq: 5\r\nSession: @id@\r\n\r\n"

// stage is a server for scripts, with one stream.
type stage struct {
	*scripts
	endpoint *endpoint
	sessions *session.Registry
}

func newStage(t testing.TB) *stage {
	t.Helper()
	authorizer, err := auth.New(auth.Config{})
	if err != nil {
		t.Fatal(err)
	}
	limits := bus.DefaultLimits()
	limits.Wait, limits.Linger, limits.Grace = time.Millisecond, 0, time.Millisecond
	h := &plugin.Host{
		Log: slog.New(slog.DiscardHandler), Bus: bus.New(limits), Sessions: session.NewRegistry(session.Options{}),
		Auth: authorizer, Metrics: prometheus.NewRegistry(),
	}
	server, err := newServer(New().(*Config), h)
	if err != nil {
		t.Fatal(err)
	}
	l := &scripts{conns: make(chan net.Conn), buffers: newBuffers(), closed: make(chan struct{})}
	e := &endpoint{server: server}
	e.library = &gortsplib.Server{Handler: e, RTSPAddress: l.Addr().String(), Listen: func(string, string) (net.Listener, error) { return l, nil }}
	if err := e.library.Start(); err != nil {
		t.Fatal(err)
	}
	pub, err := h.Bus.Publish("live", bus.Claim{Owner: "test", Kill: func(reason.Reason) {}})
	if err != nil {
		t.Fatal(err)
	}
	track := &av.Track{Kind: av.Audio, Codec: av.G711A, SampleRate: 8000, Channels: 1}
	if pub.Hint([av.Kinds]bool{av.Audio: true}) != nil || pub.SetTrack(track) != nil ||
		pub.Write(&av.Frame{Track: track, Payload: make([]byte, 160), Arrival: av.Now()}) != nil {
		t.Fatal("nothing can be published")
	}
	t.Cleanup(func() {
		e.library.Close()
		pub.Close()
		h.Bus.Close(reason.Shutdown)
	})
	return &stage{l, e, h.Sessions}
}

// perform lets a client say what is written down, and waits until the connection
// has ended.
func (s *stage) perform(said []byte) {
	c := &script{rest: said, closed: make(chan struct{})}
	s.conns <- c
	<-c.closed
}

// FuzzConnection lets a client say anything, from the first request to the packets
// inside the connection.
func FuzzConnection(f *testing.F) {
	f.Add([]byte(publishes))
	f.Add([]byte(plays))
	s := newStage(f)
	f.Fuzz(func(_ *testing.T, said []byte) { s.perform(said) })
}

// FuzzDescribe reads what ANNOUNCE brings.
func FuzzDescribe(f *testing.F) {
	f.Add([]byte(announcement))
	s := newStage(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		var parsed sdp.SessionDescription
		var d description.Session
		if parsed.Unmarshal(b) != nil || d.Unmarshal(&parsed) != nil {
			return
		}
		p := &publishing{client: &client{endpoint: s.endpoint}}
		err := p.describe(&d)
		if (err == nil) != (len(p.intake.inlets) > 0) {
			t.Fatalf("%d tracks, %v", len(p.intake.inlets), err)
		}
		for _, in := range p.intake.inlets {
			if track := in.demuxer.Track(); track != nil && track.Kind != kindOf(in.media) {
				t.Fatalf("%s as %s", track.Kind, in.media.Type)
			}
		}
	})
}

// What fuzzing begins with gets as far as it should.
func TestScripts(t *testing.T) {
	s := newStage(t)
	for _, tt := range []struct {
		said   string
		action session.Action
		why    reason.Reason
	}{
		{publishes, session.Publish, reason.Unpublished}, {plays, session.Play, reason.ClientClosed},
	} {
		s.perform([]byte(tt.said))
		ended := func() uint64 {
			for _, g := range s.sessions.Totals().Groups {
				if g.Action == tt.action {
					return g.Closes[tt.why]
				}
			}
			return 0
		}
		for end := time.Now().Add(20 * time.Second); ended() == 0; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("no session to %s has ended as %s: %+v", tt.action, tt.why, s.sessions.Totals())
			}
		}
	}
}

// FuzzAuthorization: whatever a client writes, a Digest is handed on only if it
// is for this connection and this request.
func FuzzAuthorization(f *testing.F) {
	f.Fuzz(func(t *testing.T, header, target string, setup bool) {
		u, err := base.ParseURL(target)
		if err != nil {
			return
		}
		req := &base.Request{Method: base.Describe, URL: u, Header: base.Header{"Authorization": base.HeaderValue{header}}}
		if setup {
			req.Method = base.Setup
		}
		c := &client{nonce: "NONCE"}
		got, err := c.credentials(nil, req)
		if err != nil || got.Digest == nil {
			return
		}
		if d := got.Digest; got.Password != "" || d.Nonce != c.nonce || d.Method != string(req.Method) || !isFor(d.URI, req) ||
			d.Algorithm != auth.MD5 && d.Algorithm != auth.SHA256 {
			t.Errorf("%+v", d)
		}
	})
}

package webrtc

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/protocols/internal/httplive/httplivetest"
)

// run writes pictures and sound until it is stopped.
func (w *writer) run() {
	for n := 0; ; n++ {
		select {
		case <-w.stop:
			return
		case <-time.After(10 * time.Millisecond):
		}
		f := picture(n, n%20 == 0)
		sound := &av.Frame{Track: opus, DTS: f.DTS, PTS: f.PTS, Arrival: f.Arrival, Payload: []byte{0xFC, byte(n)}}
		if w.rig.Pub.Write(f) != nil || w.rig.Pub.Write(sound) != nil {
			return
		}
	}
}

// writer publishes.
type writer struct {
	rig  *httplivetest.Rig
	stop chan struct{}
}

// broadcast publishes a stream of pictures and sound.
func broadcast(t *testing.T, r *httplivetest.Rig) {
	t.Helper()
	r.Publish(httplivetest.Video, opus)
	w := &writer{r, make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.run()
	}()
	t.Cleanup(func() {
		close(w.stop)
		<-done
	})
}

// A client plays what the server has, and tells how it was; its Close ends the
// server's session.
func TestClientPlay(t *testing.T) {
	for name, plain := range map[string]bool{"with repair": false, "plain": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			broadcast(t, r)
			c, err := Play(t.Context(), r.Plain+"/live/test/whep", ClientOptions{Plain: plain, Timeout: waitLong})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			frames := map[av.Kind]int{}
			last := map[av.Kind]int64{}
			for frames[av.Video] < 30 || frames[av.Audio] < 10 {
				p, err := c.Next()
				if err != nil {
					t.Fatal(err)
				}
				f := p.Frame
				if f == nil {
					continue
				}
				kind := f.Track.Kind
				if kind == av.Video && frames[kind] == 0 && !f.Key {
					t.Error("it does not begin with a key frame")
				}
				if frames[kind] > 0 && f.DTS <= last[kind] {
					t.Errorf("%s at %d after %d", kind, f.DTS, last[kind])
				}
				frames[kind]++
				last[kind] = f.DTS
			}
			if s := c.Stats(); s.Packets < 100 || s.Bytes < 25*3000 || s.Frames < 40 || s.Lost != 0 {
				t.Errorf("%+v", s)
			}
			if m := c.Media(); len(m) != 2 || m[0].Kind != av.Video || m[0].Codec != "H264" || m[1].Codec != "opus" || m[1].ClockRate != 48000 || m[1].LeftOut != "" {
				t.Errorf("%+v", m)
			}
			if s := c.Timings(); s.Connected <= 0 || s.Answered < s.Connected || s.Ready < s.Answered {
				t.Errorf("%+v", s)
			}
			_ = c.Close()
			r.Eventually("the session is over", func() bool { return len(r.Host.Sessions.List()) == 0 })
			if _, err := c.Next(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("after Close: %v", err)
			}
		})
	}
}

// A client learns that a session was ended.
func TestClientEnd(t *testing.T) {
	r := newRig(t, nil)
	broadcast(t, r)
	c, err := Play(t.Context(), r.Plain+"/live/test/whep", ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Next(); err != nil { // the server is connected too
		t.Fatal(err)
	}
	for _, s := range r.Host.Sessions.List() {
		if s.Protocol == protocol {
			r.Host.Sessions.Kill(s.ID, reason.Kicked)
		}
	}
	for err == nil {
		_, err = c.Next()
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("it ended with %v", err)
	}
}

// answering is a server that gives one answer.
func answering(t *testing.T, status int, contentType, location, body string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		if location != "" {
			w.Header().Set("Location", location)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "http://", "http://ann:secret@", 1) + "/x/whep"
}

// nothingSent is an answer in which all sections are switched off.
var nothingSent = strings.ReplaceAll(browserOffer, "a=sendonly", "a=inactive")

// A client says what is wrong with a server, and never its credentials.
func TestClientRefused(t *testing.T) {
	r := newRig(t, nil)
	for _, tt := range []struct {
		name, url, says string
		is              func(error) bool
	}{
		{"no such stream", r.Plain + "/live/none/whep", "404", func(err error) bool {
			var status *StatusError
			return errors.As(err, &status) && status.Status == http.StatusNotFound && status.Code == string(reason.StreamNotFound)
		}},
		{"another scheme", "ws://ann:secret@h/x/whep", "http or https", nil},
		{"no URL", "http://ann:secret@h:port/x", "", nil},
		{"200", answering(t, http.StatusOK, typeSDP, "/x/1", nothingSent), "200", nil},
		{"no Location", answering(t, http.StatusCreated, typeSDP, "", nothingSent), "Location", nil},
		{"another type", answering(t, http.StatusCreated, "text/html", "/x/1", nothingSent), "text/html", nil},
		{"too large", answering(t, http.StatusCreated, typeSDP, "/x/1", strings.Repeat("a", maxSDP+1)), "larger than", nil},
		{"no SDP", answering(t, http.StatusCreated, typeSDP, "/x/1", "hello"), "no SDP", nil},
		{"nothing is sent", answering(t, http.StatusCreated, typeSDP, "/x/1", nothingSent), "no track", func(err error) bool {
			return reason.Of(err, "") == reason.Unsupported
		}},
		{"not an answer", answering(t, http.StatusCreated, typeSDP, "/x/1", browserOffer), "cannot be used", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Play(t.Context(), tt.url, ClientOptions{Timeout: waitLong})
			if err == nil {
				_ = c.Close()
				t.Fatal("it is played")
			}
			if !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "secret") || tt.is != nil && !tt.is(err) {
				t.Errorf("%v", err)
			}
		})
	}
}

// A client waits as long as it is told to.
func TestClientCancelled(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or nobody sees that the client is gone
		<-r.Context().Done()
	}))
	defer s.Close()
	cause := errors.New("enough")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, cause)
	defer cancel()
	if _, err := Play(ctx, s.URL+"/x/whep", ClientOptions{}); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}

// FuzzAnswer: what is told of an answer is told of each of its sections.
func FuzzAnswer(f *testing.F) {
	f.Add(browserOffer)
	f.Add(nothingSent)
	f.Fuzz(func(t *testing.T, text string) {
		list, err := readMedia(text)
		if err != nil {
			return
		}
		if len(list) == 0 || len(list) > maxMedias {
			t.Fatalf("%d sections", len(list))
		}
		for _, m := range list {
			if (m.Codec == "") != (m.LeftOut != "") {
				t.Fatalf("%+v", m)
			}
		}
	})
}

// The socket for media can be another one.
func TestClientSocket(t *testing.T) {
	r := newRig(t, nil)
	broadcast(t, r)
	var seen bytes.Buffer
	c, err := Play(t.Context(), r.Plain+"/live/test/whep", ClientOptions{Socket: func(s *net.UDPConn) net.PacketConn {
		seen.WriteString(s.LocalAddr().String())
		return s
	}})
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if !strings.HasPrefix(seen.String(), "127.0.0.1:") {
		t.Errorf("the socket is at %q", seen.String())
	}
}

// Credentials at the end go where they went at the beginning only.
func TestByeCredentials(t *testing.T) {
	for _, tt := range []struct {
		name, scheme, host string
		want               bool
	}{
		{"the same", "http", "", true},
		{"another port", "http", "127.0.0.1:1", false},
		{"by TLS before", "https", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked := make(chan bool, 1)
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _, credentials := r.BasicAuth()
				asked <- credentials
			}))
			defer server.Close()
			resource, err := url.Parse(server.URL + "/live/test/whep/1")
			if err != nil {
				t.Fatal(err)
			}
			s, err := newSignalling(tt.scheme+"://ann:secret@"+cmp.Or(tt.host, resource.Host)+"/live/test/whep", ClientOptions{})
			if err != nil {
				t.Fatal(err)
			}
			s.resource = resource
			s.bye()
			if got := <-asked; got != tt.want {
				t.Errorf("credentials were sent: %t", got)
			}
		})
	}
}

// lateSocket sends nothing before a moment, as behind a network that is slow to begin.
type lateSocket struct {
	net.PacketConn
	opens time.Time
}

func (s *lateSocket) WriteTo(b []byte, to net.Addr) (int, error) {
	if time.Now().Before(s.opens) {
		return len(b), nil
	}
	return s.PacketConn.WriteTo(b, to)
}

// TestClientLateNetwork: a client goes on trying to connect for as long as it may.
func TestClientLateNetwork(t *testing.T) {
	r := newRig(t, nil)
	broadcast(t, r)
	c, err := Play(t.Context(), r.Plain+"/live/test/whep", ClientOptions{Socket: func(s *net.UDPConn) net.PacketConn {
		return &lateSocket{s, time.Now().Add(2500 * time.Millisecond)} // the library gives up after 1.6 s by itself
	}})
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}

// leakySocket loses every tenth packet of RTP that is no sound, which nobody asks for
// again.
type leakySocket struct {
	net.PacketConn
	came int
}

func (s *leakySocket) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := s.PacketConn.ReadFrom(b)
		const opusType = 111 // as the library offers it
		if err != nil || !isRTP(b[:n]) || b[1]&0x7f == opusType {
			return n, from, err
		}
		if s.came++; s.came%10 != 0 {
			return n, from, nil
		}
	}
}

// TestClientRepair: a client asks for what gets lost, and gets it.
func TestClientRepair(t *testing.T) {
	r := newRig(t, nil)
	broadcast(t, r)
	c, err := Play(t.Context(), r.Plain+"/live/test/whep", ClientOptions{Socket: func(s *net.UDPConn) net.PacketConn {
		return &leakySocket{PacketConn: s}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	pictures, broken := 0, 0
	for pictures < 200 {
		p, err := c.Next()
		switch {
		case err != nil:
			t.Fatal(err)
		case p.Why != "":
			broken++
		case p.Frame.Track.Kind == av.Video:
			pictures++
		}
	}
	if broken > pictures/10 { // a quarter, if nothing came again
		t.Errorf("beside %d pictures %d were broken", pictures, broken)
	}
}

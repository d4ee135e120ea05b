//go:build e2e

package e2e

import (
	"bufio"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
)

// TestFullRTSPReturn: players by RTSP play on when a publisher is killed and
// returns within the grace period, and are closed when it has other tracks.
func TestFullRTSPReturn(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"tcp", "udp"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			s := startRTSPServerWith(t, settings{"stream.grace": "15s"})
			publisher := s.publishRTSP(t, simpleClip, "live/test", transport)
			file := filepath.Join(t.TempDir(), "out.ts")
			player := start(t, 2*time.Minute, nil, "ffmpeg", "-nostdin", "-v", "warning", "-rtsp_transport", transport, "-i", s.url("live/test"),
				"-c", "copy", "-flush_packets", "1", file)
			grows := func(what string, by int64) {
				t.Helper()
				size := func() int64 {
					info, err := os.Stat(file)
					if err != nil {
						return 0
					}
					return info.Size()
				}
				before := size()
				eventually(t, 40*time.Second, what, func() bool {
					if !player.running() {
						t.Fatalf("the player ended: %v", player.wait())
					}
					return size() > before+by
				})
			}
			grows("the player plays", 200_000)
			publisher.kill()
			s.waitGrace(t, "live/test")
			publisher = s.publishRTSP(t, simpleClip, "live/test", transport)
			grows("the player plays on", 400_000)

			publisher.kill()
			s.waitGrace(t, "live/test")
			s.publish(t, mp3Clip, "live/test", publishOptions{})
			select {
			case <-player.done:
			case <-time.After(30 * time.Second):
				t.Fatal("the player of a stream with other tracks was not closed")
			}
			eventually(t, 10*time.Second, "the reason is told", func() bool {
				return s.metrics(t)[`weir_sessions_closed_total{action="play",protocol="rtsp",reason="unsupported"}`] == 1
			})
			requireContains(t, "the log", s.out.String(), "reason=unsupported")
		})
	}
}

// waitGrace waits until a stream has lost its publisher. One by UDP has to be
// missed first.
func (s *server) waitGrace(t *testing.T, name string) {
	t.Helper()
	eventually(t, 30*time.Second, "the stream is in its grace period", func() bool {
		st, ok := s.stream(t, name)
		return ok && st.State == "grace"
	})
}

// TestFullRTSPPausedPublisher: a publisher that pauses and does not go on loses
// the name.
func TestFullRTSPPausedPublisher(t *testing.T) {
	t.Parallel()
	for name, transport := range map[string]gortsplib.Transport{"tcp": gortsplib.TransportTCP, "udp": gortsplib.TransportUDP} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startRTSPServerWith(t, settings{"stream.publish_timeout": "3s"})
			c := &gortsplib.Client{Transport: &transport}
			sound := &description.Media{Type: description.MediaTypeAudio, Formats: []format.Format{&format.Opus{PayloadTyp: 96, ChannelCount: 2}}}
			if err := c.StartRecording(s.url("live/test"), &description.Session{Medias: []*description.Media{sound}}); err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := c.Pause(); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Record(); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Pause(); err != nil {
				t.Fatal(err)
			}
			eventually(t, 30*time.Second, "the publisher is closed", func() bool {
				return s.metrics(t)[`weir_sessions_closed_total{action="publish",protocol="rtsp",reason="publish_timeout"}`] == 1
			})
		})
	}
}

// TestFullRTSPVanishedViewer: a player by UDP that gives no sign of life is closed
// after a minute, one that does is not.
func TestFullRTSPVanishedViewer(t *testing.T) {
	t.Parallel()
	s := startRTSPServer(t)
	s.publish(t, simpleClip, "live/test", publishOptions{loop: true})
	ask := func(nc net.Conn, in *bufio.Reader, method, url string, headers ...string) textproto.MIMEHeader {
		t.Helper()
		fmt.Fprintf(nc, "%s %s RTSP/1.0\r\nCSeq: 1\r\n%s\r\n", method, url, strings.Join(append(headers, ""), "\r\n"))
		text := textproto.NewReader(in)
		line, err := text.ReadLine()
		if err != nil || !strings.HasPrefix(line, "RTSP/1.0 200") {
			t.Fatalf("%s: %q, %v", method, line, err)
		}
		h, err := text.ReadMIMEHeader()
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	play := func() (net.Conn, *bufio.Reader, string) {
		t.Helper()
		nc, err := net.Dial("tcp", s.rtsp)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { nc.Close() })
		in := bufio.NewReader(nc)
		ports := freePair(t)
		h := ask(nc, in, "SETUP", s.url("live/test/trackID=0"), fmt.Sprintf("Transport: RTP/AVP;unicast;client_port=%d-%d", ports.Port(), ports.Port()+1))
		if !strings.HasSuffix(h.Get("Session"), "timeout=60") {
			t.Errorf("Session: %s", h.Get("Session"))
		}
		id, _, _ := strings.Cut(h.Get("Session"), ";")
		ask(nc, in, "PLAY", s.url("live/test"), "Session: "+id)
		return nc, in, "Session: " + id
	}
	gone, _, _ := play()
	gone.Close()
	silent, _, _ := play()
	began := time.Now()
	alive, in, session := play()
	players := func() int { return strings.Count(s.get(t, "api/v1/sessions"), `"protocol":"rtsp"`) }
	if n := players(); n != 3 {
		t.Fatalf("%d players, want 3", n)
	}
	for _, method := range []string{"OPTIONS", "GET_PARAMETER", "SET_PARAMETER"} {
		time.Sleep(18 * time.Second)
		ask(alive, in, method, s.url("live/test"), session)
	}
	eventually(t, 30*time.Second, "the two that are silent are closed", func() bool { return players() < 2 })
	if took := time.Since(began); took < 55*time.Second || players() != 1 {
		t.Errorf("%d players after %v", players(), took)
	}
	silent.Close()
	ask(alive, in, "TEARDOWN", s.url("live/test"), session)
	eventually(t, 10*time.Second, "the last one is gone", func() bool { return players() == 0 })
}

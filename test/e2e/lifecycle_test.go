//go:build e2e

package e2e

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirmedia/weir/test/freeport"
)

// TestFullShutdown: SIGTERM ends the server in time and with status 0, and
// clients see an end rather than a broken stream.
func TestFullShutdown(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	publisher := s.publish(t, simpleClip, "live/test", publishOptions{loop: true})
	viewer := openFLV(t, s.httpURL("live/test.flv"))
	player := start(t, time.Minute, nil, "ffmpeg", "-nostdin", "-v", "warning", "-i", s.rtmpURL("live/test"), "-c", "copy", "-f", "null", "-")
	eventually(t, 20*time.Second, "two viewers", func() bool {
		st, _ := s.stream(t, "live/test")
		return st.ViewersTotal == 2
	})
	if _, err := viewer.next(); err != nil {
		t.Fatal(err)
	}

	s.stop(t)
	for {
		_, err := viewer.next()
		if err == nil {
			continue
		}
		if !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("HTTP-FLV ended with %v, want an end between tags", err)
		}
		break
	}
	player.mustSucceed(t)
	publisher.mustFail(t)
	if conn, err := net.DialTimeout("tcp", s.rtmp, time.Second); err == nil {
		conn.Close()
		t.Error("the port is still open")
	}
}

// TestFullPortInUse: the message says which key to change.
func TestFullPortInUse(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	tests := []struct {
		key  string
		with settings
	}{
		{"rtmp.listen", settings{"rtmp.listen": s.rtmp, "http.listen": freeport.Address(t), "rtsp.listen": "off", "webrtc.listen": "off"}},
		{"http.listen", settings{"rtmp.listen": freeport.Address(t), "http.listen": s.http, "rtsp.listen": "off", "webrtc.listen": "off"}},
	}
	for _, tt := range tests {
		t.Run(tt.key, func(t *testing.T) {
			second := runWeir(t, t.TempDir(), tt.with.yaml(), 20*time.Second, "serve")
			second.mustFail(t)
			requireContains(t, "the message", second.out.String(), tt.key, tt.with[tt.key], "in use")
		})
	}
}

// TestFullConfiguration: mistakes are named with their line and the right name.
func TestFullConfiguration(t *testing.T) {
	tests := []struct {
		name, config string
		want         []string
	}{
		{"unknown key", "http:\n  listen: 127.0.0.1:0\nrtmp:\n  lisen: 127.0.0.1:0\n", []string{"weir.yaml:4", "rtmp.lisen", "listen"}},
		{"unknown section", "rtpm:\n  listen: 127.0.0.1:0\n", []string{"weir.yaml:1", "rtpm", "rtmp"}},
		{"bad duration", "stream:\n  grace: soon\n", []string{"weir.yaml:2", "stream.grace", "soon"}},
	}
	for _, command := range []string{"serve", "check"} {
		for _, tt := range tests {
			t.Run(command+" "+tt.name, func(t *testing.T) {
				t.Parallel()
				p := runWeir(t, t.TempDir(), tt.config, 20*time.Second, command)
				p.mustFail(t)
				requireContains(t, "the message", p.out.String(), tt.want...)
			})
		}
	}
}

// TestFullCommands runs the commands that end by themselves.
func TestFullCommands(t *testing.T) {
	t.Run("check", func(t *testing.T) {
		p := runWeir(t, t.TempDir(), settings{"rtmp.listen": "127.0.0.1:11935", "stream.grace": "7s"}.yaml(), 20*time.Second, "check")
		p.mustSucceed(t)
		requireContains(t, "what differs from the defaults", p.out.String(), "127.0.0.1:11935", "grace: 7s # default: 15s, set by ")
		if strings.Contains(p.out.String(), "wait:") {
			t.Errorf("what has its default is there too:\n%s", p.out.String())
		}
	})
	t.Run("check all", func(t *testing.T) {
		p := runWeir(t, t.TempDir(), settings{"stream.grace": "7s"}.yaml(), 20*time.Second, "check", "--all")
		p.mustSucceed(t)
		requireContains(t, "the effective configuration", p.out.String(), "grace: 7s # default: 15s", "wait: 5s")
	})
	t.Run("version", func(t *testing.T) {
		p := start(t, 10*time.Second, nil, weirBinary(t), "version")
		p.mustSucceed(t)
		if strings.TrimSpace(p.out.String()) == "" {
			t.Error("nothing printed")
		}
	})
	t.Run("unknown", func(t *testing.T) {
		p := start(t, 10*time.Second, nil, weirBinary(t), "sevre")
		p.mustFail(t)
		requireContains(t, "the message", p.out.String(), "sevre")
	})
}

// TestFullDemo: the built-in clip shows without an encoder, past the point where
// it loops.
func TestFullDemo(t *testing.T) {
	t.Parallel()
	s := &server{dir: t.TempDir(), rtmp: freeport.Address(t), http: freeport.Address(t)}
	s.process = runWeir(t, s.dir, settings{"rtmp.listen": s.rtmp, "http.listen": s.http, "rtsp.listen": "off", "webrtc.listen": "off", "stream.wait": "10s"}.yaml(), 3*time.Minute, "demo")
	eventually(t, 20*time.Second, "live/demo is live", func() bool {
		conn, err := net.Dial("tcp", s.http)
		if err != nil {
			return false
		}
		conn.Close()
		st, ok := s.stream(t, "live/demo")
		return ok && st.Ready
	})
	const pictures = 300 // 12 s; the clip has 256
	got := byKind(readPackets(t, s.rtmpURL("live/demo"), pictures+pictures*441/256, time.Minute))
	for kind, packets := range got {
		for i := 1; i < len(packets); i++ {
			step := packets[i].dts - packets[i-1].dts
			if most := map[string]int64{"video": 41, "audio": 25}[kind]; step < 1 || step > most {
				t.Fatalf("%s goes from %v to %v", kind, packets[i-1], packets[i])
			}
		}
	}
	if len(got["video"]) <= 256 {
		t.Fatalf("%d pictures do not reach past the loop", len(got["video"]))
	}
	s.stop(t)
}

// TestFullTakeover: another publisher cannot take a live stream, the same one
// can.
func TestFullTakeover(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	first := s.publish(t, simpleClip, "live/test?id=1", publishOptions{loop: true})
	viewer := openFLV(t, s.httpURL("live/test.flv"))
	nextMedia := func() {
		t.Helper()
		for range 100 {
			tag, err := viewer.next()
			if err != nil {
				t.Fatal(err)
			}
			if tag.media() {
				return
			}
		}
		t.Fatal("no media in 100 tags")
	}
	nextMedia()

	stranger := startPublish(t, simpleClip, s.rtmpURL("live/test?id=2"), publishOptions{loop: true})
	stranger.mustFail(t)
	if !first.running() {
		t.Fatalf("the first publisher ended: %v", first.wait())
	}
	nextMedia()

	second := startPublish(t, simpleClip, s.rtmpURL("live/test?id=1"), publishOptions{loop: true})
	first.mustFail(t)
	for range 200 {
		nextMedia()
	}
	if !second.running() {
		t.Fatalf("the second publisher ended: %v", second.wait())
	}
	second.signal(syscall.SIGINT)
}

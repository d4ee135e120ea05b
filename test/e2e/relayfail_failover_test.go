//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirmedia/weir/test/freeport"
)

// TestFullRelayBackOff: sources are tried one after the other at once, and again after
// pauses as they are configured; so are targets.
func TestFullRelayBackOff(t *testing.T) {
	t.Parallel()
	first, second := freeport.Address(t), freeport.Address(t)
	s := startServer(t, settings{
		"relay.min_delay": "400ms", "relay.max_delay": "1600ms",
		"relay.pulls":    pullRules(map[string][]string{"dead": {"rtmp://" + first + "/live/a", "http://" + second + "/a.flv"}}, ", mode: always"),
		"relay.forwards": fmt.Sprintf(`[{streams: [live/test], targets: ["rtmp://%s/live/test"]}]`, first),
	})
	s.publish(t, simpleClip, "live/test", publishOptions{loop: true})
	const pauses = 4
	times := func(what, name string, each int) []time.Time {
		var at []time.Time
		eventually(t, 30*time.Second, what+" has failed five times", func() bool { return len(s.relayFailures(what, name)) > pauses*each })
		for _, line := range s.relayFailures(what, name) {
			at = append(at, loggedAt(t, line))
		}
		return at
	}
	if r := s.pullState(t, "dead"); r.State == "waiting" && time.Until(r.Next) > 1600*time.Millisecond {
		t.Errorf("the next try is in %v", time.Until(r.Next))
	}
	// The last of a round and the first of the next are a pause apart.
	requirePauses(t, times("pull", "dead", 2), 2, pauses)
	requirePauses(t, times("forward", "live/test", 1), 1, pauses)
}

// loggedAt returns the time of a line of the log.
func loggedAt(t *testing.T, line string) time.Time {
	t.Helper()
	text, _, _ := strings.Cut(strings.TrimPrefix(line, "time="), " ")
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// requirePauses checks the times between rounds of so many failures each. A busy
// machine makes them longer, nothing makes them shorter.
func requirePauses(t *testing.T, at []time.Time, each, pauses int) {
	t.Helper()
	const precision, slack = 2 * time.Millisecond, 5 * time.Second
	delay := 400 * time.Millisecond
	for i := range pauses {
		pause := at[(i+1)*each].Sub(at[(i+1)*each-1])
		if pause < delay/2-precision || pause > delay+slack {
			t.Errorf("pause %d is %v, want %v to %v", i, pause, delay/2, delay)
		}
		delay = min(2*delay, 1600*time.Millisecond)
	}
}

// gate passes connections on to a server, until it is told to do something else with
// what the server sends.
type gate struct {
	address string
	does    atomic.Pointer[string]
}

func startGate(t *testing.T, far string) *gate {
	g := &gate{}
	g.set("pass")
	g.address = listenTCP(t, func(near net.Conn) {
		conn, err := net.Dial("tcp", far)
		if err != nil {
			return
		}
		defer conn.Close()
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			defer conn.Close()
			_, _ = io.Copy(conn, near)
		}()
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			out := buf[:n]
			switch *g.does.Load() {
			case "hang":
				<-gone
				return
			case "trickle":
				for _, err := near.Write(out[:1]); err == nil; _, err = near.Write(out[:1]) {
					time.Sleep(100 * time.Millisecond)
				}
				return
			case "noise":
				for i := range out {
					out[i] = byte(rand.Uint32())
				}
			}
			if _, err := near.Write(out); err != nil {
				return
			}
		}
	})
	return g
}

func (g *gate) set(what string) { g.does.Store(&what) }

// startMortal starts a server that may be killed, on addresses that are known.
func startMortal(t *testing.T, rtmp, admin, rtsp string) *process {
	t.Helper()
	all := settings{
		"rtmp.listen": rtmp, "http.listen": admin, "rtsp.listen": rtsp, "rtsp.udp_listen": "off", "webrtc.listen": "off",
		"stream.wait": "15s", "log.level": "debug", "log.format": "text",
	}
	p := runWeir(t, t.TempDir(), all.yaml(), 3*time.Minute, "serve")
	eventually(t, 15*time.Second, "server ready", func() bool {
		resp, err := http.Get("http://" + admin + "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return p
}

// TestFullRelayFailover: a source is killed, hangs, is slow or sends garbage. Its
// viewers go on with the next source, in the configured time.
func TestFullRelayFailover(t *testing.T) {
	t.Parallel()
	const timeout = 2 * time.Second
	spare := startRTSPServer(t)
	spare.publish(t, simpleClip, "live/test", publishOptions{loop: true})
	address, rtsp, nginx := freeport.Address(t), freeport.Address(t), freeport.Address(t)
	weirProcess, nginxProcess := startMortal(t, address, freeport.Address(t), rtsp), startNginxRTMPAt(t, nginx, `application live { live on; }`)
	for _, a := range []string{address, nginx} {
		startPublish(t, simpleClip, "rtmp://"+a+"/live/test", publishOptions{loop: true})
	}
	hang, trickle, noise, noiseRTSP := startGate(t, spare.http), startGate(t, spare.rtmp), startGate(t, spare.rtmp), startGate(t, spare.rtsp)
	sources := map[string][]string{
		"nginx-killed": {"rtmp://" + nginx + "/live/test", spare.rtmpURL("live/test")},
		"weir-killed":  {"rtsp://" + rtsp + "/live/test", spare.url("live/test")},
		"hangs":        {"http://" + hang.address + "/live/test.flv", spare.httpURL("live/test.flv")},
		"slow":         {"rtmp://" + trickle.address + "/live/test", spare.url("live/test")},
		"noise":        {"rtmp://" + noise.address + "/live/test", spare.httpURL("live/test.flv")},
		"noise-rtsp":   {"rtsp://" + noiseRTSP.address + "/live/test", spare.rtmpURL("live/test")},
	}
	s := startRTSPServerWith(t, settings{
		"stream.wait": "15s", "stream.grace": "15s", "relay.timeout": timeout.String(), "relay.pulls": pullRules(sources, ""),
	})
	views := map[string]*views{}
	for name := range sources {
		views[name] = s.view(t, name)
	}
	for name, v := range views {
		if p := s.pullState(t, name).Peer; p != sources[name][0] {
			t.Fatalf("%s comes from %s", name, p)
		}
		v.read(t, 50)
	}
	fault := time.Now()
	weirProcess.kill()
	nginxProcess.kill()
	hang.set("hang")
	trickle.set("trickle")
	noise.set("noise")
	noiseRTSP.set("noise")
	for name, v := range views {
		eventually(t, timeout+10*time.Second, name+" comes from the spare", func() bool {
			p := s.pullState(t, name)
			return p.State == "running" && p.Peer == sources[name][1]
		})
		v.goOn(t, 200)
	}
	const slack = 5 * time.Second // of a busy machine
	for name := range sources {
		lines := s.relayFailures("pull", name)
		if len(lines) != 1 {
			t.Fatalf("%s has failed %d times", name, len(lines))
		}
		took := loggedAt(t, lines[0]).Sub(fault)
		t.Logf("%s: the fault was noticed after %v", name, took)
		if took > timeout+slack {
			t.Errorf("%s: the next source was tried after %v", name, took)
		}
		for why, names := range map[string]string{"publish_timeout": "hangs slow", "network_error": "weir-killed nginx-killed"} {
			if strings.Contains(" "+names+" ", " "+name+" ") && !strings.Contains(strings.Join(lines, ""), "reason="+why) {
				t.Errorf("want %s: %s", why, lines)
			}
		}
	}
}

// views are a stream's viewers, by HTTP-FLV and by ffprobe.
type views struct {
	flv  *watcher
	by   map[string]*prober
	last map[string]int64 // newest DTS by protocol and kind
}

func (s *rtspServer) view(t *testing.T, name string) *views {
	t.Helper()
	v := &views{flv: watch(openFLV(t, s.httpURL(name+".flv"))), by: map[string]*prober{}, last: map[string]int64{}}
	for protocol, url := range map[string]string{"rtmp": s.rtmpURL(name), "ts": s.httpURL(name + ".ts")} {
		v.by[protocol] = startProbe(t, url, 2*time.Minute)
	}
	return v
}

// read reads n packets by each protocol, whose times must not run backwards.
func (v *views) read(t *testing.T, n int) {
	t.Helper()
	for protocol, p := range v.by {
		for _, packet := range p.read(t, n) {
			key := protocol + " " + packet.kind
			if last, seen := v.last[key]; seen && packet.dts < last {
				t.Errorf("%s %s: DTS %d after %d", p.source, packet.kind, packet.dts, last)
			}
			v.last[key] = packet.dts
		}
	}
}

// goOn checks that there are n packets more for all viewers.
func (v *views) goOn(t *testing.T, n int) {
	t.Helper()
	before, _, _ := v.flv.progress()
	v.read(t, n)
	eventually(t, 20*time.Second, "HTTP-FLV goes on", func() bool {
		now, _, err := v.flv.progress()
		if err != nil {
			t.Fatal(err)
		}
		return now > before+n/2
	})
}

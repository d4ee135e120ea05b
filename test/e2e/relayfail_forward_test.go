//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/test/freeport"
)

// outage is for how long targets are away: 10 s in a soak.
func outage() time.Duration {
	if os.Getenv("WEIR_SOAK") != "" {
		return 10 * time.Second
	}
	return 3 * time.Second
}

// TestFullRelayTargetsKilled: targets that are killed get the stream again when they
// are back, from a key frame on. The stream, its viewers and other targets do not
// notice, nor do they of targets that never take anything.
func TestFullRelayTargetsKilled(t *testing.T) {
	t.Parallel()
	address, admin, rtsp, nginx := freeport.Address(t), freeport.Address(t), freeport.Address(t), freeport.Address(t)
	const applications = `application live { live on; wait_key on; wait_video on; } application closed { live on; deny publish all; }`
	begin := func() (all []*process) {
		return []*process{startMortal(t, address, admin, rtsp), startNginxRTMPAt(t, nginx, applications)}
	}
	targets := begin()
	steady := startRTSPServerWith(t, settings{
		"auth.users": fmt.Sprintf(`[{name: ann, password: %q, digest: %q, allow: [{actions: [publish], streams: ["secret/**"]}]}, {allow: [{actions: [publish, play], streams: ["open/**"]}]}]`,
			hashed(t, "right"), hashed(t, "right", "--digest", "ann")),
	})
	closed, mute, queue, noise := freeport.Address(t), listenTCP(t, silent), full(t), listenTCP(t, garbage(""))
	const late = "the target did not answer within 2s"
	bad := map[string]string{ // what is said of it, by target
		"rtmp://" + closed + "/a":                             "connection refused",
		"rtsp://" + mute + "/a":                               late,
		"rtmp://" + queue + "/a":                              late,
		"rtmp://" + noise + "/a":                              "this is no RTMP",
		"rtsp://" + noise + "/b":                              ".",
		"rtmp://" + listenTCP(t, redirectRTMP) + "/a":         "after 5 redirects",
		"rtmp://" + steady.rtmp + "/secret/a?user=ann&pass=x": "wrong password|wrong user name",
		"rtsp://ann:planted@" + steady.rtsp + "/secret/b":     "401",
	}
	good := []string{"rtmp://" + address + "/rtmp/test", "rtsp://" + rtsp + "/rtsp/test", "rtmp://" + nginx + "/live/test", steady.rtmpURL("open/rtmp"), steady.url("open/rtsp")}
	var some []string
	for url := range bad {
		some = append(some, url)
	}
	s := startServer(t, settings{
		"relay.timeout": "2s", "relay.min_delay": "500ms", "relay.max_delay": "1s",
		"relay.forwards": fmt.Sprintf(`[{streams: [live/test], targets: ["%s"]}, {streams: [live/other], targets: ["%s"]}]`,
			strings.Join(good, `", "`), strings.Join(some, `", "`)),
	})
	s.publish(t, simpleClip, "live/test", publishOptions{loop: true})
	s.publish(t, simpleClip, "live/other", publishOptions{loop: true})
	watchers := []*watcher{watch(openFLV(t, s.httpURL("live/test.flv"))), watch(openFLV(t, s.httpURL("live/other.flv")))}
	for _, name := range []string{"open/rtmp", "open/rtsp"} {
		steady.waitLive(t, name)
		watchers = append(watchers, watch(openFLV(t, steady.httpURL(name+".flv"))))
	}
	running := func() bool {
		n := 0
		for _, r := range s.relayStates(t, "forwards") {
			if r.Stream == "live/test" && r.State == "running" {
				n++
			}
		}
		return n == len(good)
	}
	eventually(t, 20*time.Second, "all targets have the stream", running)

	for _, p := range targets {
		p.kill()
	}
	eventually(t, 10*time.Second, "the targets' end is noticed", func() bool { return !running() })
	time.Sleep(outage())
	begin()
	published := filePackets(t, simpleClip.path(t))
	for _, url := range []string{"rtmp://" + address + "/rtmp/test", "rtmp://" + address + "/rtsp/test"} {
		requireSameBytes(t, published, readPackets(t, url, 100, 40*time.Second))
	}
	eventually(t, 20*time.Second, "all targets have the stream again", running)
	requireSameBytes(t, published, readPackets(t, "rtmp://"+nginx+"/live/test", 100, 40*time.Second))
	for _, url := range []string{"rtmp://" + address + "/rtmp/test", "rtmp://" + address + "/rtsp/test", "rtmp://" + nginx + "/live/test"} {
		decode := start(t, time.Minute, nil, "ffmpeg", "-nostdin", "-v", "error", "-t", "2", "-i", url, "-f", "null", "-")
		decode.mustSucceed(t)
		if complaint := decode.out.String(); complaint != "" {
			t.Errorf("%s does not decode cleanly:\n%s", url, tail(complaint, 1000))
		}
	}
	for i, w := range watchers {
		n, gap, err := w.progress()
		if n < 100 || gap > 100 || err != nil {
			t.Errorf("viewer %d: %d packets, a hole of %d ms, %v", i, n, gap, err)
		}
	}
	s.requireBadTargets(t, bad)
}

// requireBadTargets checks what is said of targets that never take anything.
func (s *server) requireBadTargets(t *testing.T, bad map[string]string) {
	t.Helper()
	for url, says := range bad {
		peer := regexp.MustCompile(`[^/]+@|\?.*`).ReplaceAllString(url, "")
		found := false
		for _, r := range s.relayStates(t, "forwards") {
			found = found || r.Peer == peer && r.State != "running" && regexp.MustCompile(says).MatchString(r.Error)
		}
		if !found {
			t.Errorf("the API does not say %q of %s: %s", says, peer, s.get(t, "api/v1/forwards"))
		}
	}
	for what, text := range map[string]string{"the log": s.out.String(), "the API": s.get(t, "api/v1/forwards")} {
		if strings.Contains(text, "planted") || strings.Contains(text, "ann:") {
			t.Errorf("%s has credentials", what)
		}
	}
}

// TestFullRelayForwardTimes: what is forwarded keeps its times, with pictures that are
// shown in another order than they are sent in.
func TestFullRelayForwardTimes(t *testing.T) {
	t.Parallel()
	down := startRTSPServer(t)
	s := startServer(t, settings{"relay.forwards": fmt.Sprintf(`[{streams: ["live/{x}"], targets: ["%s", "%s"]}]`, down.rtmpURL("rtmp/{x}"), down.url("rtsp/{x}"))})
	s.publish(t, hardClip, "live/test", publishOptions{})
	published := filePackets(t, hardClip.path(t))
	for _, name := range []string{"rtmp/test", "rtsp/test"} {
		down.waitLive(t, name)
		got := readPackets(t, down.httpURL(name+".flv"), 150, 40*time.Second)
		if name == "rtmp/test" {
			requireRun(t, published, got)
		} else {
			requireRunWithin(t, published, got, rtpTolerance)
		}
	}
}

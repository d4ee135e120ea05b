//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestFullRelayPull: weir fetches from nginx-rtmp and from another weir, by each
// protocol, while somebody watches; what ffmpeg reads is what it has published.
func TestFullRelayPull(t *testing.T) {
	t.Parallel()
	up := startRTSPServer(t)
	nginx := startNginxRTMP(t, `application live { live on; }`)
	pull := func(prefix, source string) string {
		return fmt.Sprintf(`{streams: ["%s/{x}"], sources: ["rtmp://127.0.0.1:1/nobody", "%s"]}`, prefix, source)
	}
	down := startServer(t, settings{
		"relay.close_after": "1s",
		"relay.pulls": "[" + pull("nginx", "rtmp://"+nginx+"/live/{x}") + "," + pull("rtmp", up.rtmpURL("live/{x}")) + "," +
			pull("flv", up.httpURL("live/{x}.flv")) + "," + pull("rtsp", up.url("live/{x}")) +
			`,{streams: [dead], sources: ["rtsp://planted:planted@127.0.0.1:1/x?key=planted"], mode: always}]`,
	})
	b := openPage(t, down.httpURL(""))
	b.eventually(t, 20*time.Second, "the console tells why", `document.querySelector('[data-relay="dead"]')?.innerText.includes("refused")`)
	for what, text := range map[string]string{"the log": down.out.String(), "the API": down.get(t, "api/v1/pulls")} {
		if strings.Contains(text, "planted") {
			t.Errorf("%s has credentials:\n%s", what, text)
		}
	}
	up.publish(t, simpleClip, "live/test", publishOptions{loop: true})
	startPublish(t, simpleClip, "rtmp://"+nginx+"/live/test", publishOptions{loop: true})
	published := filePackets(t, simpleClip.path(t))
	for _, prefix := range []string{"rtmp", "flv", "nginx", "rtsp"} {
		requireSameBytes(t, published, readPackets(t, down.rtmpURL(prefix+"/test"), 100, 40*time.Second))
	}
	eventually(t, 20*time.Second, "nobody is left at the source", func() bool {
		s, ok := up.stream(t, "live/test")
		return ok && s.ViewersTotal == 0
	})
}

// TestFullRelayForward: weir sends a stream on to nginx-rtmp and, by each protocol, to
// another weir.
func TestFullRelayForward(t *testing.T) {
	t.Parallel()
	down := startRTSPServer(t)
	nginx := startNginxRTMP(t, `application live { live on; }`)
	up := startServer(t, settings{"relay.forwards": fmt.Sprintf(`[{streams: ["live/{x}"], targets: ["rtmp://%s/live/{x}", "%s", "%s", "rtmp://127.0.0.1:1/nobody"]}]`,
		nginx, down.rtmpURL("rtmp/{x}"), down.url("rtsp/{x}"))})
	up.publish(t, simpleClip, "live/test", publishOptions{loop: true})
	published := filePackets(t, simpleClip.path(t))
	for _, name := range []string{"rtmp/test", "rtsp/test"} {
		down.waitLive(t, name)
		requireSameBytes(t, published, readPackets(t, down.rtmpURL(name), 100, 40*time.Second))
	}
	requireSameBytes(t, published, readPackets(t, "rtmp://"+nginx+"/live/test", 100, 40*time.Second))
}

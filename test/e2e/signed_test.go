//go:build e2e

package e2e

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/test/freeport"
)

const urlKey = "a key of the end-to-end tests"

// signed returns the query of a URL that is good for some time from now.
func signed(action auth.Action, stream string, length time.Duration) string {
	q := url.Values{}
	auth.SignURL(q, config.Secret(urlKey), action, stream, time.Now().Add(length))
	return "?" + q.Encode()
}

// TestFullSignedURLs: by every protocol, who has a signed URL publishes and plays
// until it expires; without one nobody does.
func TestFullSignedURLs(t *testing.T) {
	t.Parallel()
	rtsp := freeport.Address(t)
	s := startServer(t, settings{"auth.url_keys": "[" + urlKey + "]", "rtsp.listen": rtsp, "rtsp.udp_listen": "off", "stream.wait": "1s"})
	play := func(url string) *process {
		return start(t, time.Minute, nil, "ffmpeg", "-nostdin", "-v", "error", "-i", url, "-c", "copy", "-f", "null", "-")
	}
	startPublish(t, hardClip, s.rtmpURL("live/test"), publishOptions{}).mustFail(t)
	startPublish(t, hardClip, s.rtmpURL("live/test"+signed(auth.Play, "live/test", time.Minute)), publishOptions{}).mustFail(t)
	const length = 40 * time.Second
	publisher := s.publish(t, hardClip, "live/test"+signed(auth.Publish, "live/test", length), publishOptions{loop: true})
	began := time.Now()
	urls := map[string]string{
		"rtmp": s.rtmpURL("live/test"), "httpflv": s.httpURL("live/test.flv"), "httpts": s.httpURL("live/test.ts"),
		"httpmp4": s.httpURL("live/test.mp4"), "hls": s.httpURL("live/test/index.m3u8"), "rtsp": "rtsp://" + rtsp + "/live/test",
	}
	for _, url := range urls {
		play(url).mustFail(t)
	}
	players := map[string]*process{}
	for protocol, url := range urls {
		players[protocol] = play(url + signed(auth.Play, "live/test", 12*time.Second))
	}
	ended := func(protocol, action string) bool {
		line := regexp.MustCompile(`session ended" protocol=` + protocol + ` action=` + action + ` .* reason=revoked .*duration=(\S+) .*error="the URL has expired"`)
		found := line.FindStringSubmatch(s.out.String())
		if found == nil {
			return false
		}
		d, err := time.ParseDuration(found[1])
		if err != nil || action == "play" && d > 12*time.Second || d < 3*time.Second {
			t.Errorf("%s lasted %s", protocol, found[1])
		}
		return true
	}
	for protocol, p := range players {
		eventually(t, 40*time.Second, protocol+" is revoked", func() bool { return ended(protocol, "play") })
		_ = p.wait() // the server ended it: whether that is an error is the player's view
	}
	if st, ok := s.stream(t, "live/test"); !ok || st.State != "live" || st.ViewersTotal != 0 {
		t.Errorf("the stream is %+v", st)
	}
	eventually(t, length+10*time.Second-time.Since(began), "the publisher is revoked", func() bool { return ended("rtmp", "publish") })
	_ = publisher.wait()
	if strings.Contains(s.out.String(), "sig=") {
		t.Error("a signature is in the log")
	}
}

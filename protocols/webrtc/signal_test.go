package webrtc

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	pion "github.com/pion/webrtc/v4"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/internal/httplive/httplivetest"
)

// A client is told what is wrong.
func TestErrors(t *testing.T) {
	r := newRig(t, nil)
	const noSound = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
	busy := newPeer(t)
	busy.addTrack(pion.MimeTypeH264)
	busy.post(r.Plain + "/live/busy/whip")
	if _, err := r.Host.Bus.Publish("live/taken", bus.Claim{Owner: "another", Kill: func(reason.Reason) {}}); err != nil {
		t.Fatal(err)
	}
	play := newPeer(t)
	if _, err := play.AddTransceiverFromKind(pion.RTPCodecTypeVideo, pion.RTPTransceiverInit{Direction: pion.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	plays := play.offer()
	other := newPeer(t)
	other.addTrack(pion.MimeTypeH264)
	publishes := other.offer()
	for _, c := range []struct {
		name, method, path, contentType, body string
		headers                               []string
		status                                int
		says                                  string
	}{
		{"another type", "POST", "/live/test/whip", "text/plain", publishes, nil, 415, "application/sdp"},
		{"too large", "POST", "/live/test/whip", typeSDP, strings.Repeat("a", maxSDP+1), nil, 413, "larger than"},
		{"no SDP", "POST", "/live/test/whip", typeSDP, "hello", nil, 400, "no SDP"},
		{"no media", "POST", "/live/test/whip", typeSDP, noSound, nil, 400, "neither sound nor pictures"},
		{"a payload type twice", "POST", "/live/test/whip", typeSDP, strings.Replace(publishes, "SAVPF 96 ", "SAVPF 96 096 ", 1), nil, 400, "twice"},
		{"a player publishes", "POST", "/live/test/whip", typeSDP, plays, nil, 415, "sends nothing"},
		{"reserved name", "POST", "/api/whip", typeSDP, publishes, nil, 400, "reserved"},
		{"busy", "POST", "/live/taken/whip", typeSDP, publishes, nil, 409, "somebody else"},
		{"nobody publishes", "POST", "/live/none/whep", typeSDP, plays, nil, 404, "live/none"},
		{"GET", "GET", "/live/test/whep", "", "", nil, 405, "method"},
		{"no such session", "DELETE", "/live/test/whip/abc", "", "", nil, 404, "no such session"},
		{"preflight", "OPTIONS", "/live/test/whip", "", "", nil, 204, ""},
		{"PATCH without If-Match", "PATCH", busy.resource, typeFragment, "a=ice-options:trickle\r\n", nil, 428, "If-Match"},
		{"PATCH of another ICE session", "PATCH", busy.resource, typeFragment, "a=ice-options:trickle\r\n", []string{`If-Match: "x"`}, 412, "If-Match"},
		{"PATCH with another type", "PATCH", busy.resource, typeSDP, "", []string{"If-Match: *"}, 415, typeFragment},
		{"PATCH with rubbish", "PATCH", busy.resource, typeFragment, "rubbish", []string{"If-Match: *"}, 400, "rubbish"},
		{"PATCH with a bad candidate", "PATCH", busy.resource, typeFragment, "a=candidate:rubbish\r\n", []string{"If-Match: *"}, 400, "rubbish"},
		{"PATCH with a candidate", "PATCH", busy.resource, typeFragment, "a=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host\r\n", []string{"If-Match: *"}, 204, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := c.path
			if strings.HasPrefix(url, "/") {
				url = r.Plain + url
			}
			response, body := request(t, c.method, url, c.contentType, c.body, c.headers...)
			if response.StatusCode != c.status || !strings.Contains(body, c.says) {
				t.Errorf("%s %s, want %d with %q", response.Status, body, c.status, c.says)
			}
			if origin := response.Header.Get("Access-Control-Allow-Origin"); origin != "*" {
				t.Errorf("allowed for %q", origin)
			}
		})
	}
}

// A client that never connects is closed, and its name is free again.
func TestNeverConnects(t *testing.T) {
	r := newRig(t, func(c *Config) { c.ConnectTimeout = config.Duration(time.Second) })
	p := newPeer(t)
	p.addTrack(pion.MimeTypeH264)
	response, body := request(t, http.MethodPost, r.Plain+"/live/test/whip", typeSDP, p.offer()) // and no more
	if response.StatusCode != http.StatusCreated {
		t.Fatalf("%s %s", response.Status, body)
	}
	deadline := time.Now().Add(waitLong)
	for len(r.Host.Sessions.List()) > 0 {
		if time.Now().After(deadline) {
			t.Fatal("the session stays")
		}
		time.Sleep(10 * time.Millisecond)
	}
	again := newPeer(t)
	again.addTrack(pion.MimeTypeH264)
	again.post(r.Plain + "/live/test/whip")
	again.wait()
}

// What was tried is told when no connection comes about: our candidates, those of
// the offer, and those that came later.
func TestTellsWhatWasTried(t *testing.T) {
	r := newRig(t, func(c *Config) { c.ConnectTimeout, c.Hosts = config.Duration(time.Second), []string{"192.0.2.10"} })
	p := newPeer(t)
	p.addTrack(pion.MimeTypeH264)
	offer := regexp.MustCompile(`(?m)^a=candidate:.*\r\n`).ReplaceAllString(p.offer(), "")
	offer = strings.Replace(offer, "a=mid:0\r\n", "a=mid:0\r\na=candidate:1 1 udp 2130706431 198.51.100.7 4000 typ host\r\n", 1)
	response, body := request(t, http.MethodPost, r.Plain+"/live/test/whip", typeSDP, offer)
	if response.StatusCode != http.StatusCreated {
		t.Fatalf("%s %s", response.Status, body)
	}
	location, err := response.Location()
	if err != nil {
		t.Fatal(err)
	}
	fragment := "m=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=candidate:2 1 udp 1694498815 203.0.113.9 4001 typ srflx raddr 0.0.0.0 rport 0 generation 0 ufrag abcd network-cost 999\r\n"
	if response, body := request(t, http.MethodPatch, location.String(), typeFragment, fragment, "If-Match: *"); response.StatusCode != http.StatusNoContent {
		t.Fatalf("%s %s", response.Status, body)
	}
	r.Eventually("the session has ended", func() bool { return len(r.Host.Sessions.Ended()) == 1 })
	end := r.Host.Sessions.Ended()[0]
	port := regexp.MustCompile(`127\.0\.0\.1 (\d+) typ host`).FindStringSubmatch(body)
	if port == nil {
		t.Fatalf("no candidate of ours: %s", body)
	}
	want := fmt.Sprintf("no connection within 1s, tried: ours 127.0.0.1:%[1]s/udp 127.0.0.1:%[1]s/tcp 192.0.2.10:%[1]s/udp 192.0.2.10:%[1]s/tcp, "+
		"the client's 198.51.100.7:4000/udp 203.0.113.9:4001/udp", port[1])
	if end.Reason != reason.HandshakeTimeout || end.Error != want {
		t.Errorf("%s: %s\nwant %s", end.Reason, end.Error, want)
	}
}

// Of what strangers call candidates a part is told.
func TestCandidatesInWords(t *testing.T) {
	many := make([]string, maxTried+1)
	for i := range many {
		many[i] = strconv.Itoa(i)
	}
	for _, c := range []struct{ got, want string }{
		{inWords("1 1 udp 1 192.0.2.1 9 typ host"), "192.0.2.1:9/udp"},
		{inWords("candidate:1 1 TCP 1 2001:db8::1 9 typ host tcptype active"), "[2001:db8::1]:9/tcp"},
		{inWords("rubbish"), "?"},
		{joined(nil), "none"},
		{joined(many), "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 …"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
	if long := inWords("1 1 udp 1 " + strings.Repeat("a", 200) + ".local 9 typ host"); len(long) != maxWords {
		t.Errorf("%q", long)
	}
}

// An ICE restart keeps the session.
func TestRestart(t *testing.T) {
	r := newRig(t, nil)
	p := newPeer(t)
	p.addTrack(pion.MimeTypeH264)
	p.post(r.Plain + "/live/test/whip")
	p.wait()
	response, body := request(t, http.MethodPatch, p.resource, typeFragment,
		"a=ice-ufrag:abcdefgh\r\na=ice-pwd:0123456789012345678901\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n", "If-Match: *")
	if response.StatusCode != http.StatusOK || response.Header.Get("ETag") == p.etag {
		t.Fatalf("%s %s, tag %s after %s", response.Status, body, response.Header.Get("ETag"), p.etag)
	}
	for _, want := range []string{"a=ice-ufrag:", "a=ice-pwd:", "a=candidate:", "a=end-of-candidates"} {
		if !strings.Contains(body, want) {
			t.Errorf("the answer lacks %s:\n%s", want, body)
		}
	}
	if response, _ := request(t, http.MethodPatch, p.resource, typeFragment, "a=ice-options:trickle\r\n", "If-Match: "+p.etag); response.StatusCode != http.StatusPreconditionFailed {
		t.Errorf("the old tag: %s", response.Status)
	}
}

func TestLinks(t *testing.T) {
	s := configured(&Config{ICEServers: []ICEServer{
		{URL: "stun:a.example:3478"}, {URL: "turn:b.example", Username: "u", Credential: "c"}, {URL: "turn:c.example", Secret: "s"},
	}})
	links, err := s.links()
	if err != nil || len(links) != 3 || links[0] != `<stun:a.example:3478>; rel="ice-server"` ||
		links[1] != `<turn:b.example>; rel="ice-server"; username="u"; credential="c"; credential-type="password"` {
		t.Fatalf("%q %v", links, err)
	}
	own := regexp.MustCompile(`^<turn:c\.example>; rel="ice-server"; username="(\d+):weir"; credential="[A-Za-z0-9+/]{27}="; credential-type="password"$`).FindStringSubmatch(links[2])
	if own == nil {
		t.Fatal(links[2])
	}
	until, err := strconv.ParseInt(own[1], 10, 64)
	if valid := time.Until(time.Unix(until, 0)); err != nil || valid < turnValid-time.Minute || valid > turnValid {
		t.Errorf("valid for %v, %v", valid, err)
	}
}

// Tools for SRS publish and play by its routes.
func TestSRSRoutes(t *testing.T) {
	r := newRig(t, nil)
	p := newPeer(t)
	p.addTrack(pion.MimeTypeH264)
	offer, err := json.Marshal(p.offer())
	if err != nil {
		t.Fatal(err)
	}
	response, body := request(t, http.MethodPost, r.Plain+"/rtc/v1/publish/", "application/json",
		`{"api":"x","clientip":null,"streamurl":"webrtc://127.0.0.1/live/test?token=abc","sdp":`+string(offer)+`}`)
	var answer srsAnswer
	if err := json.Unmarshal([]byte(body), &answer); err != nil || response.StatusCode != http.StatusOK || answer.Code != 0 || answer.Session == "" {
		t.Fatalf("%s %s", response.Status, body)
	}
	if err := p.SetRemoteDescription(pion.SessionDescription{Type: pion.SDPTypeAnswer, SDP: answer.SDP}); err != nil {
		t.Fatal(err)
	}
	p.wait()
	if r.Host.Bus.Stream("live/test") == nil {
		t.Error("there is no stream")
	}
	for path, body := range map[string]string{
		"/rtc/v1/play":     `{"streamurl":"http://127.0.0.1/live/test","sdp":"x"}`,
		"/rtc/v1/play/":    `{"streamurl":"webrtc://127.0.0.1/live/test","sdp":"x"}`,
		"/rtc/v1/publish":  `rubbish`,
		"/rtc/v1/publish/": `{"streamurl":"webrtc://127.0.0.1/api/x","sdp":` + string(offer) + `}`,
	} {
		if response, text := request(t, http.MethodPost, r.Plain+path, "application/json", body); response.StatusCode != http.StatusOK || !strings.Contains(text, `"code":400,"error":"`) {
			t.Errorf("%s with %.60s: %s %s", path, body, response.Status, text)
		}
	}
	if response, text := request(t, http.MethodPost, r.Plain+"/rtc/v1/whep/?app=live&stream=none", typeSDP, "v=0"); response.StatusCode != http.StatusBadRequest {
		t.Errorf("%s %s", response.Status, text)
	}
	again := newPeer(t)
	again.addTrack(pion.MimeTypeH264)
	again.post(r.Plain + "/rtc/v1/whip/?app=live&stream=other")
	if !strings.Contains(again.resource, "/live/other/whip/") {
		t.Errorf("the session is %s", again.resource)
	}
	again.wait()
}

// Sessions that never connect and ones that are deleted at once leave nothing
// behind, and no more than allowed are there at a time.
func TestComeAndGo(t *testing.T) {
	const most, rounds = 40, 5
	r := newRig(t, func(c *Config) { c.ConnectTimeout, c.MaxSessions = config.Duration(5*time.Second), most })
	p := newPeer(t)
	p.addTrack(pion.MimeTypeH264)
	offer := p.offer()
	for round := range rounds {
		for n := range most {
			response, body := request(t, http.MethodPost, fmt.Sprintf("%s/live/%d/whip", r.Plain, n), typeSDP, offer)
			if response.StatusCode != http.StatusCreated {
				t.Fatalf("session %d of round %d: %s %s", n, round, response.Status, body)
			}
			location, err := response.Location()
			if err != nil {
				t.Fatal(err)
			}
			if round < rounds-1 {
				if response, body := request(t, http.MethodDelete, location.String(), "", ""); response.StatusCode != http.StatusOK {
					t.Fatalf("%s %s", response.Status, body)
				}
			}
		}
	}
	if response, body := request(t, http.MethodPost, r.Plain+"/live/more/whip", typeSDP, offer); response.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "max_sessions") {
		t.Errorf("one more: %s %s", response.Status, body)
	}
	deadline := time.Now().Add(waitLong)
	for len(r.Host.Sessions.List()) > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("%d sessions stay", len(r.Host.Sessions.List()))
		}
		time.Sleep(10 * time.Millisecond)
	}
	for _, g := range r.Host.Sessions.Totals().Groups {
		if g.Closes[reason.HandshakeTimeout] != most || g.Closes[reason.Unpublished] != most*(rounds-1) {
			t.Errorf("%+v", g.Closes)
		}
	}
}

// A player that waits for its stream can be closed, and is counted once.
func TestKilledWhileWaiting(t *testing.T) {
	c := New().(*Config)
	c.Listen = "127.0.0.1:0"
	r := httplivetest.New(t, c, httplivetest.Options{Wait: waitLong})
	p := newPeer(t)
	if _, err := p.AddTransceiverFromKind(pion.RTPCodecTypeVideo, pion.RTPTransceiverInit{Direction: pion.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	offer := p.offer()
	go func() {
		for deadline := time.Now().Add(waitLong); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			if list := r.Host.Sessions.List(); len(list) == 1 && list[0].State == session.Waiting {
				r.Host.Sessions.KillAll(reason.Kicked)
				return
			}
		}
	}()
	response, body := request(t, http.MethodPost, r.Plain+"/live/none/whep", typeSDP, offer)
	if response.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "kicked") {
		t.Errorf("%s %s", response.Status, body)
	}
	totals := r.Host.Sessions.Totals()
	if len(totals.Groups) != 1 || totals.Groups[0].Closes[reason.Kicked] != 1 || len(totals.Refusals) > 0 {
		t.Errorf("%+v", totals)
	}
}

// The tracks of a publisher that cannot be used are named; the rest is published.
func TestPublisherLeftOut(t *testing.T) {
	const fingerprint = "a=fingerprint:sha-256 " +
		"00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\na=setup:actpass\r\n"
	const unusable = "m=video 9 UDP/TLS/RTP/SAVPF 98 99 100 101\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\na=sendonly\r\na=rtcp-mux\r\n" +
		"a=rtpmap:98 H264/90000\r\na=fmtp:98 packetization-mode=0\r\na=rtpmap:99 X-H267/90000\r\n" +
		"a=rtpmap:100 red/90000\r\na=rtpmap:101 rtx/90000\r\na=fmtp:101 apt=98\r\n"
	const unknown = "m=audio 9 UDP/TLS/RTP/SAVPF 112 113\r\nc=IN IP4 0.0.0.0\r\na=mid:3\r\na=sendonly\r\na=rtcp-mux\r\n" +
		"a=rtpmap:112 lyra/16000\r\na=rtpmap:113 telephone-event/8000\r\n"
	r := newRig(t, nil)
	offer := strings.Replace(browserOffer, "BUNDLE 0 1\r\n", "BUNDLE 0 1 2 3\r\n"+fingerprint, 1) + unusable + unknown
	response, body := request(t, http.MethodPost, r.Plain+"/live/test/whip", typeSDP, offer)
	if response.StatusCode != http.StatusCreated {
		t.Fatalf("%s %s", response.Status, body)
	}
	list := r.Host.Sessions.List()
	want := []av.Omission{
		{Kind: av.Video, Codec: "H264, X-H267", Why: "its profile or packetization mode cannot be used"},
		{Kind: av.Audio, Codec: "lyra", Why: "its codec is unknown"},
	}
	if len(list) != 1 || !slices.Equal(list[0].LeftOut, want) {
		t.Fatalf("%+v", list)
	}
	if lacks := r.Host.Sessions.Lacks()["live/test"]; len(lacks) != 2 {
		t.Errorf("the stream lacks %+v", lacks)
	}
}

//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// curl runs curl for at most some seconds on a stream without end, and returns
// the status line and headers, and the body.
func curl(t *testing.T, seconds int, args ...string) (head string, body []byte) {
	t.Helper()
	dir := t.TempDir()
	headFile, bodyFile := filepath.Join(dir, "head"), filepath.Join(dir, "body")
	all := append([]string{"-sS", "-N", "--max-time", fmt.Sprint(seconds), "-D", headFile, "-o", bodyFile}, args...)
	_ = start(t, time.Minute, nil, "curl", all...).wait() // 28 if the time is over
	h, err := os.ReadFile(headFile)
	if err != nil {
		t.Fatal(err)
	}
	body, err = os.ReadFile(bodyFile)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(h), body
}

// header matches a header line whatever its case.
func header(name, value string) *regexp.Regexp {
	return regexp.MustCompile(`(?im)^` + regexp.QuoteMeta(name) + `:\s*` + value + `\s*$`)
}

// TestFullHTTPHeaders looks at the answers to HTTP-FLV requests as curl sees
// them.
func TestFullHTTPHeaders(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	s.publish(t, simpleClip, "live/test", publishOptions{loop: true})
	url := s.httpURL("live/test.flv")
	tests := []struct {
		name   string
		args   []string
		status string
		media  bool
	}{
		{"HTTP/1.1", []string{"--http1.1", url}, "200", true},
		{"HTTP/1.0", []string{"--http1.0", url}, "200", true},
		{"HEAD", []string{"-I", url}, "200", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			head, body := curl(t, 4, tt.args...)
			if status := regexp.MustCompile(`^HTTP/1\.[01] (\d+)`).FindStringSubmatch(head); status == nil || status[1] != tt.status {
				t.Errorf("the answer is not %s:\n%s", tt.status, head)
			}
			for _, want := range []*regexp.Regexp{
				header("Content-Type", "video/x-flv"),
				header("Access-Control-Allow-Origin", `\*`),
				header("Cache-Control", ".*no-(store|cache).*"),
			} {
				if !want.MatchString(head) {
					t.Errorf("no header like %v:\n%s", want, head)
				}
			}
			if bad := header("Transfer-Encoding", ".*"); bad.MatchString(head) {
				t.Errorf("a body without end needs no transfer coding:\n%s", head)
			}
			if !tt.media {
				if len(bytes.TrimSpace(body)) > 0 && !bytes.HasPrefix(body, []byte("HTTP/")) {
					t.Errorf("HEAD has a body of %d bytes", len(body))
				}
				return
			}
			f, err := newFLVReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			tags := 0
			for ; ; tags++ {
				if _, err = f.next(); err != nil {
					break
				}
			}
			if tags < 50 {
				t.Errorf("%d tags, then %v", tags, err)
			}
		})
	}
	t.Run("preflight", func(t *testing.T) {
		head, _ := curl(t, 4, "-X", "OPTIONS", "-H", "Origin: http://example.com", "-H", "Access-Control-Request-Method: GET", url)
		if !header("Access-Control-Allow-Origin", `\*`).MatchString(head) || !strings.Contains(head, " 20") {
			t.Errorf("no leave to fetch from another origin:\n%s", head)
		}
	})
	t.Run("POST", func(t *testing.T) {
		if head, _ := curl(t, 4, "-d", "x", url); !strings.Contains(head, " 405") {
			t.Errorf("POST is not refused:\n%s", head)
		}
	})
}

// TestFullSelection: ?audio=0 and ?video=0 leave out a kind, and the file
// header says so.
func TestFullSelection(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	s.publish(t, simpleClip, "live/test", publishOptions{loop: true})
	tests := []struct {
		query  string
		flags  byte
		absent byte
	}{
		{"?audio=0", flagVideo, tagAudio},
		{"?video=0", flagAudio, tagVideo},
	}
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			f := openFLV(t, s.httpURL("live/test.flv"+tt.query))
			if f.flags != tt.flags {
				t.Errorf("flags %d, want %d", f.flags, tt.flags)
			}
			for media := 0; media < 100; {
				tag, err := f.next()
				if err != nil {
					t.Fatal(err)
				}
				if tag.kind == tt.absent {
					t.Fatalf("a tag of kind %d arrived", tag.kind)
				}
				if tag.media() {
					media++
				}
			}
		})
	}
}

// TestFullWaiting: players who come before the publisher get the stream from
// its first packet on.
func TestFullWaiting(t *testing.T) {
	for _, protocol := range []string{"rtmp", "http"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, settings{"stream.wait": "20s"})
			url := s.rtmpURL("live/test")
			if protocol == "http" {
				url = s.httpURL("live/test.flv")
			}
			published := filePackets(t, hardClip.path(t))
			player := startProbe(t, url, 60*time.Second)
			eventually(t, 10*time.Second, "the player is listed as waiting", func() bool {
				return strings.Contains(s.get(t, "api/v1/sessions"), `"waiting"`)
			})
			startPublish(t, hardClip, s.rtmpURL("live/test"), publishOptions{})
			got := player.read(t, 200)
			requireRun(t, published, got)
			if first := byKind(got)["video"][0]; first.hash != byKind(published)["video"][0].hash {
				t.Errorf("the first picture is %v, want the first that was published", first)
			}
		})
	}
}

// TestFullNotFound: a player of a stream that does not come is told so after
// the wait.
func TestFullNotFound(t *testing.T) {
	t.Parallel()
	s := startServer(t, settings{"stream.wait": "1s"})
	t.Run("http", func(t *testing.T) {
		begin := time.Now()
		head, body := curl(t, 20, s.httpURL("live/none.flv"))
		if waited := time.Since(begin); waited < 900*time.Millisecond {
			t.Errorf("answered after %v, want a wait of 1s", waited)
		}
		if !strings.Contains(head, " 404") || !header("Cache-Control", ".*no-store.*").MatchString(head) {
			t.Errorf("want 404 with no-store:\n%s", head)
		}
		requireContains(t, "the answer", string(body), `"error"`, `"code"`)
	})
	t.Run("rtmp", func(t *testing.T) {
		p := start(t, 30*time.Second, nil, "rtmpdump", "--debug", "-v", "-r", s.rtmpURL("live/none"), "-o", os.DevNull)
		p.mustFail(t)
		requireContains(t, "rtmpdump's messages", p.out.String(), "NetStream.Play.StreamNotFound", "stream_not_found")
	})
}

// TestFullAdmin looks at metrics, health and the API.
func TestFullAdmin(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	s.publish(t, simpleClip, "live/test", publishOptions{loop: true})
	readPackets(t, s.rtmpURL("live/test"), 100, 30*time.Second)
	viewer := openFLV(t, s.httpURL("live/test.flv"))
	if _, err := viewer.next(); err != nil {
		t.Fatal(err)
	}

	eventually(t, 5*time.Second, "one viewer is listed, as the first has gone", func() bool {
		st, _ := s.stream(t, "live/test")
		return st.ViewersTotal == 1 && st.Viewers["httpflv"] == 1 && len(st.Tracks) == 2
	})
	requireContains(t, "the stream alone", s.get(t, "api/v1/streams/live/test"), `"live/test"`, `"H264"`, `"AAC"`, `640`)
	requireContains(t, "the sessions", s.get(t, "api/v1/sessions"), `"publish"`, `"play"`, `"httpflv"`, `"rtmp"`)
	requireContains(t, "info", s.get(t, "api/v1/info"), `"version"`, s.rtmp[strings.LastIndex(s.rtmp, ":")+1:])
	s.get(t, "healthz")
	requireMetrics(t, s.get(t, "metrics"))

	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"another host name", []string{"-H", "Host: example.com", s.httpURL("api/v1/streams")}, " 401"},
		{"through a proxy", []string{"-H", "X-Forwarded-For: 192.0.2.1", s.httpURL("metrics")}, " 401"},
		{"an unknown stream", []string{s.httpURL("api/v1/streams/live/none")}, " 404"},
		{"an unknown route", []string{s.httpURL("api/v1/nothing")}, " 404"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if head, _ := curl(t, 10, tt.args...); !strings.Contains(head, tt.want) {
				t.Errorf("want%s:\n%s", tt.want, head)
			}
		})
	}
}

// requireMetrics checks the exposition format line by line, the conventions for
// names, and that traffic was counted.
func requireMetrics(t *testing.T, text string) {
	t.Helper()
	sample := regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[^{}]*\})? (\S+)$`)
	kinds := map[string]string{}
	traffic := false
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if fields := strings.Fields(line); len(fields) == 4 && fields[1] == "TYPE" {
			kinds[fields[2]] = fields[3]
			if fields[3] == "counter" && strings.HasPrefix(fields[2], "weir_") && !strings.HasSuffix(fields[2], "_total") {
				t.Errorf("the counter %s does not end in _total", fields[2])
			}
			continue
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		m := sample.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("not a sample: %q", line)
			continue
		}
		if strings.HasPrefix(m[1], "weir_") && strings.Contains(m[1], "bytes") && strings.HasSuffix(m[1], "_total") && m[3] != "0" {
			traffic = true
		}
	}
	for _, runtime := range []string{"go_goroutines", "process_open_fds"} {
		if kinds[runtime] == "" {
			t.Errorf("no metric %s", runtime)
		}
	}
	if !traffic {
		t.Errorf("no weir_…bytes…_total above zero:\n%s", tail(text, 4000))
	}
}

//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/textproto"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirmedia/weir/test/freeport"
)

// relayState is what the tests read of an entry of GET /api/v1/pulls and forwards.
type relayState struct {
	Stream, State, Peer, Error, Session string
	Attempts                            int
	Next                                time.Time
}

// relayStates returns what is pulled or forwarded.
func (s *server) relayStates(t *testing.T, what string) []relayState {
	t.Helper()
	answer := map[string]json.RawMessage{}
	var all []relayState
	if err := errors.Join(json.Unmarshal([]byte(s.get(t, "api/v1/"+what)), &answer), json.Unmarshal(answer[what], &all)); err != nil {
		t.Fatalf("GET /api/v1/%s: %v", what, err)
	}
	return all
}

// pullState returns how a stream is fetched; the zero value if it is not.
func (s *server) pullState(t *testing.T, name string) relayState {
	t.Helper()
	for _, r := range s.relayStates(t, "pulls") {
		if r.Stream == name {
			return r
		}
	}
	return relayState{}
}

// relayFailures returns the server's log lines on the failures of a stream's pull or
// forward.
func (s *server) relayFailures(what, name string) (lines []string) {
	for line := range strings.Lines(s.out.String()) {
		if strings.Contains(line, `msg="`+what+` failed" stream=`+name+" ") {
			lines = append(lines, line)
		}
	}
	return lines
}

// pullRules writes a rule for each stream.
func pullRules(sources map[string][]string, more string) string {
	var rules []string
	for name, urls := range sources {
		rules = append(rules, fmt.Sprintf(`{streams: ["%s"], sources: ["%s"]%s}`, name, strings.Join(urls, `", "`), more))
	}
	return "[" + strings.Join(rules, ", ") + "]"
}

// listenTCP gives each connection to serve, on a goroutine of its own, and closes it
// when serve returns or the test ends. It returns host:port.
func listenTCP(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return l.Addr().String()
}

// silent takes what comes and says nothing.
func silent(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// full returns an address whose queue of connections is full: the kernel leaves
// further ones without an answer, as a firewall that drops packets does.
func full(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	for range 10 {
		c, err := net.DialTimeout("tcp", address, 300*time.Millisecond)
		if err != nil {
			return address
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Fatal("the queue of connections does not fill up")
	return ""
}

// asked waits for a request of HTTP first.
func asked(serve func(net.Conn)) func(net.Conn) {
	return func(c net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			serve(c)
		}
	}
}

// trickle answers with one byte after the other, slowly.
func trickle(answer string) func(net.Conn) {
	return func(c net.Conn) {
		go silent(c)
		for i := range answer {
			if _, err := c.Write([]byte(answer[i : i+1])); err != nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
}

// garbage sends begin and then random bytes for as long as they are taken.
func garbage(begin string) func(net.Conn) {
	return func(c net.Conn) {
		go silent(c)
		random := rand.New(rand.NewPCG(1, 2))
		noise := make([]byte, 4096)
		for _, err := io.WriteString(c, begin); err == nil; _, err = c.Write(noise) {
			for i := range noise {
				noise[i] = byte(random.Uint32())
			}
		}
	}
}

// redirectRTMP refuses connect and names another address, which is its own again
// (the object "ex" of servers that balance load).
func redirectRTMP(c net.Conn) {
	const size = 1536
	in := bufio.NewReader(c)
	first := make([]byte, 1+size)
	if _, err := io.ReadFull(in, first); err != nil {
		return
	}
	if _, err := c.Write(append(bytes.Clone(first), first[1:]...)); err != nil {
		return
	}
	if _, err := io.CopyN(io.Discard, in, size); err != nil {
		return
	}
	property := func(name string) []byte {
		return append(binary.BigEndian.AppendUint16(nil, uint16(len(name))), name...)
	}
	end := []byte{0, 0, 9}
	body := append(amf("_error", 1, nil), 3)
	for _, p := range [][2]string{{"level", "error"}, {"code", "NetConnection.Connect.Rejected"}} {
		body = append(append(body, property(p[0])...), amf(p[1])...)
	}
	body = append(append(body, property("ex")...), amf(amfObject{{"redirect", "rtmp://" + c.LocalAddr().String() + "/live"}})...)
	body = append(body, end...)
	p := &rtmpClient{c}
	if p.message(2, 1, 0, 0, binary.BigEndian.AppendUint32(nil, sentChunkSize)) == nil && p.message(3, 20, 0, 0, body) == nil {
		_, _ = io.Copy(io.Discard, in)
	}
}

// redirectRTSP answers each request with a redirection to itself.
func redirectRTSP(c net.Conn) {
	for in := textproto.NewReader(bufio.NewReader(c)); ; {
		if _, err := in.ReadLine(); err != nil {
			return
		}
		header, err := in.ReadMIMEHeader()
		if err != nil {
			return
		}
		if _, err := fmt.Fprintf(c, "RTSP/1.0 302 Moved\r\nCSeq: %s\r\nLocation: rtsp://%s/again\r\n\r\n", header.Get("CSeq"), c.LocalAddr()); err != nil {
			return
		}
	}
}

// hashed returns what `weir hash` prints for a password.
func hashed(t *testing.T, password string, flags ...string) string {
	t.Helper()
	p := start(t, time.Minute, func(c *exec.Cmd) { c.Stdin = strings.NewReader(password + "\n") }, weirBinary(t), append([]string{"hash"}, flags...)...)
	p.mustSucceed(t)
	return strings.TrimSpace(p.out.String())
}

// badSource is a source that brings nothing, and what is said of it.
type badSource struct {
	url    string
	says   string // expression
	reason string
}

// badSources returns one of each kind, by the name of the stream.
func badSources(t *testing.T) map[string]badSource {
	t.Helper()
	closed, mute, queue := freeport.Address(t), listenTCP(t, silent), full(t)
	noise := listenTCP(t, garbage(""))
	loop := listenTCP(t, redirectRTSP)
	up := startRTSPServerWith(t, settings{
		"stream.wait": "100ms",
		"auth.users": fmt.Sprintf(`[{name: ann, password: %q, digest: %q, allow: [{actions: [play], streams: ["secret/**"]}]}, {allow: [{actions: [publish, play], streams: ["open/**"]}]}]`,
			hashed(t, "right"), hashed(t, "right", "--digest", "ann")),
	})
	nginx := startNginxRTMP(t, `application live { live on; } application closed { live on; deny play all; }`)
	page := listenHTTP(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<!DOCTYPE html><title>Welcome</title>") })
	again := listenHTTP(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) })
	flvHead := "HTTP/1.1 200 OK\r\nContent-Type: video/x-flv\r\n\r\nFLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00"
	const late = "did not answer within 3s"
	all := map[string]badSource{
		"slow-rtmp": {"rtmp://" + listenTCP(t, trickle("\x03"+strings.Repeat("\x00", 3072))) + "/live/x", late, "handshake_timeout"},
		"slow-rtsp": {"rtsp://" + listenTCP(t, trickle("RTSP/1.0 200 OK\r\nCSeq: 1\r\n"+strings.Repeat("X: y\r\n", 100))) + "/live/x", late, "handshake_timeout"},
		"slow-http": {"http://" + listenTCP(t, asked(trickle("HTTP/1.1 200 OK\r\n"+strings.Repeat("X: y\r\n", 100)))) + "/live/x.flv", late, "handshake_timeout"},
		"trickle-flv": {"http://" + listenTCP(t, asked(func(c net.Conn) {
			_, _ = io.WriteString(c, flvHead)
			trickle("\x09\x00\xff\xff" + strings.Repeat("\x00", 1000))(c)
		})) + "/live/x.flv", "the source sends nothing", "publish_timeout"},

		"wrong-rtmp":    {"rtmp://" + up.rtmp + "/secret/x?user=ann&pass=planted", "wrong user name or password", "unauthorized"},
		"wrong-rtsp":    {"rtsp://ann:planted@" + up.rtsp + "/secret/x", "401", "unauthorized"},
		"wrong-http":    {"http://ann:planted@" + up.http + "/secret/x.flv", "unauthorized", "unauthorized"},
		"denied-nginx":  {"rtmp://" + nginx + "/closed/x", ".", "network_error"},
		"denied-rtsp":   {"rtsp://ann:right@" + up.rtsp + "/other/x", "403", "unauthorized"},
		"none-rtmp":     {up.rtmpURL("open/x"), "stream_not_found", "stream_not_found"},
		"none-rtsp":     {up.url("open/x"), "404", "stream_not_found"},
		"none-http":     {up.httpURL("open/x.flv"), "404 stream_not_found", "stream_not_found"},
		"html-for-flv":  {"http://" + page + "/x.flv", "not an FLV file", "bad_media"},
		"http-for-rtmp": {"rtmp://" + up.http + "/live/x", ".", "bad_handshake"},
		"http-for-rtsp": {"rtsp://" + up.http + "/live/x", ".", "network_error"},
		"rtmp-for-rtsp": {"rtsp://" + up.rtmp + "/live/x", ".", "network_error"},
		// What the handshake sends is random: the server waits for more, or has seen enough.
		"rtsp-for-rtmp": {"rtmp://" + up.rtsp + "/live/x", ".", "handshake_timeout|network_error"},
		"rtsp-for-http": {"http://" + up.rtsp + "/live/x.flv", ".", "network_error"},
		"rtmp-for-http": {"http://" + nginx + "/live/x.flv", late, "handshake_timeout"},
		"plain-for-tls": {"rtmps://" + up.rtmp + "/live/x", ".", "network_error"},
		"noise-rtmp":    {"rtmp://" + noise + "/live/x", ".", "bad_handshake"},
		"noise-rtsp":    {"rtsp://" + noise + "/live/x", ".", "network_error"},
		"noise-http":    {"http://" + noise + "/live/x.flv", ".", "network_error"},
		"noise-in-flv":  {"http://" + listenTCP(t, asked(garbage(flvHead))) + "/live/x.flv", "tag|sends nothing", "bad_media|publish_timeout"},
		"loop-http":     {"http://" + again + "/x.flv", "redirected more than 5 times", "network_error"},
		"loop-rtmp":     {"rtmp://" + listenTCP(t, redirectRTMP) + "/live/x", "after 5 redirects", "network_error"},
		"loop-rtsp":     {"rtsp://" + loop + "/live/x", "after 5 redirects", "network_error"},
	}
	for scheme, suffix := range map[string]string{"rtmp": "", "rtsp": "", "http": ".flv"} {
		all["closed-"+scheme] = badSource{scheme + "://" + closed + "/live/x" + suffix, "connection refused", "network_error"}
		all["mute-"+scheme] = badSource{scheme + "://" + mute + "/live/x" + suffix, late, "handshake_timeout"}
		all["full-"+scheme] = badSource{scheme + "://" + queue + "/live/x" + suffix, late, "handshake_timeout"}
	}
	return all
}

// listenHTTP is listenTCP for a handler of HTTP.
func listenHTTP(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: handler}
	t.Cleanup(func() { s.Close() })
	go func() { _ = s.Serve(l) }()
	return l.Addr().String()
}

// TestFullRelayBadSources: of each source that brings nothing, API, log and the players
// that wait are told why, long before the players' own time is over.
func TestFullRelayBadSources(t *testing.T) {
	t.Parallel()
	all, sources := badSources(t), map[string][]string{}
	for name, bad := range all {
		sources[name] = []string{bad.url}
	}
	const wait, tries = 40 * time.Second, 3
	s := startRTSPServerWith(t, settings{
		"stream.wait": wait.String(), "relay.timeout": "3s", "relay.min_delay": "200ms", "relay.max_delay": "400ms", "relay.close_after": "1m",
		"relay.pulls": pullRules(sources, fmt.Sprintf(", retry: %d", tries-1)),
	})
	began, answers := time.Now(), map[string]chan string{}
	for name := range all {
		answer := make(chan string, 1)
		answers[name] = answer
		go func() { answer <- ask(s.httpURL(name + ".flv")) }()
	}
	for name, bad := range all {
		t.Run(name, func(t *testing.T) {
			says := regexp.MustCompile(bad.says)
			if told := <-answers[name]; !strings.HasPrefix(told, "404 Not Found ") || !says.MatchString(told) {
				t.Errorf("the player is told %s", told)
			}
			if took := time.Since(began); took > wait/2 {
				t.Errorf("told after %v", took)
			}
			eventually(t, 20*time.Second, "it gives up", func() bool { return s.pullState(t, name).State == "failed" })
			if r := s.pullState(t, name); !says.MatchString(r.Error) || r.Attempts != tries {
				t.Errorf("the API says %+v", r)
			}
			lines := s.relayFailures("pull", name)
			for _, line := range lines {
				if !says.MatchString(line) || !regexp.MustCompile(" reason=("+bad.reason+") ").MatchString(line) {
					t.Errorf("the log says %s", line)
				}
			}
			if len(lines) != tries {
				t.Errorf("the log has %d lines, want %d", len(lines), tries)
			}
		})
	}
	for _, player := range [][]string{{"ffprobe", s.rtmpURL("closed-http")}, {weirBinary(t), "probe", s.url("closed-rtmp")}} {
		p := start(t, time.Minute, nil, player[0], player[1:]...)
		p.mustFail(t)
		requireContains(t, player[0], p.out.String(), "connection refused")
	}
	for what, text := range map[string]string{"the log": s.out.String(), "the API": s.get(t, "api/v1/pulls")} {
		if strings.Contains(text, "planted") || strings.Contains(text, "ann:") {
			t.Errorf("%s has credentials", what)
		}
	}
}

// ask returns status and body of a page, or why there is none.
func ask(url string) string {
	resp, err := http.Get(url)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return fmt.Sprint(resp.Status, " ", string(body), err)
}

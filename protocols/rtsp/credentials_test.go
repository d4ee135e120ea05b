package rtsp_test

import (
	"bufio"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"net/textproto"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/streamname"
)

// everything lets a user publish and play all streams.
func everything(t *testing.T) []auth.Rule {
	t.Helper()
	all, err := streamname.ParsePattern("**")
	if err != nil {
		t.Fatal(err)
	}
	return []auth.Rule{{Actions: []auth.Action{auth.Publish, auth.Play}, Streams: []streamname.Pattern{all}}}
}

func digestUser(t *testing.T, name, password string) auth.User {
	t.Helper()
	ha1, err := auth.NewHA1(name, password)
	if err != nil {
		t.Fatal(err)
	}
	return auth.User{Name: name, Digest: ha1, Allow: everything(t)}
}

// gortsplib's client proves itself by SHA-256.
func TestDigest(t *testing.T) {
	r := newRig(t, auth.Config{Users: []auth.User{digestUser(t, "ann", "secret")}})
	frames := footage(t, "bframes.flv")
	d, _, _ := describe(t, frames)
	for _, transport := range []gortsplib.Transport{gortsplib.TransportTCP, gortsplib.TransportUDP} {
		address := r.server.Addr().String() + "/live/" + transport.String()
		c := &gortsplib.Client{Transport: &transport}
		if err := c.StartRecording("rtsp://ann:wrong@"+address, d); err == nil || !strings.Contains(err.Error(), "401") {
			t.Errorf("%v: %v", transport, err)
		}
		c = &gortsplib.Client{Transport: &transport}
		if err := c.StartRecording("rtsp://ann:secret@"+address, d); err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	r.feed("live/test", frames)
	address := r.server.Addr().String() + "/live/test"
	for url, want := range map[string]string{
		"rtsp://" + address:                           "401",
		"rtsp://ann:wrong@" + address:                 "401",
		"rtsp://ann:secret@" + address:                "",
		"rtsp://ann:secret@" + address + "?x=1":       "",
		"rtsp://" + address + "?user=ann&pass=secret": "",
		"rtsp://" + address + "?user=ann&pass=wrong":  "401",
	} {
		p, err := r.tryPlay(url, gortsplib.TransportTCP)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
		if p != nil {
			p.Close()
		}
	}
	for _, s := range r.host.Sessions.List() {
		if s.Action == session.Play && s.User != "ann" {
			t.Errorf("%+v", s)
		}
	}
}

// wire is a client that sends what it is told.
type wire struct {
	t *testing.T
	net.Conn
	*textproto.Reader
	url  string
	cseq int
}

func (r *rig) wire(name string) *wire {
	r.t.Helper()
	nc, err := net.Dial("tcp", r.server.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { nc.Close() })
	return &wire{t: r.t, Conn: nc, Reader: textproto.NewReader(bufio.NewReader(nc)), url: r.url(name)}
}

// ask sends a DESCRIBE, with an Authorization unless it is empty, and returns the
// status and the header of the answer.
func (w *wire) ask(authorization string) (status string, h textproto.MIMEHeader) {
	w.t.Helper()
	w.cseq++
	if authorization != "" {
		authorization = "Authorization: " + authorization + "\r\n"
	}
	if _, err := fmt.Fprintf(w.Conn, "DESCRIBE %s RTSP/1.0\r\nCSeq: %d\r\n%s\r\n", w.url, w.cseq, authorization); err != nil {
		w.t.Fatal(err)
	}
	line, err := w.ReadLine()
	if err != nil {
		w.t.Fatal(err)
	}
	if h, err = w.ReadMIMEHeader(); err != nil {
		w.t.Fatal(err)
	}
	return strings.Fields(line)[1], h
}

func md5Hex(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

// prove makes a Digest of ann by MD5.
func (w *wire) prove(password, nonce, uri string) string {
	response := md5Hex(md5Hex("ann:weir:"+password) + ":" + nonce + ":" + md5Hex("DESCRIBE:"+uri))
	return fmt.Sprintf(`Digest username="ann", realm="weir", nonce="%s", uri="%s", response="%s"`, nonce, uri, response)
}

var nonceIn = regexp.MustCompile(`nonce="(.+?)"`)

// Digest is asked for before Basic, with a nonce that is good for one connection;
// a guess ends it.
func TestDigestChallenge(t *testing.T) {
	r := newRig(t, auth.Config{Users: []auth.User{digestUser(t, "ann", "secret")}})
	w := r.wire("live/none")
	status, h := w.ask("")
	challenges := h["Www-Authenticate"]
	if status != "401" || len(challenges) != 3 || !strings.HasSuffix(challenges[0], "algorithm=SHA-256") ||
		!strings.HasSuffix(challenges[1], "algorithm=MD5") || challenges[2] != `Basic realm="weir"` {
		t.Fatalf("got %s, %q", status, challenges)
	}
	nonce := nonceIn.FindStringSubmatch(challenges[1])[1]
	if _, h = r.wire("live/none").ask(""); strings.Contains(h.Get("Www-Authenticate"), nonce) {
		t.Error("two connections have one nonce")
	}
	status, h = w.ask(w.prove("secret", "of-another", w.url))
	if status != "401" || !strings.Contains(h.Get("Www-Authenticate"), "stale=true") {
		t.Errorf("with another nonce: %s, %q", status, h)
	}
	if status, _ = w.ask(w.prove("secret", nonce, w.url+"/other")); status != "400" {
		t.Errorf("with another URI: %s", status)
	}
	if status, _ = w.ask(w.prove("secret", nonce, w.url)); status != "404" { // nobody publishes there
		t.Errorf("with the right proof: %s", status)
	}
	if status, h = w.ask(w.prove("wrong", nonce, w.url)); status != "401" || strings.Contains(h.Get("Www-Authenticate"), "stale") {
		t.Errorf("with a wrong proof: %s, %q", status, h)
	}
	if _, err := w.ReadLine(); err == nil {
		t.Error("the connection goes on after a guess")
	}
}

// A guess in the query ends the connection, whatever stands in the header.
func TestGuessInQuery(t *testing.T) {
	r := newRig(t, auth.Config{Users: []auth.User{digestUser(t, "ann", "secret")}})
	for _, authorization := range []string{"", "Bearer x", `Digest username="ann", realm="weir", nonce="x", uri="x", response="x"`} {
		w := r.wire("live/none?user=ann&pass=wrong")
		if status, _ := w.ask(authorization); status != "401" {
			t.Errorf("%q: %s", authorization, status)
		}
		if _, err := w.ReadLine(); err == nil {
			t.Errorf("%q: the connection goes on after a guess", authorization)
		}
	}
}

// Where no user has a HA1, Basic is offered alone; passwords may hold colons.
func TestBasicAlone(t *testing.T) {
	text, err := auth.HashPassword("se:cret")
	if err != nil {
		t.Fatal(err)
	}
	hash, err := auth.ParsePasswordHash(text)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, auth.Config{Users: []auth.User{{Name: "ann", Password: hash, Allow: everything(t)}}})
	w := r.wire("live/none")
	if status, h := w.ask(""); status != "401" || len(h["Www-Authenticate"]) != 1 || h.Get("Www-Authenticate") != `Basic realm="weir"` {
		t.Errorf("got %s, %q", status, h)
	}
	if status, _ := w.ask("Basic " + base64.StdEncoding.EncodeToString([]byte("ann:se:cret"))); status != "404" {
		t.Errorf("got %s", status)
	}
}

// Users prove themselves by Basic authentication, which clients are asked for, or
// in the query.
func TestAuth(t *testing.T) {
	hash, err := auth.HashPassword("secret")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := auth.ParsePasswordHash(hash)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, auth.Config{Users: []auth.User{{
		Name: "ann", Password: parsed,
		Allow: everything(t),
	}}})
	r.feed("live/test", footage(t, "bframes.flv"))
	address := r.server.Addr().String() + "/live/test"
	for url, want := range map[string]string{
		"rtsp://" + address:                           "401",
		"rtsp://ann:wrong@" + address:                 "401",
		"rtsp://ann:secret@" + address:                "",
		"rtsp://" + address + "?user=ann&pass=secret": "",
	} {
		_, err := r.tryPlay(url, gortsplib.TransportTCP)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
	}
}

// exchangeable makes r ask a Switch, by which everybody may everything, and returns
// what makes it one by which nobody may without a password.
func (r *rig) exchangeable(t *testing.T) (exchange func()) {
	t.Helper()
	decides, err := auth.NewSwitch(auth.Config{}, auth.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(decides.Close)
	r.host.Auth = decides
	return func() {
		t.Helper()
		closed, err := decides.Prepare(auth.Config{Users: []auth.User{digestUser(t, "ann", "secret")}})
		if err != nil {
			t.Fatal(err)
		}
		decides.Use(closed)
	}
}

// What was granted to a connection does not count for its next request once it is
// over, or others may do less than before.
func TestGrantsOfBefore(t *testing.T) {
	r := newRig(t, auth.Config{})
	exchange := r.exchangeable(t)
	w := r.wire("live/none")
	if status, _ := w.ask(""); status != "404" { // nobody publishes there
		t.Fatalf("while everybody may: %s", status)
	}
	exchange()
	if status, _ := w.ask(""); status != "401" {
		t.Errorf("once nobody may without a password: %s", status)
	}
}

// A player that was let in by SETUP and may no more when it asks for PLAY is ended.
func TestGrantBeforePlay(t *testing.T) {
	r := newRig(t, auth.Config{})
	exchange := r.exchangeable(t)
	r.feed("live/test", footage(t, "bframes.flv"))
	nc, err := net.Dial("tcp", r.server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	h := ask(t, nc, bufio.NewReader(nc), "SETUP", r.url("live/test/trackID=0"), "Transport: RTP/AVP;unicast;client_port=9-9")
	id, _, _ := strings.Cut(h.Get("Session"), ";")
	exchange()
	fmt.Fprintf(nc, "PLAY %s RTSP/1.0\r\nCSeq: 2\r\nSession: %s\r\n\r\n", r.url("live/test"), id)
	r.eventually("it is ended", func() bool {
		groups := r.host.Sessions.Totals().Groups
		return len(groups) == 1 && groups[0].Closes[reason.Revoked] == 1
	})
}

// brief grants everything for a moment, and counts how often it is asked.
type brief struct {
	expires time.Time
	asked   atomic.Int32
}

func (b *brief) Authorize(context.Context, auth.Request) (auth.Grant, error) {
	b.asked.Add(1)
	return auth.Grant{Expires: b.expires}, nil
}

// The authorizer is asked once about the same, and again once its grant has expired.
func TestAskedOnce(t *testing.T) {
	for name, tt := range map[string]struct {
		expires time.Time
		want    int32
	}{
		"lasting": {time.Time{}, 1}, "for an hour": {time.Now().Add(time.Hour), 1}, "over": {time.Now().Add(-time.Hour), 2},
	} {
		t.Run(name, func(t *testing.T) {
			r, decides := newRig(t, auth.Config{}), &brief{expires: tt.expires}
			r.host.Auth = decides
			w := r.wire("live/none")
			for range 2 {
				if status, _ := w.ask(""); status != "404" {
					t.Fatalf("got %s", status)
				}
			}
			if n := decides.asked.Load(); n != tt.want {
				t.Errorf("asked %d times, not %d", n, tt.want)
			}
		})
	}
}

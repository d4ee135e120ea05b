package main

import (
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/auth"
)

func TestReachableFrom(t *testing.T) {
	private := []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("fe80::1"), netip.MustParseAddr("fd00::1")}
	hosted := append(private[:len(private):len(private)], netip.MustParseAddr("2606:4700::1"))
	for _, tt := range []struct {
		name, listens string
		interfaces    []netip.Addr
		want          bool
	}{
		{"loopback", "127.0.0.1:1935", hosted, false},
		{"loopback of IPv6", "[::1]:1935", hosted, false},
		{"a private address", "10.0.0.2:1935", hosted, false},
		{"a unique local address", "[fd00::1]:1935", hosted, false},
		{"a link-local address", "[fe80::1%eth0]:1935", hosted, false},
		{"behind carrier-grade NAT", "100.64.1.1:1935", hosted, false},
		{"documentation", "203.0.113.1:1935", hosted, false},
		{"a public address", "8.8.8.8:1935", private, true},
		{"a public address of IPv6", "[2606:4700::1]:1935", private, true},
		{"a mapped public address", "[::ffff:8.8.8.8]:1935", private, true},
		{"all addresses, all private", "[::]:1935", private, false},
		{"all addresses, one public", "[::]:1935", hosted, true},
		{"all of IPv4", "0.0.0.0:1935", hosted, true},
		{"no addresses known", "0.0.0.0:1935", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			addr := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(tt.listens))
			if got := reachableFrom(tt.interfaces)(addr); got != tt.want {
				t.Errorf("%v", got)
			}
		})
	}
}

// TestExposureWarnings: each danger has one line, with what helps.
func TestExposureWarnings(t *testing.T) {
	at := func(text string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(text)) }
	outside := reachableFrom([]netip.Addr{netip.MustParseAddr("8.8.8.8")})
	for _, tt := range []struct {
		name string
		e    exposure
		want []string // what the lines contain
	}{
		{"nothing", exposure{}, nil},
		{"inside", exposure{publishing: []net.Addr{at("127.0.0.1:1")}, http: at("10.0.0.1:2"), openPublishing: true, passwords: true}, nil},
		{"users", exposure{publishing: []net.Addr{at("0.0.0.0:1")}}, nil},
		{"open", exposure{publishing: []net.Addr{at("0.0.0.0:1"), nil, at("127.0.0.1:2"), at("8.8.8.8:3"), at("8.8.8.8:3")}, openPublishing: true}, []string{"may publish at 0.0.0.0:1, 8.8.8.8:3: name who may in auth.users"}},
		{"passwords", exposure{http: at("0.0.0.0:2"), passwords: true}, []string{"0.0.0.0:2 unencrypted: set tls.certificate"}},
		{"self-signed", exposure{selfSigned: "x.pem"}, []string{"self-signed: clients must be told to trust x.pem"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.e.public == nil {
				tt.e.public = outside
			}
			got := tt.e.warnings()
			if len(got) != len(tt.want) {
				t.Fatalf("got %q", got)
			}
			for i := range got {
				if !strings.Contains(got[i], tt.want[i]) {
					t.Errorf("got %q", got[i])
				}
			}
		})
	}
}

// TestReloadWarns: a reload that opens what was closed warns of that, once.
func TestReloadWarns(t *testing.T) {
	hash, err := auth.HashPassword("secret")
	must(t, err)
	s := startConfigured(t, "auth: {users: [{name: ann, password: '"+hash+"', allow: [{actions: [publish], streams: ['**']}]}]}\n")
	s.addresses = func() []netip.Addr { return []netip.Addr{netip.MustParseAddr("8.8.8.8")} }
	s.rtmp = &net.TCPAddr{IP: net.IPv4zero, Port: s.rtmp.(*net.TCPAddr).Port} // as if it listened everywhere
	warnings := func() int {
		return len(s.lines.atLevel(slog.LevelWarn))
	}
	before := warnings()
	for _, more := range []string{"", "hls: {window: 7}\n"} {
		s.write(t, more)
		if answer, text := s.ask(t, "POST", "/config/reload", "", ""); answer.StatusCode != http.StatusOK {
			t.Fatalf("%d %s", answer.StatusCode, text)
		}
		if n := warnings() - before; n != 1 || !s.lines.contain("everybody on the internet may publish at "+s.rtmp.String()) {
			t.Errorf("%d warnings", n)
		}
	}
	if _, text := s.ask(t, "GET", "/info", "", ""); !strings.Contains(text, "everybody on the internet may publish") {
		t.Errorf("the API tells %s", text)
	}
}

// TestAskedWhileChanging: who asks for what is in force, as every request does, does not
// wait for a change that takes its time.
func TestAskedWhileChanging(t *testing.T) {
	s := startConfigured(t, "")
	s.configuration.mu.Lock()
	defer s.configuration.mu.Unlock()
	client := http.Client{Timeout: patience}
	defer client.CloseIdleConnections()
	for _, path := range []string{"/metrics", "/api/v1/info"} {
		answer, err := client.Get("http://" + s.http.Addr().String() + path)
		must(t, err)
		must(t, answer.Body.Close())
	}
}

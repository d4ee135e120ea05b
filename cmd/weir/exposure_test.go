package main

import (
	"net"
	"net/netip"
	"strings"
	"testing"
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

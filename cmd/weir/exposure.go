package main

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/weirmedia/weir/pkg/auth"
)

// exposure is what decides whether the server stands open to the internet.
type exposure struct {
	// publishing and http are the addresses that listen for publishers, and the
	// one of plain HTTP; nil ones are off.
	publishing []net.Addr
	http       net.Addr
	// public reports whether strangers reach an address of this machine.
	public func(net.Addr) bool

	openPublishing bool
	passwords      bool
	selfSigned     string // the file, empty if there is none
}

// warnings says, in a line each, what the operator should know and what helps.
func (e exposure) warnings() (all []string) {
	var open []string
	for _, a := range e.publishing {
		if a != nil && e.public(a) && !slices.Contains(open, a.String()) {
			open = append(open, a.String())
		}
	}
	if e.openPublishing && len(open) > 0 {
		all = append(all, fmt.Sprintf("everybody on the internet may publish at %s: name who may in auth.users, or listen on 127.0.0.1",
			strings.Join(open, ", ")))
	}
	if e.passwords && e.http != nil && e.public(e.http) {
		all = append(all, fmt.Sprintf("passwords travel to %s unencrypted: set tls.certificate, and http.listen to off or 127.0.0.1",
			e.http))
	}
	if e.selfSigned != "" {
		all = append(all, "the TLS certificate is self-signed: clients must be told to trust "+e.selfSigned+", or set tls.certificate or tls.acme_domains")
	}
	return all
}

// reachableFrom returns whether strangers reach an address of a machine whose
// interfaces have these addresses: one that is neither private nor local, or all
// addresses if one of them is such.
func reachableFrom(interfaces []netip.Addr) func(net.Addr) bool {
	anywhere := slices.ContainsFunc(interfaces, isPublic)
	return func(a net.Addr) bool {
		port, err := netip.ParseAddrPort(a.String())
		if err != nil {
			return false
		}
		ip := port.Addr().Unmap()
		return isPublic(ip) || ip.IsUnspecified() && anywhere
	}
}

// notPublic is what IsPrivate and the like leave: carrier-grade NAT (RFC 6598) and
// the documentation's, benchmarks' and reserved ranges (RFC 6890).
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("2001:db8::/32"),
}

func isPublic(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !slices.ContainsFunc(notPublic, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// interfaceAddresses returns those of this machine; none if it does not tell.
func interfaceAddresses() (all []netip.Addr) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				all = append(all, ip.Unmap())
			}
		}
	}
	return all
}

// exposure looks at what listens, and who may do what by s.
func (a *app) exposure(s *settings) exposure {
	file, _ := a.tls.SelfSigned()
	return exposure{
		publishing:     []net.Addr{a.rtmp, a.rtmps, a.rtsp, a.rtsps, a.whipOn(a.http.Addr()), a.whipOn(a.http.TLSAddr())},
		http:           a.http.Addr(),
		public:         reachableFrom(a.addresses()),
		openPublishing: s.auth.AnybodyMay(auth.Publish),
		passwords:      s.auth.NamesUsers(),
		selfSigned:     file,
	}
}

// warnings returns what the operator should know of what is in force now.
func (a *app) warnings() []string {
	s := a.configuration.current()
	return slices.Concat(a.overload.Warnings(), s.report.Warnings, a.exposure(s).warnings())
}

// warn logs what the operator should know of s and was not told of the settings before.
func (a *app) warn(s, before *settings) {
	for _, w := range s.report.Warnings {
		if !slices.Contains(before.report.Warnings, w) {
			a.log.Warn("configuration", slog.String("warning", w))
		}
	}
	told := a.exposure(before).warnings()
	for _, w := range a.exposure(s).warnings() {
		if !slices.Contains(told, w) {
			a.log.Warn("exposure", slog.String("warning", w))
		}
	}
}

// loopback tells whether who sits at this machine needs no credential.
func (a *app) loopback() bool { return a.configuration.current().auth.Loopback }

// whipOn returns the address if publishers by WebRTC are taken there.
func (a *app) whipOn(http net.Addr) net.Addr {
	if a.webrtc == nil {
		return nil
	}
	return http
}

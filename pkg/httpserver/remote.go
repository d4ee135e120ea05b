package httpserver

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// forwardingHeaders are set by proxies, besides all that start with
// "X-Forwarded-".
var forwardingHeaders = []string{
	"Forwarded", "Via", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip",
}

// Forwarded reports whether the request bears any sign of having come through
// a proxy, trusted or not. A proxy that adds no header cannot be told.
func Forwarded(r *http.Request) bool {
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Forwarded-") || slices.Contains(forwardingHeaders, name) {
			return true
		}
	}
	return false
}

// Peer returns the address at the other end of the connection, which may be a
// proxy's.
func Peer(r *http.Request) netip.AddrPort {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(peer.Addr().Unmap(), peer.Port())
}

// Remote returns the address that the request comes from. X-Forwarded-For is
// believed only as far as trusted proxies wrote it: read from the right, the
// first address that is not a trusted proxy's is the client's. Its port is 0
// if the proxy did not say it.
func (s *Server) Remote(r *http.Request) netip.AddrPort {
	from, trusted := Peer(r), s.shared.Load().TrustedProxies
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		if !trusted.Contains(from.Addr()) {
			break
		}
		next, ok := parseHop(strings.TrimSpace(hop))
		if !ok {
			break // what lies further left cannot be attributed
		}
		from = next
	}
	return from
}

// parseHop reads an address with or without port, as proxies write both.
func parseHop(s string) (netip.AddrPort, bool) {
	if hop, err := netip.ParseAddrPort(s); err == nil {
		return netip.AddrPortFrom(hop.Addr().Unmap(), hop.Port()), true
	}
	addr, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return netip.AddrPortFrom(addr.Unmap(), 0), err == nil
}

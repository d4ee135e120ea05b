package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// Prefix is a range of IP addresses, written in CIDR notation ("10.0.0.0/8",
// "fd00::/8") or as a single address ("127.0.0.1").
type Prefix struct{ netip.Prefix }

// String returns the CIDR notation, or the address if the range holds only one.
func (p Prefix) String() string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.Prefix.String()
}

// MarshalText returns String.
func (p Prefix) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText sets p. Ranges whose address has bits beyond the prefix length
// and IPv4 addresses in IPv6 notation are refused: either is most likely not
// what was meant.
func (p *Prefix) UnmarshalText(text []byte) error {
	s := string(text)
	parsed, err := parsePrefix(s)
	switch {
	case err != nil || parsed.Addr().Zone() != "":
		return fmt.Errorf(`must be an IP address or a range such as "10.0.0.0/8", is %s`, quote(s))
	case parsed.Addr().Is4In6():
		return fmt.Errorf("must be written as IPv4, is %s", quote(s))
	case parsed != parsed.Masked():
		return fmt.Errorf("has bits set beyond its length: %s; did you mean %q?", quote(s), parsed.Masked())
	}
	p.Prefix = parsed
	return nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		return netip.ParsePrefix(s)
	}
	addr, err := netip.ParseAddr(s)
	if err != nil || addr.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("no address: %q", s)
	}
	return netip.PrefixFrom(addr, addr.BitLen()), nil
}

// Prefixes is a list of ranges.
type Prefixes []Prefix

// Contains reports whether one of the ranges holds addr. IPv4 addresses in IPv6
// notation, as dual-stack sockets report them, count as IPv4; zones are ignored.
func (p Prefixes) Contains(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	for _, prefix := range p {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// Netip returns the ranges as plain values.
func (p Prefixes) Netip() []netip.Prefix {
	plain := make([]netip.Prefix, len(p))
	for i, prefix := range p {
		plain[i] = prefix.Prefix
	}
	return plain
}

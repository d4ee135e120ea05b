package webrtc

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/sdp/v3"
)

// resolveTimeout bounds the lookup of the names in webrtc.hosts.
const resolveTimeout = 2 * time.Second

// setCandidates replaces the candidates of an answer by those under which this
// client can reach us, and says that there are no more. What the client sends to
// any of them arrives at the one port, where the library tells sessions apart by
// their names (RFC 8445, 5.3), whatever the address was.
func setCandidates(answer string, lines []string) (string, error) {
	var d sdp.SessionDescription
	if err := d.UnmarshalString(answer); err != nil {
		return "", fmt.Errorf("our answer: %w", err)
	}
	for _, m := range d.MediaDescriptions {
		m.Attributes = slices.DeleteFunc(m.Attributes, func(a sdp.Attribute) bool { return a.IsICECandidate() || a.Key == sdp.AttrKeyEndOfCandidates })
	}
	m := bundled(&d)
	for _, line := range lines {
		m.Attributes = append(m.Attributes, sdp.NewAttribute(sdp.AttrKeyCandidate, line))
	}
	m.Attributes = append(m.Attributes, sdp.NewPropertyAttribute(sdp.AttrKeyEndOfCandidates))
	out, err := d.Marshal()
	return string(out), err
}

// bundled returns the section of an answer of ours whose transport all others
// share: the first that is not rejected (RFC 9143, 7.3). What stands in a rejected
// one is ignored.
func bundled(d *sdp.SessionDescription) *sdp.MediaDescription {
	accepted := func(m *sdp.MediaDescription) bool { return m.MediaName.Port.Value != 0 }
	return d.MediaDescriptions[max(0, slices.IndexFunc(d.MediaDescriptions, accepted))]
}

// candidates returns the candidates for a client that reached us at an address,
// that one first, and last the one that a STUN server tells of.
func (s *Server) candidates(reached netip.AddrPort) (lines []string, err error) {
	port := s.udp.LocalAddr().(*net.UDPAddr).Port
	addresses := s.addresses(reached.Addr())
	for i, a := range addresses {
		c, err := ice.NewCandidateHost(&ice.CandidateHostConfig{Network: "udp", Address: a.String(), Port: port, Component: ice.ComponentRTP, Priority: priority(126, i)})
		if err != nil {
			return nil, err
		}
		lines = append(lines, c.Marshal())
		if !s.config.TCP {
			continue
		}
		c, err = ice.NewCandidateHost(&ice.CandidateHostConfig{
			Network: "tcp", Address: a.String(), Port: port, Component: ice.ComponentRTP, TCPType: ice.TCPTypePassive, Priority: priority(90, i),
		})
		if err != nil {
			return nil, err
		}
		lines = append(lines, c.Marshal())
	}
	if seen := s.outside.address(); seen.IsValid() && !slices.Contains(addresses, seen.Addr()) {
		c, err := ice.NewCandidateServerReflexive(&ice.CandidateServerReflexiveConfig{
			Network: "udp", Address: seen.Addr().String(), Port: int(seen.Port()), Component: ice.ComponentRTP, Priority: priority(100, 0),
			RelAddr: "0.0.0.0", RelPort: 9, // of no interest (RFC 8839, 5.1)
		})
		if err != nil {
			return nil, err
		}
		lines = append(lines, c.Marshal())
	}
	return lines, nil
}

// priority makes a candidate's priority of a preference for its type and its
// place among those (RFC 8445, 5.1.2.1).
func priority(preference, place int) uint32 {
	const localMost, componentRTP = 65535, 1
	return uint32(preference)<<24 | uint32(localMost-place)<<8 | (256 - componentRTP)
}

// addresses returns where clients may reach us: where this one did, the
// configured hosts, and the addresses of interfaces.
func (s *Server) addresses(reached netip.Addr) (list []netip.Addr) {
	add := func(a netip.Addr) {
		if a = a.Unmap().WithZone(""); a.IsValid() && !slices.Contains(list, a) && s.hears(a) {
			list = append(list, a)
		}
	}
	add(reached)
	live := s.live.Load()
	for _, h := range live.Hosts {
		for _, a := range resolve(h) {
			add(a)
		}
	}
	bound := s.udp.LocalAddr().(*net.UDPAddr).AddrPort().Addr()
	switch {
	case !bound.IsUnspecified():
		add(bound)
	case live.Interfaces:
		for _, a := range interfaces() {
			add(a)
		}
	}
	return list
}

// hears reports whether the socket gets what is sent to an address of its family.
func (s *Server) hears(a netip.Addr) bool {
	bound := s.udp.LocalAddr().(*net.UDPAddr).AddrPort().Addr()
	return bound.Is6() || a.Is4()
}

// resolve returns the addresses of a name, or of an address itself.
func resolve(host string) []netip.Addr {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}
	}
	ctx, cancel := context.WithTimeout(context.Background(), resolveTimeout)
	defer cancel()
	list, _ := net.DefaultResolver.LookupNetIP(ctx, "ip", host) // a name that is not known now may be later
	return list
}

// interfaces returns the addresses of this machine that others may know.
func interfaces() (list []netip.Addr) {
	all, _ := net.InterfaceAddrs() // without them there are the hosts
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok && !ip.IsLoopback() && !ip.IsLinkLocalUnicast() {
				list = append(list, ip)
			}
		}
	}
	return list
}

package webrtc

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	pion "github.com/pion/webrtc/v4"
)

const (
	// stunTimeout bounds what an offer waits for the STUN server.
	stunTimeout = 500 * time.Millisecond
	// stunFresh is for how long an answer, or that there was none, is believed:
	// translators of addresses forget them after 30 s or more (RFC 4787, 4.3 asks
	// for 2 minutes).
	stunFresh = 25 * time.Second
)

// outside finds by a STUN server where others see the port for UDP, when somebody
// wants to know. Its methods are safe for concurrent use.
type outside struct {
	server string // HOST:PORT
	mux    *ice.UniversalUDPMuxDefault
	log    *slog.Logger
	hears  func(netip.Addr) bool

	mu    sync.Mutex
	asked time.Time
	seen  netip.AddrPort // invalid if it is not known
}

// newUDPMux returns what tells sessions apart that share the port.
func (s *Server) newUDPMux(logger logging.LeveledLogger) ice.UDPMux {
	if s.config.STUN == "" {
		return pion.NewICEUDPMux(logger, s.udp)
	}
	mux := ice.NewUniversalUDPMuxDefault(ice.UniversalUDPMuxParams{Logger: logger, UDPConn: s.udp, XORMappedAddrCacheTTL: time.Nanosecond})
	s.outside = &outside{server: s.config.STUN, mux: mux, log: s.host.Log, hears: s.hears}
	return mux
}

// address returns where others see the port, which is not valid if that is not
// known. It asks if the last answer is old; others wait meanwhile.
func (o *outside) address() netip.AddrPort {
	if o == nil {
		return netip.AddrPort{}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.asked.IsZero() && time.Since(o.asked) < stunFresh {
		return o.seen
	}
	seen, err := o.ask()
	if err != nil {
		o.log.Warn("webrtc: no answer of the STUN server", "server", o.server, "error", err)
	}
	o.asked, o.seen = time.Now(), seen
	return seen
}

// ask asks the server.
func (o *outside) ask() (netip.AddrPort, error) {
	host, text, err := net.SplitHostPort(o.server)
	if err != nil {
		return netip.AddrPort{}, err
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return netip.AddrPort{}, err
	}
	all := resolve(host)
	i := slices.IndexFunc(all, func(a netip.Addr) bool { return o.hears(a.Unmap()) })
	if i < 0 {
		return netip.AddrPort{}, errors.New("its name has no address that can be reached")
	}
	seen, err := o.mux.GetXORMappedAddr(net.UDPAddrFromAddrPort(netip.AddrPortFrom(all[i].Unmap(), uint16(port))), stunTimeout)
	if err != nil {
		return netip.AddrPort{}, err
	}
	a, ok := netip.AddrFromSlice(seen.IP)
	if !ok || seen.Port < 1 || seen.Port > 65535 {
		return netip.AddrPort{}, fmt.Errorf("it sees us at %v", seen)
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(seen.Port)), nil
}

// checkSTUN checks the address of a STUN server.
func checkSTUN(server string) error {
	if server == "" {
		return nil
	}
	host, text, err := net.SplitHostPort(server)
	port, notPort := strconv.ParseUint(text, 10, 16)
	if err != nil || host == "" || notPort != nil || port == 0 {
		return fmt.Errorf("stun: must be HOST:PORT, is %q", server)
	}
	return nil
}

//go:build e2e

package e2e

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/weirmedia/weir/test/relay"
)

// rtspRelay stands between RTSP clients and a server: it passes connections on,
// and puts relays into the way of RTP and RTCP by UDP. Their ports take the place
// of the clients' and the server's in Transport headers.
type rtspRelay struct {
	*rtspServer
	listener  net.Listener
	rtp, rtcp *relay.Relay
}

// startRTSPRelay starts a server and a relay before it.
func startRTSPRelay(t *testing.T, seed uint64) *rtspRelay {
	t.Helper()
	media := freePair(t)
	r := &rtspRelay{rtspServer: startRTSPServerWith(t, settings{"rtsp.udp_listen": media.String()})}
	var err error
	if r.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.listener.Close() })
	r.rtp = startRelay(t, media, seed)
	r.rtcp = startRelay(t, netip.AddrPortFrom(media.Addr(), media.Port()+1), seed+1)
	go r.accept()
	return r
}

func startRelay(t *testing.T, far netip.AddrPort, seed uint64) *relay.Relay {
	t.Helper()
	r, err := relay.Start(far.String(), seed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// freePair returns the first of two UDP ports that nobody has, an even one and
// the next.
func freePair(t *testing.T) netip.AddrPort {
	t.Helper()
	for range 100 {
		first := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(10_000+2*rand.IntN(10_000)))
		a, errA := net.ListenUDP("udp", net.UDPAddrFromAddrPort(first))
		b, errB := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(first.Addr(), first.Port()+1)))
		for _, c := range []*net.UDPConn{a, b} {
			if c != nil {
				c.Close()
			}
		}
		if errA == nil && errB == nil {
			return first
		}
	}
	t.Fatal("no pair of ports is free")
	return netip.AddrPort{}
}

// far is where a stream is behind the relay.
func (r *rtspRelay) far(name string) string {
	return "rtsp://" + r.listener.Addr().String() + "/" + name
}

func (r *rtspRelay) accept() {
	for {
		near, err := r.listener.Accept()
		if err != nil {
			return
		}
		go r.serve(near)
	}
}

// serve passes one connection on until one of its ends closes it.
func (r *rtspRelay) serve(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", r.rtsp)
	if err != nil {
		return
	}
	defer far.Close()
	go func() {
		defer far.Close()
		_ = passRTSP(far, near, r.request)
	}()
	_ = passRTSP(near, far, r.response)
}

// passRTSP copies messages, with other Transport headers.
func passRTSP(w io.Writer, from io.Reader, transport func(string) (string, error)) error {
	for in := bufio.NewReader(from); ; {
		var head strings.Builder
		body := int64(0)
		for line := "-"; strings.TrimSpace(line) != ""; {
			var err error
			if line, err = in.ReadString('\n'); err != nil {
				return err
			}
			name, value, _ := strings.Cut(line, ":")
			switch strings.ToLower(name) {
			case "content-length":
				body, err = strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			case "transport":
				line, err = transport(line)
			}
			if err != nil {
				return err
			}
			head.WriteString(line)
		}
		if _, err := io.WriteString(w, head.String()); err != nil {
			return err
		}
		if _, err := io.CopyN(w, in, body); err != nil {
			return err
		}
	}
}

var (
	clientPorts = regexp.MustCompile(`client_port=(\d+)-(\d+)`)
	serverPorts = regexp.MustCompile(`server_port=\d+-\d+`)
)

// request puts the relays' ports in place of the client's.
func (r *rtspRelay) request(header string) (string, error) {
	ports := clientPorts.FindStringSubmatch(header)
	if ports == nil {
		return header, nil
	}
	rtp, err := source(r.rtp, ports[1])
	if err != nil {
		return "", err
	}
	rtcp, err := source(r.rtcp, ports[2])
	return strings.Replace(header, ports[0], fmt.Sprintf("client_port=%d-%d", rtp, rtcp), 1), err
}

func source(r *relay.Relay, port string) (uint16, error) {
	near, err := netip.ParseAddrPort("127.0.0.1:" + port)
	if err != nil {
		return 0, err
	}
	a, err := r.Source(near)
	return a.Port(), err
}

// response puts the relays' ports in place of the server's.
func (r *rtspRelay) response(header string) (string, error) {
	return serverPorts.ReplaceAllString(header, fmt.Sprintf("server_port=%d-%d", r.rtp.Addr().Port(), r.rtcp.Addr().Port())), nil
}

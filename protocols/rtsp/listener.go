package rtsp

import (
	"errors"
	"net"
	"sync"
	"time"

	"github.com/weirmedia/weir/pkg/listen"
)

// listener is what gortsplib accepts from. That ends everything when Accept fails,
// so Accept fails only after Close.
type listener struct {
	*listen.Limited
	endpoint *endpoint
	buffers  *sync.Pool // of all peers
	once     sync.Once
	closed   chan struct{}
}

var _ net.Listener = (*listener)(nil)

func newListener(e *endpoint, l *listen.Limited) *listener {
	return &listener{Limited: l, endpoint: e, buffers: newBuffers(), closed: make(chan struct{})}
}

// Accept returns a *peer.
func (l *listener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Limited.Accept()
		switch {
		case err == nil:
			return newPeer(nc, time.Duration(l.endpoint.server.live.Load().HandshakeTimeout), l.buffers), nil
		case errors.Is(err, net.ErrClosed): // drained
			<-l.closed
			return nil, err
		default: // too many open files, most likely: give others time to close some
			l.endpoint.server.host.Log.Warn("rtsp: accepting failed", "error", err)
			time.Sleep(100 * time.Millisecond)
		}
	}
}

// drain closes the socket; the connections stay.
func (l *listener) drain() { _ = l.Limited.Close() } // closing twice does no harm

// Close makes Accept fail.
func (l *listener) Close() error {
	l.drain()
	l.once.Do(func() { close(l.closed) })
	return nil
}

const (
	// pairTries bounds how often a pair of free ports is looked for.
	pairTries = 100
	// udpBuffer is what sockets by UDP are to hold, in bytes: key frames of many
	// publishers at once. Systems may allow less, which is still more than they give
	// unasked: Linux by default 416 KiB, about 180 packets.
	udpBuffer = 4 << 20
)

// listenPair opens two UDP ports, the first even and the second next to it
// (RFC 3550, 11). If address has port 0, any free pair is taken.
func listenPair(key, address string) (rtp, rtcp *net.UDPConn, err error) {
	a, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, nil, &listen.Error{Key: key, Address: address, Err: err}
	}
	if a.Port%2 != 0 {
		return nil, nil, &listen.Error{Key: key, Address: address, Err: errors.New("the port must be even, RTCP has the next")}
	}
	for range pairTries {
		if rtp, err = net.ListenUDP("udp", a); err != nil {
			break
		}
		next := *rtp.LocalAddr().(*net.UDPAddr)
		even := next.Port%2 == 0
		next.Port++
		if even {
			if rtcp, err = net.ListenUDP("udp", &next); err == nil {
				_ = rtp.SetReadBuffer(udpBuffer) // or what is allowed
				return rtp, rtcp, nil
			}
		}
		_ = rtp.Close() // nothing was read
		if a.Port != 0 {
			break
		}
	}
	return nil, nil, &listen.Error{Key: key, Address: address, Err: err}
}

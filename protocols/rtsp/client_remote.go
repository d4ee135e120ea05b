package rtsp

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
)

// remote is a session with another server: what PlayClient and PublishClient have
// in common. What is not said to be otherwise is constant once it was opened.
type remote struct {
	library   *gortsplib.Client
	url       *base.URL
	transport ClientTransport
	timeout   time.Duration
	began     time.Time
	timings   Timings
	server    string        // what it calls itself
	location  string        // of a redirection
	leave     chan struct{} // closed by Close
	done      chan struct{} // closed when the library has ended
	lost, bad atomic.Uint64 // packets

	mu      sync.Mutex
	conn    net.Conn
	opened  bool
	left    bool
	why     error       // why the session was ended from here
	ending  *time.Timer // nil until then
	ended   error       // why the library has ended; constant once done is closed
	closing sync.Once
}

// dial connects to the server that rawURL names, or the one that it redirects
// to, and opens a session by the first transport that the server takes, all while
// ctx lasts.
func dial(ctx context.Context, rawURL string, o ClientOptions, open func(*remote) error) (*remote, error) {
	u, err := parseURL(rawURL)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	for redirects := 0; ; redirects++ {
		r, err := dialServer(ctx, u, o, began, open)
		var status *StatusError
		if !errors.As(err, &status) || status.location == "" {
			return r, err
		}
		if redirects == maxRedirects {
			return nil, fmt.Errorf("%w (after %d redirects)", err, redirects)
		}
		if u, err = elsewhere(u, status.location); err != nil {
			return nil, err
		}
	}
}

func dialServer(ctx context.Context, u *base.URL, o ClientOptions, began time.Time, open func(*remote) error) (r *remote, err error) {
	for _, t := range o.Transport.carriers(u) {
		r = newRemote(u, o, t, began)
		if err = r.open(ctx, open); err == nil {
			return r, nil
		}
		if err = fmt.Errorf("rtsp: %s: %w", u.Host, err); !refusesTransport(err) {
			break
		}
	}
	return nil, err
}

func newRemote(u *base.URL, o ClientOptions, t ClientTransport, began time.Time) *remote {
	r := &remote{
		url: u, transport: t, timeout: cmp.Or(o.Timeout, clientTimeout), began: began,
		leave: make(chan struct{}), done: make(chan struct{}),
	}
	carrier := gortsplib.TransportTCP
	if t == UDP {
		carrier = gortsplib.TransportUDP
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.TLS != nil {
		settings = o.TLS.Clone()
	}
	r.library = &gortsplib.Client{
		Scheme: u.Scheme, Host: u.Host, Transport: &carrier, TLSConfig: settings, UserAgent: cmp.Or(o.Agent, clientAgent),
		ReadTimeout: r.timeout, WriteTimeout: r.timeout, InitialUDPReadTimeout: r.timeout, WriteQueueSize: clientQueue,
		DisableRTCPSenderReports: true, // PublishClient sends its own
		DialContext:              r.connect,
		ListenPacket:             listenUDP,
		OnResponse:               r.answered,
		OnPacketsLost:            func(n uint64) { r.lost.Add(n) },
		OnDecodeError:            func(error) { r.bad.Add(1) },
	}
	return r
}

func listenUDP(network, address string) (net.PacketConn, error) {
	pc, err := net.ListenPacket(network, address)
	if err == nil {
		_ = pc.(*net.UDPConn).SetReadBuffer(udpBuffer) // as it is, it works too
	}
	return pc, err
}

// connect is how the library connects.
func (r *remote) connect(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.timings.Connected, r.conn = time.Since(r.began), conn
	if r.left {
		_ = conn.Close() // nobody waits for it any more
	}
	return conn, nil
}

// answered looks at each answer before the library does.
func (r *remote) answered(res *base.Response) {
	r.mu.Lock()
	opened := r.opened
	r.mu.Unlock()
	if opened { // it is to a sign of life
		if res.StatusCode == base.StatusSessionNotFound {
			r.finish(&StatusError{Status: int(res.StatusCode), Message: res.StatusMessage}, 0)
		}
		return
	}
	if name := res.Header["Server"]; len(name) == 1 {
		r.server = name[0]
	}
	if to := res.Header["Location"]; len(to) == 1 && res.StatusCode/100 == 3 {
		r.location = to[0]
		delete(res.Header, "Location") // the library would follow it without end, with credentials
	}
}

// open begins the session.
func (r *remote) open(ctx context.Context, open func(*remote) error) error {
	if err := r.library.Start2(); err != nil {
		return err
	}
	go func() {
		r.ended = r.library.Wait()
		close(r.done)
	}()
	stop := context.AfterFunc(ctx, func() {
		r.abort()
		r.library.Close() // it may be connecting
	})
	err := open(r)
	if !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		r.close()
		return r.explain(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opened = true
	return nil
}

// abort cuts the connection off, which lets all that uses it fail.
func (r *remote) abort() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left = true
	if r.conn != nil {
		_ = r.conn.Close() // nothing is lost that was wanted
	}
}

func (r *remote) explain(err error) error {
	err = explain(err, r.timeout)
	var status *StatusError
	if errors.As(err, &status) {
		status.location = r.location
	}
	return err
}

// finish ends the session a moment later, because of err. The first cause counts.
// The library's own goroutines may call it.
func (r *remote) finish(err error, later time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ending == nil {
		r.why = err
		r.ending = time.AfterFunc(later, r.library.Close)
	}
}

// over returns why the session has ended, or nil. It is net.ErrClosed after close,
// and io.EOF alone stands for itself.
func (r *remote) over() error {
	select {
	case <-r.leave:
		return r.named(net.ErrClosed)
	default:
	}
	select {
	case <-r.done:
	default:
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.why == io.EOF:
		return io.EOF
	case r.why != nil:
		return r.named(r.why)
	}
	return r.named(r.explain(r.ended))
}

// named says in err which server it is about.
func (r *remote) named(err error) error { return fmt.Errorf("rtsp: %s: %w", r.url.Host, err) }

// close ends the session and waits for it.
func (r *remote) close() {
	r.closing.Do(func() {
		close(r.leave)
		cut := time.AfterFunc(clientFarewell, r.abort)
		r.library.Close()
		<-r.done
		cut.Stop()
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.ending != nil {
			r.ending.Stop()
		}
	})
}

// Transport returns what carries the media: TCP or UDP.
func (r *remote) Transport() ClientTransport { return r.transport }

// Timings returns when the steps of beginning were done.
func (r *remote) Timings() Timings { return r.timings }

// Server returns what the server calls itself; empty if it does not say.
func (r *remote) Server() string { return r.server }

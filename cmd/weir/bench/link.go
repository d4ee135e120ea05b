package bench

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/weirmedia/weir/protocols/hls/hlsclient"
)

const (
	// linkTimeout bounds one request: longer than servers hold back a playlist
	// that is waited for.
	linkTimeout = 60 * time.Second
	// linkBuffer holds the header of an answer.
	linkBuffer = 4 << 10
	// maxText bounds a playlist in bytes.
	maxText = 8 << 20
)

// link is one connection that is kept alive, on which a request follows the
// other. It is for one goroutine at a time, except close. It is ready once
// it has buffers. It does what http.Client does for a third of the processor time: no
// goroutines, and no redirections.
type link struct {
	// buffers are for what is dropped, shared by many.
	buffers *bufferPool

	host string // of conn
	in   *bufio.Reader
	out  []byte // a request
	body []byte // a playlist

	mu     sync.Mutex
	conn   net.Conn // nil if there is none
	closed bool
}

// dropBuffer is how much is read at once to be dropped, in bytes.
const dropBuffer = 64 << 10

// bufferPool has buffers for as many as read at the same time. The zero value is
// ready; it is safe for concurrent use.
type bufferPool struct{ free sync.Pool }

func (p *bufferPool) get() *[dropBuffer]byte {
	if b, ok := p.free.Get().(*[dropBuffer]byte); ok {
		return b
	}
	return new([dropBuffer]byte)
}

func (p *bufferPool) put(b *[dropBuffer]byte) { p.free.Put(b) }

// text returns a whole answer, valid until the next call.
func (l *link) text(ctx context.Context, u *url.URL) ([]byte, error) {
	r, err := l.get(ctx, u, hlsclient.Range{})
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	l.body = l.body[:0]
	for {
		if len(l.body) == cap(l.body) {
			l.body = append(l.body, make([]byte, max(linkBuffer, cap(l.body)))...)[:len(l.body)]
		}
		n, err := r.Body.Read(l.body[len(l.body):cap(l.body)])
		l.body = l.body[:len(l.body)+n]
		switch {
		case err == io.EOF:
			return l.body, l.end(r)
		case err != nil:
			return nil, err
		case len(l.body) > maxText:
			return nil, fmt.Errorf("a playlist of more than %d bytes", maxText)
		}
	}
}

// drop reads an answer without looking at it, and returns its size.
func (l *link) drop(ctx context.Context, u *url.URL, rng hlsclient.Range) (int64, error) {
	r, err := l.get(ctx, u, rng)
	if err != nil {
		return 0, err
	}
	defer r.Body.Close()
	b := l.buffers.get()
	defer l.buffers.put(b)
	var size int64
	for {
		n, err := r.Body.Read(b[:])
		size += int64(n)
		if err == io.EOF {
			return size, l.end(r)
		}
		if err != nil {
			return size, err
		}
	}
}

// get sends a request and reads the header of its answer. A connection that the
// server has closed meanwhile is made anew, once.
func (l *link) get(ctx context.Context, u *url.URL, rng hlsclient.Range) (*http.Response, error) {
	l.mu.Lock()
	conn := l.conn
	l.mu.Unlock()
	kept := conn != nil && l.host == u.Host
	if !kept {
		var err error
		if conn, err = l.dial(ctx, u); err != nil {
			return nil, err
		}
	}
	r, err := l.ask(conn, u, rng)
	if err != nil && kept && ctx.Err() == nil && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
		if conn, err = l.dial(ctx, u); err == nil {
			r, err = l.ask(conn, u, rng)
		}
	}
	if err != nil {
		return nil, err
	}
	if r.StatusCode == http.StatusOK || r.StatusCode == http.StatusPartialContent {
		return r, nil
	}
	defer r.Body.Close()
	_, err = io.Copy(io.Discard, r.Body)
	if err = errors.Join(err, l.end(r)); err != nil {
		return nil, err
	}
	return nil, &hlsclient.StatusError{Status: r.StatusCode, Message: http.StatusText(r.StatusCode)}
}

// ask sends a request on conn and reads the header of its answer.
func (l *link) ask(conn net.Conn, u *url.URL, rng hlsclient.Range) (*http.Response, error) {
	b := append(l.out[:0], "GET "...)
	b = append(append(b, u.RequestURI()...), " HTTP/1.1\r\nHost: "...)
	b = append(append(b, u.Host...), "\r\nUser-Agent: weir-bench\r\n"...)
	if rng.Length > 0 {
		b = fmt.Appendf(b, "Range: bytes=%d-%d\r\n", rng.Offset, rng.Offset+rng.Length-1)
	}
	if u.User != nil {
		q := http.Request{Header: http.Header{}}
		password, _ := u.User.Password()
		q.SetBasicAuth(u.User.Username(), password)
		b = append(append(append(b, "Authorization: "...), q.Header.Get("Authorization")...), "\r\n"...)
	}
	l.out = append(b, "\r\n"...)
	_ = conn.SetDeadline(time.Now().Add(linkTimeout))
	if _, err := conn.Write(l.out); err != nil {
		return nil, err
	}
	return http.ReadResponse(l.in, nil)
}

// end is called when an answer was read: the connection is kept unless the
// server does not want that.
func (l *link) end(r *http.Response) error {
	if r.Close {
		l.mu.Lock()
		defer l.mu.Unlock()
		conn := l.conn
		l.conn = nil
		return conn.Close()
	}
	return nil
}

// dial makes a connection in place of the one that there is.
func (l *link) dial(ctx context.Context, u *url.URL) (net.Conn, error) {
	port := u.Port()
	if port == "" {
		port = u.Scheme
	}
	address := net.JoinHostPort(u.Hostname(), port)
	var conn net.Conn
	var err error
	if u.Scheme == "https" {
		conn, err = (&tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS12}}).DialContext(ctx, "tcp", address)
	} else {
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", address)
	}
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, errors.Join(net.ErrClosed, conn.Close())
	}
	if l.conn != nil {
		_ = l.conn.Close() // nothing more will come
	}
	l.conn, l.host, l.in = conn, u.Host, bufio.NewReaderSize(conn, linkBuffer)
	return conn, nil
}

// close ends what is being read. It is safe for concurrent use.
func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.conn != nil {
		_ = l.conn.Close()
		l.conn = nil
	}
}

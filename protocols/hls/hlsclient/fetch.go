package hlsclient

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/protocols/internal/httpplay"
)

// requestTimeout bounds one request, answer included: longer than a server may
// hold back a playlist that is waited for, which is three target durations.
const requestTimeout = 60 * time.Second

// fetcher makes the requests of a Client, over one connection if the server
// keeps it alive.
type fetcher struct {
	client *http.Client
	// header and host are those of the first request: where it went, credentials
	// may go again.
	header http.Header
	host   string
}

func newFetcher(first *http.Request, settings *tls.Config) *fetcher {
	transport := &http.Transport{TLSClientConfig: settings.Clone(), ForceAttemptHTTP2: true, IdleConnTimeout: requestTimeout}
	return &fetcher{
		client: &http.Client{Transport: transport, CheckRedirect: httpplay.CheckRedirect, Timeout: requestTimeout},
		header: first.Header, host: first.URL.Host,
	}
}

func (f *fetcher) close() { f.client.CloseIdleConnections() }

// get requests a resource, or a range of it. The answer's body is to be closed.
func (f *fetcher) get(ctx context.Context, u *url.URL, r Range) (*http.Response, error) {
	request := (&http.Request{Method: http.MethodGet, URL: u, Header: f.header.Clone()}).WithContext(ctx)
	if u.Host != f.host {
		request.Header.Del("Authorization")
	}
	want := http.StatusOK
	if r.Length > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", r.Offset, r.Offset+r.Length-1))
		want = http.StatusPartialContent
	}
	response, err := f.client.Do(request)
	if err = httpplay.Discreet(err); err == io.EOF { // which would mean the end of a resource
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	if response.StatusCode == want {
		return response, nil
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK { // it does not know ranges
		return nil, reason.Wrap(reason.Unsupported, fmt.Errorf("the server sends all of the resource instead of %d bytes of it", r.Length))
	}
	return nil, httpplay.Refusal(response)
}

// read returns a whole resource, and where it came from in the end.
func (f *fetcher) read(ctx context.Context, u *url.URL, r Range, limit int64) ([]byte, *url.URL, error) {
	response, err := f.get(ctx, u, r)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = reason.Wrap(reason.LimitReached, fmt.Errorf("more than %d bytes", limit))
	}
	return b, response.Request.URL, err
}

// Timings tells when the steps of Play were done, counted from its call.
type Timings struct {
	// Connected is when the first TCP connection stood.
	Connected time.Duration
	// Secured is when TLS was negotiated on it; Connected without TLS.
	Secured time.Duration
	// Ready is when the media playlists were there.
	Ready time.Duration
}

// stopwatch has the times of the first connection.
type stopwatch struct {
	begin              time.Time
	connected, secured atomic.Int64 // hooks may run on other goroutines
}

func (w *stopwatch) attach(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		ConnectDone: func(_, _ string, err error) {
			if err == nil {
				now := int64(time.Since(w.begin))
				w.connected.Store(now)
				w.secured.Store(now)
			}
		},
		TLSHandshakeDone: func(tls.ConnectionState, error) { w.secured.Store(int64(time.Since(w.begin))) },
	})
}

func (w *stopwatch) timings() Timings {
	return Timings{time.Duration(w.connected.Load()), time.Duration(w.secured.Load()), time.Since(w.begin)}
}

// Package httpplay plays endless answers of HTTP and WebSocket: what the clients
// of FLV, MPEG-TS and fragmented MP4 have in common.
package httpplay

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/weirmedia/weir/pkg/httpserver"
)

const (
	// maxRedirects is how many redirections Open follows: load balancers use one
	// or two.
	maxRedirects = 5
	// clientAgent is what a client without a name of its own calls itself.
	clientAgent = "weir"
)

// Options configure Open. The zero value is usable.
type Options struct {
	// TLS is used for https and wss; nil means the system's roots. It is cloned.
	TLS *tls.Config
	// Agent is the User-Agent header; empty means "weir".
	Agent string
}

// Timings tells when the steps of Open were done, counted from its call. After
// a redirection they are those of the last server.
type Timings struct {
	// Connected is when the TCP connection stood.
	Connected time.Duration
	// Ready is when the server could begin to send media: TLS was negotiated
	// and, with WebSocket, the connection upgraded.
	Ready time.Duration
	// FirstByte is when the beginning of the stream was there: the header of the
	// file, or what else makes it one.
	FirstByte time.Duration
}

// Stream is an answer that is being read. Close must be called. All is safe for
// concurrent use.
type Stream struct {
	name    string // of the client, for errors
	host    string
	body    io.Reader
	timings Timings

	closed  atomic.Bool
	release context.CancelFunc // ends the connection
}

// Open asks the server for the stream that rawURL names: http, https, ws or
// wss. "user:pass@" in it is sent as basic authentication. Up to five
// redirections are followed, but none from TLS to plain. It returns once begin
// has returned, which reads as much of the body as tells that it is what it
// should be; ctx bounds the time until then and has no effect later. Proxies of
// the environment are not used.
//
// A refusal is a *StatusError. Other errors are those of the URL, of the
// network, and of begin. All say the client's name.
func Open(ctx context.Context, name, rawURL string, o Options, begin func(io.Reader) error) (*Stream, error) {
	request, webSocket, err := NewRequest(rawURL, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	// The request goes on after Open has returned, hence a context of its own.
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	s := &Stream{name: name, host: request.URL.Host, release: cancel}
	err = s.open(request.WithContext(own), webSocket, o, begin)
	if !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = s.Close() // err says more
		return nil, fmt.Errorf("%s: %s: %w", name, s.host, err)
	}
	return s, nil
}

// NewRequest returns a request for a URL of HTTP or WebSocket, with its
// credentials in a header, in the scheme that net/http knows, and says whether
// it was WebSocket's. No error shows credentials.
func NewRequest(rawURL string, o Options) (request *http.Request, webSocket bool, err error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, false, fmt.Errorf("the URL: %w", Discreet(err))
	}
	switch u.Scheme {
	case "http", "https":
	case "ws", "wss":
		webSocket = true
	default:
		return nil, false, fmt.Errorf("the URL's scheme %.16q is not http, https, ws or wss", u.Scheme)
	}
	if u.Hostname() == "" {
		return nil, false, errors.New("the URL has no host")
	}
	u.Scheme = httpScheme(u.Scheme)
	user := u.User
	u.User, u.Fragment = nil, ""
	if request, err = http.NewRequest(http.MethodGet, u.String(), nil); err != nil {
		return nil, false, err
	}
	request.Header.Set("User-Agent", cmp.Or(o.Agent, clientAgent))
	if user != nil {
		password, _ := user.Password()
		request.SetBasicAuth(user.Username(), password)
	}
	return request, webSocket, nil
}

// Discreet returns an error of net/http or net/url without the URL, in which
// there may be credentials.
func Discreet(err error) error {
	var inner *url.Error
	if errors.As(err, &inner) {
		return inner.Err
	}
	return err
}

func httpScheme(scheme string) string {
	switch scheme {
	case "ws":
		return "http"
	case "wss":
		return "https"
	}
	return scheme
}

// open sends the request and reads the beginning of the answer.
func (s *Stream) open(request *http.Request, webSocket bool, o Options, begin func(io.Reader) error) error {
	start := time.Now()
	var connected, secured atomic.Int64 // hooks may run on other goroutines
	trace := &httptrace.ClientTrace{
		ConnectDone: func(_, _ string, err error) {
			if err == nil {
				connected.Store(int64(time.Since(start)))
				secured.Store(int64(time.Since(start)))
			}
		},
		TLSHandshakeDone: func(tls.ConnectionState, error) { secured.Store(int64(time.Since(start))) },
	}
	request = request.WithContext(httptrace.WithClientTrace(request.Context(), trace))
	var key string
	if webSocket {
		key = upgradeHeaders(request.Header)
	}
	settings := o.TLS.Clone()
	if settings == nil {
		settings = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	// A transport with TLS settings of its own speaks HTTP/1.1 only, which
	// WebSocket needs; for one connection with one answer HTTP/2 has no use.
	client := &http.Client{CheckRedirect: CheckRedirect, Transport: &http.Transport{
		TLSClientConfig: settings, DisableKeepAlives: true, DisableCompression: true,
	}}
	response, err := client.Do(request)
	if err != nil {
		return Discreet(err)
	}
	// net/http forgets the context of a request that was upgraded.
	context.AfterFunc(request.Context(), func() { _ = response.Body.Close() })
	s.timings = Timings{Connected: time.Duration(connected.Load()), Ready: time.Duration(secured.Load())}
	if webSocket {
		s.timings.Ready = time.Since(start)
		err = s.upgraded(response, key)
	} else {
		err = s.answered(response)
	}
	if err != nil {
		return err
	}
	if err = begin(s.body); err != nil {
		return s.cause(err)
	}
	s.timings.FirstByte = time.Since(start)
	return nil
}

// CheckRedirect follows up to five redirections, but none from TLS to plain, and
// takes the schemes of WebSocket for those of HTTP. Where they lead learns nothing of
// the URL that was asked for. It is for http.Client.
func CheckRedirect(next *http.Request, via []*http.Request) error {
	next.URL.Scheme = httpScheme(next.URL.Scheme)
	next.Header.Del("Referer") // its query may be secret
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("redirected more than %d times", maxRedirects)
	case via[len(via)-1].URL.Scheme == "https" && next.URL.Scheme != "https":
		return errors.New("redirected from TLS to plain")
	}
	return nil
}

// answered begins to read the body of an answer over HTTP.
func (s *Stream) answered(r *http.Response) error {
	if r.StatusCode != http.StatusOK {
		return Refusal(r)
	}
	s.body = r.Body
	return nil
}

// Timings returns how long the steps of Open took.
func (s *Stream) Timings() Timings { return s.timings }

// Explain returns what it means that reading the body failed with err: io.EOF
// if the stream is over, a *StatusError if a WebSocket closed for another
// reason, net.ErrClosed after Close, else err. All but io.EOF say the client's
// name.
func (s *Stream) Explain(err error) error {
	if err == io.EOF && !s.closed.Load() {
		return err
	}
	return fmt.Errorf("%s: %s: %w", s.name, s.host, s.cause(err))
}

func (s *Stream) cause(err error) error {
	var status *StatusError
	switch {
	case s.closed.Load():
		return net.ErrClosed
	case errors.As(err, &status): // whatever the reader was at
		return status
	}
	return err
}

// Close ends the connection. A read that waits returns. The error is always nil.
func (s *Stream) Close() error {
	s.closed.Store(true)
	s.release()
	return nil
}

// StatusError is what a server says when it refuses to send a stream, or when
// it closes a WebSocket for another reason than the end of the stream.
type StatusError struct {
	// Status is the HTTP status, or the WebSocket close code (RFC 6455, 7.4).
	Status int
	// Code is one of the words of package reason if the server is a weir, such as
	// "stream_not_found"; empty if it does not say.
	Code string
	// Message is for people; may be empty.
	Message string
}

// Error returns status, code and message.
func (e *StatusError) Error() string {
	text := fmt.Sprintf("the server says %d", e.Status)
	if e.Code != "" {
		text += " " + e.Code
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

// Refusal reads why a server answered with another status than it should. The
// body is the caller's to close.
func Refusal(r *http.Response) *StatusError {
	e := &StatusError{Status: r.StatusCode}
	var body struct {
		Error httpserver.Error `json:"error"`
	}
	const maxBody = 64 << 10 // ours have some hundred bytes
	if json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(&body) == nil {
		e.Code, e.Message = body.Error.Code, body.Error.Message
	}
	e.Message = cmp.Or(e.Message, http.StatusText(e.Status))
	return e
}

package httpflv

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
	"github.com/weirmedia/weir/remux/flv"
)

const (
	// maxRedirects is how many redirections Play follows: load balancers use one
	// or two.
	maxRedirects = 5
	// clientAgent is what a client without a name of its own calls itself.
	clientAgent = "weir"
)

// ClientOptions configure Play. The zero value is usable.
type ClientOptions struct {
	// TLS is used for https and wss; nil means the system's roots. It is cloned.
	TLS *tls.Config
	// Agent is the User-Agent header; empty means "weir".
	Agent string
}

// Timings tells when the steps of Play were done, counted from its call. After
// a redirection they are those of the last server.
type Timings struct {
	// Connected is when the TCP connection stood.
	Connected time.Duration
	// Ready is when the server could begin to send media: TLS was negotiated
	// and, with WebSocket, the connection upgraded.
	Ready time.Duration
	// FirstByte is when the FLV header was there.
	FirstByte time.Duration
}

// Client plays one stream by HTTP-FLV or WS-FLV. ReadTag is for one goroutine
// at a time, all else is safe for concurrent use. Close must be called, also
// after an error of ReadTag.
type Client struct {
	host    string
	reader  *flv.Reader
	header  flv.Header
	timings Timings

	closed  atomic.Bool
	release context.CancelFunc // ends the connection
}

// Play asks the server for the stream that rawURL names: http, https, ws or
// wss. "user:pass@" in it is sent as basic authentication. Up to five
// redirections are followed, but none from TLS to plain. It returns once the
// FLV header was read; ctx bounds the time until then and has no effect later.
// Proxies of the environment are not used.
//
// A refusal is a *StatusError. Other errors are those of the URL, of the
// network, and of an answer that is not FLV.
func Play(ctx context.Context, rawURL string, o ClientOptions) (*Client, error) {
	request, webSocket, err := newRequest(rawURL, o)
	if err != nil {
		return nil, fmt.Errorf("httpflv: %w", err)
	}
	// The request goes on after Play has returned, hence a context of its own.
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	c := &Client{host: request.URL.Host, release: cancel}
	err = c.open(request.WithContext(own), webSocket, o)
	if !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = c.Close() // err says more
		return nil, fmt.Errorf("httpflv: %s: %w", c.host, err)
	}
	return c, nil
}

// newRequest returns a request in the scheme that net/http knows.
func newRequest(rawURL string, o ClientOptions) (request *http.Request, webSocket bool, err error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err // without the URL, in which there may be a password
		}
		return nil, false, fmt.Errorf("the URL: %w", err)
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

func httpScheme(scheme string) string {
	switch scheme {
	case "ws":
		return "http"
	case "wss":
		return "https"
	}
	return scheme
}

// open sends the request and reads up to the FLV header.
func (c *Client) open(request *http.Request, webSocket bool, o ClientOptions) error {
	begin := time.Now()
	var connected, secured atomic.Int64 // hooks may run on other goroutines
	trace := &httptrace.ClientTrace{
		ConnectDone: func(_, _ string, err error) {
			if err == nil {
				connected.Store(int64(time.Since(begin)))
				secured.Store(int64(time.Since(begin)))
			}
		},
		TLSHandshakeDone: func(tls.ConnectionState, error) { secured.Store(int64(time.Since(begin))) },
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
	client := &http.Client{CheckRedirect: checkRedirect, Transport: &http.Transport{
		TLSClientConfig: settings, DisableKeepAlives: true, DisableCompression: true,
	}}
	response, err := client.Do(request)
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err // the URL's query may hold credentials
		}
		return err
	}
	// net/http forgets the context of a request that was upgraded.
	context.AfterFunc(request.Context(), func() { _ = response.Body.Close() })
	c.timings = Timings{Connected: time.Duration(connected.Load()), Ready: time.Duration(secured.Load())}
	if webSocket {
		c.timings.Ready = time.Since(begin)
		err = c.upgraded(response, key)
	} else {
		err = c.answered(response)
	}
	if err != nil {
		return err
	}
	if c.header, err = c.reader.Header(); err != nil {
		return c.explain(err)
	}
	c.timings.FirstByte = time.Since(begin)
	return nil
}

func checkRedirect(next *http.Request, via []*http.Request) error {
	next.URL.Scheme = httpScheme(next.URL.Scheme)
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("redirected more than %d times", maxRedirects)
	case via[len(via)-1].URL.Scheme == "https" && next.URL.Scheme != "https":
		return errors.New("redirected from TLS to plain")
	}
	return nil
}

// answered begins to read the body of an answer over HTTP.
func (c *Client) answered(r *http.Response) error {
	if r.StatusCode != http.StatusOK {
		return refusal(r)
	}
	c.reader = flv.NewReader(r.Body)
	return nil
}

// Header returns what the FLV header announces.
func (c *Client) Header() flv.Header { return c.header }

// Timings returns how long the steps of Play took.
func (c *Client) Timings() Timings { return c.timings }

// ReadTag returns the next tag, whose body belongs to the caller.
//
// The error is io.EOF if the stream is over, a *StatusError if a WebSocket
// closes for another reason, one that wraps io.ErrUnexpectedEOF if the stream
// ends inside of a tag, net.ErrClosed after Close. It is final.
func (c *Client) ReadTag() (flv.Tag, error) {
	tag, err := c.reader.Next()
	if err == nil || err == io.EOF && !c.closed.Load() {
		return tag, err
	}
	return flv.Tag{}, fmt.Errorf("httpflv: %s: %w", c.host, c.explain(err))
}

// explain returns what it means that reading failed with err.
func (c *Client) explain(err error) error {
	var status *StatusError
	switch {
	case c.closed.Load():
		return net.ErrClosed
	case errors.As(err, &status): // whatever the reader was at
		return status
	}
	return err
}

// Close ends the connection. A ReadTag that waits returns. The error is always
// nil.
func (c *Client) Close() error {
	c.closed.Store(true)
	c.release()
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

// refusal reads why a server answered with another status than it should.
func refusal(r *http.Response) *StatusError {
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

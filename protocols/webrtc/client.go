package webrtc

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/weirmedia/weir/protocols/internal/httpplay"
)

// ClientOptions configure Play. The zero value is usable.
type ClientOptions struct {
	// Timeout bounds each request, the time from the answer until media can flow,
	// and how long nothing may come later on; 0 means 10 s, at least 5 s are used
	// for the last.
	Timeout time.Duration
	// Agent is the User-Agent header; empty means "weir".
	Agent string
	// TLS is used for https; nil means the system's roots. It is cloned.
	TLS *tls.Config
	// Plain switches off all that is done about the network: packets that are lost
	// are not asked for, and nothing is reported to the server.
	Plain bool
	// Socket, if not nil, is given the socket for media and returns what takes its
	// place, such as one that counts. Close closes that.
	Socket func(*net.UDPConn) net.PacketConn
}

const clientTimeout = 10 * time.Second

// StatusError is the answer of a server that refuses to send a stream.
type StatusError = httpplay.StatusError

// Timings tells when the steps of Play were done, counted from its call.
type Timings struct {
	// Connected is when the TCP connection of the first request stood.
	Connected time.Duration
	// Answered is when the server's answer was there.
	Answered time.Duration
	// Ready is when media could flow: ICE and DTLS were done.
	Ready time.Duration
}

// signalling are the requests of one client (draft-ietf-wish-whep).
type signalling struct {
	client   *http.Client
	options  ClientOptions
	endpoint *url.URL
	resource *url.URL // of the session; nil until it is there
	header   http.Header

	connected atomic.Int64 // when the first connection stood; hooks may run on other goroutines
}

// newSignalling prepares requests to rawURL. No error shows credentials.
func newSignalling(rawURL string, o ClientOptions) (*signalling, error) {
	request, webSocket, err := httpplay.NewRequest(rawURL, httpplay.Options{Agent: o.Agent})
	switch {
	case err != nil:
		return nil, err
	case webSocket:
		return nil, errors.New("the URL's scheme is not http or https")
	}
	settings := o.TLS.Clone()
	if settings == nil {
		settings = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return &signalling{
		client: &http.Client{
			CheckRedirect: httpplay.CheckRedirect, Timeout: o.Timeout,
			Transport: &http.Transport{TLSClientConfig: settings, DisableKeepAlives: true},
		},
		options: o, endpoint: request.URL, header: request.Header,
	}, nil
}

// host returns the server's host and port.
func (s *signalling) host() string {
	port := cmp.Or(s.endpoint.Port(), map[string]string{"http": "80", "https": "443"}[s.endpoint.Scheme])
	return net.JoinHostPort(s.endpoint.Hostname(), port)
}

// post sends the offer and returns the answer. began is what times count from.
func (s *signalling) post(ctx context.Context, offer string, began time.Time) (string, error) {
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{ConnectDone: func(_, _ string, err error) {
		if err == nil {
			s.connected.Store(int64(time.Since(began)))
		}
	}})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoint.String(), strings.NewReader(offer))
	if err != nil {
		return "", httpplay.Discreet(err)
	}
	request.Header = s.header.Clone()
	request.Header.Set("Content-Type", typeSDP)
	response, err := s.client.Do(request)
	if err != nil {
		return "", cmp.Or(context.Cause(ctx), httpplay.Discreet(err))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusCreated {
		return "", httpplay.Refusal(response)
	}
	if s.resource, err = response.Location(); err != nil {
		return "", errors.New("the answer has no usable Location")
	}
	return readAnswer(response)
}

// readAnswer returns the SDP of an answer.
func readAnswer(r *http.Response) (string, error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != typeSDP {
		return "", fmt.Errorf("the answer is %.64q, not %s", r.Header.Get("Content-Type"), typeSDP)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxSDP+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("the answer: %w", err)
	case len(body) > maxSDP:
		return "", fmt.Errorf("the answer is larger than %d bytes", maxSDP)
	}
	return string(body), nil
}

// farewell is how long the DELETE at the end may take.
const farewell = 2 * time.Second

// bye ends the server's session, if there is one. Credentials go where the endpoint
// is only, and by TLS if they did before.
func (s *signalling) bye() {
	if s.resource == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodDelete, s.resource.String(), nil)
	if err != nil {
		return
	}
	if s.resource.Scheme == s.endpoint.Scheme && s.resource.Host == s.endpoint.Host {
		request.Header = s.header.Clone()
	}
	if response, err := s.client.Do(request); err == nil {
		_ = response.Body.Close() // whatever it says, the session is over for us
	}
}

// listenMedia opens a socket on the address of this machine from which the server
// at host is reached.
func listenMedia(ctx context.Context, host string) (*net.UDPConn, error) {
	var d net.Dialer
	route, err := d.DialContext(ctx, "udp", host) // sends nothing
	if err != nil {
		return nil, err
	}
	local := route.LocalAddr().(*net.UDPAddr)
	if err := route.Close(); err != nil {
		return nil, err
	}
	return net.ListenUDP("udp", &net.UDPAddr{IP: local.IP, Zone: local.Zone})
}

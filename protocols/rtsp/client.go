package rtsp

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/liberrors"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/protocols/internal/reconnect"
)

// ClientTransport says what carries the media of a client.
type ClientTransport string

const (
	// Auto is TCP, and UDP if the server refuses that. A packet that UDP loses
	// spoils the picture until the next key frame, and a path that UDP does not
	// pass shows by silence only; nearly every camera can do TCP.
	Auto ClientTransport = ""
	// TCP carries media inside the connection.
	TCP ClientTransport = "tcp"
	// UDP has the media in packets of their own.
	UDP ClientTransport = "udp"
)

// ClientOptions configure Play and Publish. The zero value is usable.
type ClientOptions struct {
	// Transport is what carries the media.
	Transport ClientTransport
	// Timeout bounds connecting, each answer, each write, and how long a server
	// that is played from may send nothing; 0 means 10 s.
	Timeout time.Duration
	// Agent is what the client calls itself (User-Agent); empty means "weir".
	Agent string
	// TLS is for rtsps URLs; nil means defaults. It is cloned.
	TLS *tls.Config
}

const (
	clientTimeout = 10 * time.Second
	clientAgent   = "weir"
	// clientFarewell is how long the end of a session may take.
	clientFarewell = 2 * time.Second
	// maxRedirects is how many redirections are followed: load balancers use one
	// or two.
	maxRedirects = 5
)

// Reconnector keeps a session going: it begins a new one when one fails, after a
// delay that grows with each failure in a row. It gives up if a URL makes no
// sense or if the server does not accept the credentials, since cameras lock out
// who goes on guessing.
type Reconnector = reconnect.Reconnector

// Timings tells when the steps of Play and Publish were done, counted from the
// call. After a redirection, or once another transport was tried, they are those
// of the last connection.
type Timings struct {
	// Connected is when the TCP connection stood.
	Connected time.Duration
	// Described is when the server had described the stream, or had accepted its
	// description; TLS and authentication are part of it.
	Described time.Duration
	// SetUp is when all tracks were set up.
	SetUp time.Duration
	// Ready is when the server had accepted PLAY or RECORD.
	Ready time.Duration
}

// Media is one medium of a stream, as its description has it.
type Media struct {
	// Kind is av.Data if it is neither video nor audio.
	Kind av.Kind
	// Codec is as SDP names it, ClockRate what RTP times count in, in Hz. They are
	// those of the first format if no format can be used.
	Codec     string
	ClockRate int
	// Track is nil if the description does not tell the configuration, or if the
	// medium is left out. The ids of tracks are even for video and odd for audio.
	Track *av.Track
	// LeftOut says why the medium is left out; it is empty if it is not.
	LeftOut string
}

// StatusError is a server's answer other than 200 (RFC 2326, 7.1.1).
type StatusError struct {
	Status  int    // such as 404, 401 or 461
	Message string // of the server; may be empty

	location string // of a redirection
}

// Error returns status and message.
func (e *StatusError) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("the server answers %d", e.Status)
	}
	return fmt.Sprintf("the server answers %d %s", e.Status, e.Message)
}

// Permanent reports whether the server does not accept the credentials.
func (e *StatusError) Permanent() bool { return e.Status == int(base.StatusUnauthorized) }

// URLError says why a URL cannot be used. It never repeats credentials.
type URLError struct{ Problem string }

// Error returns the problem.
func (e *URLError) Error() string { return "rtsp url: " + e.Problem }

// Permanent is true: the URL remains what it is.
func (e *URLError) Permanent() bool { return true }

// CheckURL returns nil if Play and Publish can use rawURL:
// rtsp[s]://[USER:PASSWORD@]HOST[:PORT]/PATH. The error is a *URLError.
func CheckURL(rawURL string) error {
	_, err := parseURL(rawURL)
	return err
}

func parseURL(rawURL string) (*base.URL, error) {
	u, err := base.ParseURL(rawURL)
	switch {
	case err != nil: // which may repeat credentials
		if plain, parseErr := url.Parse(rawURL); parseErr == nil && plain.Scheme != "rtsp" && plain.Scheme != "rtsps" {
			return nil, &URLError{fmt.Sprintf("the scheme %.16q is not rtsp or rtsps", plain.Scheme)}
		}
		return nil, &URLError{"it is not rtsp[s]://[USER:PASSWORD@]HOST[:PORT]/PATH"}
	case u.Hostname() == "":
		return nil, &URLError{"it has no host"}
	}
	return u, nil
}

// elsewhere returns where a server that was reached by u redirects to. Credentials
// go to the same host only, and nothing goes from TLS to plain.
func elsewhere(u *base.URL, location string) (*base.URL, error) {
	there, err := base.ParseURL(location)
	switch {
	case err != nil || there.Hostname() == "":
		return nil, &URLError{"the server redirects to what is no URL of RTSP"}
	case u.Scheme == "rtsps" && there.Scheme != "rtsps":
		return nil, &URLError{"the server leads from rtsps to rtsp"}
	case there.User == nil && there.Hostname() == u.Hostname():
		there.User = u.User
	}
	return there, nil
}

// explain turns an error of the library into one of ours.
func explain(err error, timeout time.Duration) error {
	var status liberrors.ErrClientBadStatusCode
	var tcp liberrors.ErrClientTCPTimeout
	var udp liberrors.ErrClientUDPTimeout
	var request liberrors.ErrClientRequestTimedOut
	switch {
	case errors.As(err, &status):
		return &StatusError{Status: int(status.Code), Message: status.Message}
	case errors.As(err, &tcp), errors.As(err, &udp):
		return fmt.Errorf("nothing came for %v: %w", timeout, os.ErrDeadlineExceeded)
	case errors.As(err, &request):
		return fmt.Errorf("no answer within %v: %w", timeout, os.ErrDeadlineExceeded)
	case errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	}
	return err
}

// refusesTransport reports whether a server wants another transport than it was
// asked for.
func refusesTransport(err error) bool {
	var status *StatusError
	var other liberrors.ErrClientServerRequestedUDP
	return errors.As(err, &status) && status.Status == int(base.StatusUnsupportedTransport) || errors.As(err, &other)
}

// carriers returns the transports to try, in order.
func (t ClientTransport) carriers(u *base.URL) []ClientTransport {
	switch {
	case t != Auto:
		return []ClientTransport{t}
	case u.Scheme == "rtsps":
		return []ClientTransport{TCP}
	}
	return []ClientTransport{TCP, UDP}
}

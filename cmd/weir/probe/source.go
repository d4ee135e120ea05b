package probe

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http/httptrace"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/weirmedia/weir/protocols/httpflv"
	"github.com/weirmedia/weir/protocols/rtmp"
	"github.com/weirmedia/weir/remux/flv"
)

// source is where tags come from.
type source interface {
	ReadTag() (flv.Tag, error)
	Close() error
}

// Stdin names standard input as a source.
const Stdin = "-"

// open connects to target, or opens the file, and tells what is known already.
// begin is when the probe began; ctx bounds connecting.
func open(ctx context.Context, target string, o Options, begin time.Time) (source, Facts, error) {
	scheme, _, isURL := strings.Cut(target, "://")
	facts := Facts{Source: redact(target), Live: isURL}
	var s source
	var err error
	switch {
	case target == Stdin:
		facts.Protocol = "file"
		s, err = openFile(io.NopCloser(o.Stdin), &facts)
	case !isURL:
		facts.Protocol = "file"
		var f *os.File
		if f, err = os.Open(target); err == nil {
			s, err = openFile(f, &facts)
		}
	case scheme == "rtmp" || scheme == "rtmps":
		facts.Protocol = scheme
		s, err = openRTMP(ctx, target, o, begin, &facts)
	case scheme == "http" || scheme == "https" || scheme == "ws" || scheme == "wss":
		facts.Protocol = map[string]string{"http": "http-flv", "https": "http-flv", "ws": "ws-flv", "wss": "ws-flv"}[scheme]
		s, err = openHTTP(ctx, target, o, begin, &facts)
	default:
		err = fmt.Errorf("the scheme %.16q is not rtmp, rtmps, http, https, ws or wss", scheme)
	}
	return s, facts, err
}

// file is a source that has all its tags at once.
type file struct {
	*flv.Reader
	io.Closer
}

// ReadTag returns the next tag.
func (f file) ReadTag() (flv.Tag, error) { return f.Next() }

func openFile(r io.ReadCloser, facts *Facts) (source, error) {
	f := file{flv.NewReader(r), r}
	h, err := f.Header()
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	facts.Header = &h
	return f, nil
}

// openRTMP has the time of the TCP connection from the hooks of package net;
// all else up to the start of playing is the handshake.
func openRTMP(ctx context.Context, target string, o Options, begin time.Time, facts *Facts) (source, error) {
	var connected atomic.Int64 // hooks may run on other goroutines
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{ConnectDone: func(_, _ string, err error) {
		if err == nil {
			connected.Store(int64(time.Since(begin)))
		}
	}})
	c, err := rtmp.Play(ctx, target, rtmp.ClientOptions{TLS: o.tls()})
	if err != nil {
		return nil, err
	}
	facts.Connected, facts.Ready = time.Duration(connected.Load()), time.Since(begin)
	return c, nil
}

func openHTTP(ctx context.Context, target string, o Options, begin time.Time, facts *Facts) (source, error) {
	before := time.Since(begin)
	c, err := httpflv.Play(ctx, target, httpflv.ClientOptions{TLS: o.tls(), Agent: o.Agent})
	if err != nil {
		return nil, err
	}
	h, t := c.Header(), c.Timings()
	facts.Header, facts.Connected, facts.Ready = &h, before+t.Connected, before+t.Ready
	return c, nil
}

func (o *Options) tls() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: o.Insecure} //nolint:gosec // the user asked for it
}

// redact takes out of a URL what may be a credential: password and query.
func redact(target string) string {
	u, err := url.Parse(target)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return target
	}
	if u.User != nil {
		u.User = url.User(cmp.Or(u.User.Username(), "-"))
	}
	if u.RawQuery != "" {
		u.RawQuery = "…"
	}
	return u.String()
}

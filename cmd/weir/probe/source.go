package probe

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http/httptrace"
	"net/url"
	"os"
	"path"
	"strings"
	"sync/atomic"
	"time"

	"github.com/weirmedia/weir/protocols/hls/hlsclient"
	"github.com/weirmedia/weir/protocols/httpflv"
	"github.com/weirmedia/weir/protocols/httpmp4"
	"github.com/weirmedia/weir/protocols/httpts"
	"github.com/weirmedia/weir/protocols/rtmp"
	"github.com/weirmedia/weir/remux/flv"
	"github.com/weirmedia/weir/remux/fmp4"
	"github.com/weirmedia/weir/remux/ts"
)

// source is where media comes from.
type source interface {
	// Read returns what comes next.
	Read() (Input, error)
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
			facts.Recording = recordingOf(f)
			s, err = openFile(f, &facts)
		}
	case scheme == "rtmp" || scheme == "rtmps":
		facts.Protocol = scheme
		s, err = openRTMP(ctx, target, o, begin, &facts)
	case scheme == "rtsp" || scheme == "rtsps":
		facts.Protocol = scheme
		s, err = openRTSP(ctx, target, o, begin, &facts)
	case scheme == "http" || scheme == "https" || scheme == "ws" || scheme == "wss":
		s, err = openHTTP(ctx, target, o, begin, &facts)
	default:
		err = fmt.Errorf("the scheme %.16q is not rtmp, rtmps, rtsp, rtsps, http, https, ws or wss", scheme)
	}
	return s, facts, err
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
	return tags{c.ReadTag, c}, nil
}

// openHTTP takes the ending of the URL's path for what the stream is, FLV if it
// says nothing.
func openHTTP(ctx context.Context, target string, o Options, begin time.Time, facts *Facts) (source, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, errors.New("the URL cannot be read") // err would repeat credentials
	}
	if path.Base(u.Path) == "whep" && strings.HasPrefix(u.Scheme, "http") {
		return openWHEP(ctx, target, o, begin, facts)
	}
	before := time.Since(begin)
	way := map[string]string{"http": "http", "https": "http", "ws": "ws", "wss": "ws"}[u.Scheme]
	switch path.Ext(u.Path) {
	case ".m3u8", ".m3u":
		facts.Protocol, facts.hls = "hls", &hlsLog{}
		c, err := hlsclient.Play(ctx, target, hlsclient.Options{
			TLS: o.tls(), Agent: o.Agent, Playlist: facts.hls.playlist, Segment: facts.hls.segment,
		})
		if err != nil {
			return nil, err
		}
		facts.hls.multivariant, facts.hls.variant = c.Multivariant()
		t := c.Timings()
		facts.Connected, facts.Ready = before+t.Connected, before+t.Ready
		return newRenditions(c), nil
	case ".ts":
		facts.Protocol, facts.Container = way+"-ts", containerTS
		c, err := httpts.Play(ctx, target, httpts.ClientOptions{TLS: o.tls(), Agent: o.Agent})
		if err != nil {
			return nil, err
		}
		facts.Connected, facts.Ready = before+c.Timings().Connected, before+c.Timings().Ready
		return packets{c.Next, c}, nil
	case ".mp4":
		facts.Protocol, facts.Container = way+"-fmp4", containerMP4
		c, err := httpmp4.Play(ctx, target, httpmp4.ClientOptions{TLS: o.tls(), Agent: o.Agent})
		if err != nil {
			return nil, err
		}
		facts.Connected, facts.Ready = before+c.Timings().Connected, before+c.Timings().Ready
		return newFrames(c.Next, c), nil
	}
	facts.Protocol, facts.Container = way+"-flv", containerFLV
	c, err := httpflv.Play(ctx, target, httpflv.ClientOptions{TLS: o.tls(), Agent: o.Agent})
	if err != nil {
		return nil, err
	}
	h := c.Header()
	facts.Header, facts.Connected, facts.Ready = &h, before+c.Timings().Connected, before+c.Timings().Ready
	return tags{c.ReadTag, c}, nil
}

// openFile finds out by the first bytes what the file is.
func openFile(file io.ReadCloser, facts *Facts) (source, error) {
	r := bufio.NewReader(file)
	head, _ := r.Peek(hlsclient.SniffLength) // a reader says what is wrong with a file that is too short
	switch {
	case strings.HasPrefix(string(head), "#EXTM3U"):
		return nil, errors.Join(errors.New("this is an HLS playlist: name its URL, so that segments can be found"), file.Close())
	case hlsclient.Sniff(head) == hlsclient.TS:
		facts.Container = containerTS
		return packets{ts.NewDemuxer(r).Next, file}, nil
	case hlsclient.Sniff(head) == hlsclient.FMP4:
		facts.Container = containerMP4
		d := fmp4.NewDemuxer(r)
		if _, err := d.Tracks(); err != nil {
			return nil, errors.Join(err, file.Close())
		}
		return newFrames(d.Next, file), nil
	}
	facts.Container = containerFLV
	d := flv.NewReader(r)
	h, err := d.Header()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	facts.Header = &h
	return tags{d.Next, file}, nil
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

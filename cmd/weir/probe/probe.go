// Package probe looks at a live stream or a file and says what is in it, how
// it arrives, what is wrong with it, and which browsers play it.
package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Options configure Run.
type Options struct {
	// Length is how much is looked at: time since the first media of a live stream,
	// media of a file. 0 means DefaultLength.
	Length time.Duration
	// Timeout bounds connecting, and then the wait for the first media; 0 means
	// DefaultTimeout. It is not for files.
	Timeout time.Duration
	// Transport is what carries the media of RTSP: "tcp", "udp", or "auto", which
	// is also the default: TCP, and UDP if the server refuses that.
	Transport string
	// Insecure accepts any certificate.
	Insecure bool
	// Agent is what the probe calls itself over HTTP and RTSP; empty means a default.
	Agent string
	// Stdin is what the target "-" reads.
	Stdin io.Reader
}

// Defaults of Options.
const (
	// DefaultLength sees several groups of pictures of two seconds.
	DefaultLength = 10 * time.Second
	// DefaultTimeout is longer than servers wait for a stream that is not there.
	DefaultTimeout = 10 * time.Second
)

// Run probes target: a URL (rtmp, rtmps, rtsp, rtsps, http, https, ws, wss), the
// name of a file of FLV, MPEG-TS or fragmented MP4, or "-". The ending of the path of a URL
// of HTTP or WebSocket says what it is: .m3u8, .ts, .mp4, /whep, else FLV. If ctx ends, the report is about what was seen until then.
// An error means that there is nothing to report on.
func Run(ctx context.Context, target string, o Options) (*Report, error) {
	o.Length, o.Timeout = cmp.Or(o.Length, DefaultLength), cmp.Or(o.Timeout, DefaultTimeout)
	begin := time.Now()
	opening, cancel := context.WithTimeoutCause(ctx, o.Timeout, fmt.Errorf("no answer within %s", o.Timeout))
	defer cancel()
	s, facts, err := open(opening, target, o, begin)
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Close() }() // nothing is lost that was wanted
	a := NewAnalyzer(facts)
	if facts.Live {
		err = watch(ctx, s, a, o, begin)
		facts.hls.end(time.Now())
	} else {
		scan(ctx, s, a, o.Length)
	}
	if err != nil {
		return nil, err
	}
	return a.Report(), nil
}

// scan reads a file as fast as it can be read.
func scan(ctx context.Context, s source, a *Analyzer, length time.Duration) {
	for ctx.Err() == nil && a.Media() < length {
		in, err := s.Read()
		if err == io.EOF {
			return
		}
		if err != nil {
			a.End(err)
			return
		}
		if !a.Take(in, 0) {
			return
		}
	}
}

// watch reads a live stream while o.Length lasts, which begins with the first
// media.
func watch(ctx context.Context, s source, a *Analyzer, o Options, begin time.Time) error {
	// Closing is what ends a read that waits.
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(watching, func() { _ = s.Close() })
	defer stop()
	timer := time.AfterFunc(o.Timeout, cancel)
	defer timer.Stop()
	for first := true; ; first = false {
		in, err := s.Read()
		switch {
		case err != nil && first && watching.Err() != nil:
			return errors.Join(ctx.Err(), fmt.Errorf("no media within %s", o.Timeout))
		case err != nil && first:
			return err
		case watching.Err() != nil:
			return nil
		case err != nil:
			a.End(err)
			return nil
		}
		if first {
			timer.Reset(o.Length)
		}
		if !a.Take(in, time.Since(begin)) {
			return nil
		}
	}
}

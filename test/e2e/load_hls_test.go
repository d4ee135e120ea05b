//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/weirmedia/weir/protocols/hls/hlsclient"
)

// TestQuickHLSLoad is TestFullHLSLoad with few streams.
func TestQuickHLSLoad(t *testing.T) { runHLSLoad(t, 6, 6*time.Second) }

// TestFullHLSLoad: sixty streams for a minute, each watched in both formats, and
// their end, after which the server holds no more than before.
func TestFullHLSLoad(t *testing.T) {
	streams := 60
	if raceBuilt(t) { // an order of magnitude slower
		streams = 15
	}
	runHLSLoad(t, streams, time.Minute)
}

func runHLSLoad(t *testing.T, streams int, length time.Duration) {
	t.Parallel()
	r := &loadRun{server: startServer(t, settings{"log.level": "info", "stream.grace": "1s"}), want: make(map[end]int)}
	empty := r.collected(t)
	f := newFootage(t, length)
	var feeds []*feed
	var viewers []*hlsViewer
	for i := range streams {
		name := fmt.Sprintf("live/%d", i)
		feeds = append(feeds, r.feed(t, name, f, 1))
		for _, format := range []string{"fmp4", "ts"} {
			viewers = append(viewers, r.watchHLS(t, name, format, length))
		}
	}
	for _, d := range feeds {
		<-d.done
		if d.err != errOver {
			t.Errorf("a publisher: %v", d.err)
		}
	}
	r.look(t)
	for _, v := range viewers {
		await(t, v.name+" ends", v.done)
		// It began when the first segment was there.
		if least := length / 2; v.err != nil || v.seen < least {
			t.Errorf("%s ended after %v with %v", v.name, v.seen, v.err)
		}
	}
	r.want[end{"rtmp", "publish", "client_closed"}] = streams
	r.want[end{"hls", "play", "stream_ended"}] = len(viewers)
	r.requireEnds(t) // also of viewers that are quiet, after ten seconds
	t.Logf("empty     %v\nat worst  %v", empty, r.peak)
	r.requireBack(t, empty)
	r.requireEmpty(t, empty)
	for _, name := range []string{"weir_hls_muxers", "weir_hls_held_bytes", "weir_hls_blocked_requests"} {
		if n := r.gauge(t, name); n != 0 {
			t.Errorf("%s is %v when all have gone", name, n)
		}
	}
}

// hlsViewer plays a stream to its end: fMP4 with low latency, MPEG-TS as players
// do that know nothing of it.
type hlsViewer struct {
	name string
	done chan struct{}
	seen time.Duration // of media; valid once done is closed, as err is
	err  error         // nil if it ended as it should
}

func (s *server) watchHLS(t *testing.T, stream, format string, length time.Duration) *hlsViewer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), length+2*patience)
	v := &hlsViewer{name: stream + " in " + format, done: make(chan struct{})}
	address := s.httpURL(stream + "/index.m3u8?format=" + format)
	go func() {
		defer close(v.done)
		v.err = v.run(ctx, address, hlsclient.Options{Plain: format == "ts"})
	}()
	t.Cleanup(func() {
		cancel()
		<-v.done
	})
	return v
}

func (v *hlsViewer) run(ctx context.Context, address string, o hlsclient.Options) error {
	c, err := hlsclient.Play(ctx, address, o)
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	for first, begun := int64(0), false; ; {
		p, err := c.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case p.Frame == nil:
			continue
		case !begun:
			first, begun = p.Frame.DTS, true
		}
		v.seen = time.Duration(p.Frame.DTS - first)
	}
}

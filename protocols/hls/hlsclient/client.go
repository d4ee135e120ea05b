package hlsclient

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/protocols/internal/httpplay"
)

// StatusError is what a server says when it refuses to send something.
type StatusError = httpplay.StatusError

// Options configure Play. The zero value is usable.
type Options struct {
	// TLS is used for https; nil means the system's roots. It is cloned.
	TLS *tls.Config
	// Agent is the User-Agent header; empty means "weir".
	Agent string
	// Plain takes no notice of parts, as players do that know nothing of them.
	Plain bool
	// Playlist, if not nil, is told each request for a media playlist, Segment
	// each segment that was read or could not be read. Both are called by Play
	// and Next.
	Playlist func(PlaylistLoad)
	Segment  func(SegmentLoad)
}

// PlaylistLoad is one request for a media playlist.
type PlaylistLoad struct {
	// Rendition is 0 for the variant, 1 for its separate sound.
	Rendition int
	// Sent is when the request was sent, Took how long the whole answer took.
	Sent time.Time
	Took time.Duration
	// Bytes is the size of the playlist.
	Bytes int
	// Blocking says that the server was asked to wait until there is something
	// new.
	Blocking bool
	// New counts the pieces that are new, Missed the segments that have left the
	// playlist before they were loaded.
	New    int
	Missed uint64
	// Restarted says that the playlist began anew with lower numbers.
	Restarted bool
	// Media is the playlist; nil if there is an error.
	Media *Media
	Err   error
}

// SegmentLoad is one segment that was read.
type SegmentLoad struct {
	// Rendition is 0 for the variant, 1 for its separate sound.
	Rendition int
	Segment   *Segment
	// Format is empty if nothing was read.
	Format Format
	// Requests counts parts or whole segments, Bytes is what they had together.
	Requests int
	Bytes    int64
	// Took is how long requests and answers took together.
	Took time.Duration
	// Video says that there are pictures in it, Key that the first one is a key
	// frame. Both are what the container says.
	Video, Key bool
	// Err is why it could not be read to its end; nil if it could.
	Err error
}

// Packet is a part of what the segments hold.
type Packet struct {
	// Frame is nil if something was ignored.
	Frame *av.Frame
	// Rendition is 0 for the variant, 1 for its separate sound. Track ids are those
	// of the container, so that two renditions may have the same.
	Rendition int
	// Discontinuity says that the frame is the first one behind a discontinuity.
	Discontinuity bool
	// Why tells in a few words why something was ignored.
	Why string
}

// Client plays one variant of a stream, with its separate sound if it has that.
// Next is for one goroutine at a time, all else is safe for concurrent use.
// Close must be called, also after an error of Next.
type Client struct {
	host       string
	fetch      *fetcher
	list       *Multivariant // nil if the URL was that of a media playlist
	variant    *Variant
	renditions []*rendition
	timings    Timings

	closed  atomic.Bool
	release context.CancelFunc
}

// Play loads the playlist that rawURL names, http or https, and the media
// playlist of the variant with the greatest bandwidth if it is a multivariant
// one. "user:pass@" in it is sent to that host as basic authentication. Up to
// five redirections are followed, but none from TLS to plain. ctx bounds the
// time until then and has no effect later. Proxies of the environment are not
// used.
//
// A refusal is a *StatusError, a line of a playlist that cannot be read a
// *SyntaxError. Other errors are those of the URL and of the network.
func Play(ctx context.Context, rawURL string, o Options) (*Client, error) {
	request, webSocket, err := httpplay.NewRequest(rawURL, httpplay.Options{Agent: o.Agent})
	if err == nil && webSocket {
		err = errors.New("HLS does not come by WebSocket")
	}
	if err != nil {
		return nil, fmt.Errorf("hls: %w", err)
	}
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	c := &Client{host: request.URL.Host, fetch: newFetcher(request, o.TLS), release: cancel}
	watch := &stopwatch{begin: time.Now()}
	err = c.open(own, request.URL, o, watch)
	c.timings = watch.timings()
	if !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = c.Close() // err says more
		return nil, fmt.Errorf("hls: %s: %w", c.host, err)
	}
	return c, nil
}

// open loads the first playlist and what it leads to.
func (c *Client) open(ctx context.Context, u *url.URL, o Options, watch *stopwatch) error {
	sent := time.Now()
	b, u, err := c.fetch.read(watch.attach(ctx), u, Range{}, maxPlaylist)
	if err != nil {
		return err
	}
	text := string(b)
	first := &rendition{ctx: ctx, fetch: c.fetch, options: &o, url: u, base: u, follower: Follower{Plain: o.Plain}}
	c.renditions = []*rendition{first}
	if !IsMultivariant(text) {
		return first.take(text, PlaylistLoad{Sent: sent, Took: time.Since(sent), Bytes: len(b)})
	}
	if c.list, err = ParseMultivariant(text); err != nil {
		return fmt.Errorf("multivariant playlist: %w", err)
	}
	c.variant = c.list.Best()
	if first.url, err = resolve(u, c.variant.URI); err != nil {
		return err
	}
	if sound := c.list.sound(c.variant); sound != nil {
		second := &rendition{number: 1, ctx: ctx, fetch: c.fetch, options: &o, follower: Follower{Plain: o.Plain}}
		if second.url, err = resolve(u, sound.URI); err != nil {
			return err
		}
		c.renditions = append(c.renditions, second)
	}
	for _, r := range c.renditions {
		if err := r.load(""); err != nil {
			return err
		}
	}
	return nil
}

// Multivariant returns the multivariant playlist and the variant in it that is
// played; nil if Play was given a media playlist.
func (c *Client) Multivariant() (*Multivariant, *Variant) { return c.list, c.variant }

// Timings returns how long the steps of Play took.
func (c *Client) Timings() Timings { return c.timings }

// Next returns the next part of the stream. Of two renditions the one comes
// first that is behind. Frames have the times of their container; those behind
// a discontinuity are moved to where the playlist has them, and those of MPEG-TS
// are unwrapped. Arrival is left to others.
//
// The error is io.EOF if the playlist has ended, net.ErrClosed after Close, a
// *StatusError if a playlist is refused, with reason.Unsupported what cannot be
// read, such as encrypted segments, and else that of the network or of the
// media; it names the resource. It is final.
func (c *Client) Next() (Packet, error) {
	var best *rendition
	for _, r := range c.renditions {
		if !r.ended && r.head == nil {
			p, err := r.next()
			switch {
			case c.closed.Load():
				return Packet{}, fmt.Errorf("hls: %s: %w", c.host, net.ErrClosed)
			case err == io.EOF:
				r.ended = true
				continue
			case err != nil:
				return Packet{}, fmt.Errorf("hls: %s: %w", c.host, err)
			}
			p.Rendition, r.head = r.number, &p
		}
		if r.head != nil && (best == nil || r.before(best)) {
			best = r
		}
	}
	if best == nil {
		return Packet{}, io.EOF
	}
	p := *best.head
	best.head = nil
	return p, nil
}

// Close ends all requests. A Next that waits returns. The error is always nil.
func (c *Client) Close() error {
	c.closed.Store(true)
	c.release()
	c.fetch.close()
	return nil
}

// resolve returns the URL that a URI in the playlist at base means.
func resolve(base *url.URL, uri string) (*url.URL, error) {
	u, err := base.Parse(uri)
	switch {
	case err != nil:
		return nil, reason.Wrap(reason.BadMessage, fmt.Errorf("a URI in a playlist: %w", httpplay.Discreet(err)))
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, reason.Wrap(reason.BadMessage, fmt.Errorf("a URI in a playlist with the scheme %.16q", u.Scheme))
	case base.Scheme == "https" && u.Scheme != "https":
		return nil, reason.Wrap(reason.BadMessage, errors.New("a URI in a playlist leads from TLS to plain"))
	}
	return u, nil
}

package bench

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/protocols/hls/hlsclient"
)

// errNoParts is why a player of low latency fails.
var errNoParts = errors.New("the playlist has no parts: it is not of low latency")

// hlsStats is what all counting players of HLS measure together. Safe for
// concurrent use.
type hlsStats struct {
	requests, ages            histogram
	playlists, media, missing atomic.Uint64
	lowLatency                atomic.Int64
	buffers                   bufferPool

	mu    sync.Mutex
	known map[string]*hlsclient.Media // playlists that were read, by their text
}

// maxKnown is how many versions of playlists are kept: players of one stream
// have at most a few different ones at a time.
const maxKnown = 256

// parse reads a media playlist. Each is read once for all players: else this
// would cost most of the processor time.
func (s *hlsStats) parse(text []byte) (*hlsclient.Media, error) {
	s.mu.Lock()
	m := s.known[string(text)]
	s.mu.Unlock()
	if m != nil {
		return m, nil
	}
	m, err := hlsclient.ParseMedia(string(text))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil || len(s.known) >= maxKnown {
		s.known = make(map[string]*hlsclient.Media)
	}
	s.known[string(text)] = m
	return m, nil
}

// report returns nil if nothing was requested.
func (s *hlsStats) report() *HLS {
	if s.playlists.Load() == 0 {
		return nil
	}
	return &HLS{
		LowLatency: int(s.lowLatency.Load()), Playlists: s.playlists.Load(), Media: s.media.Load(), Missing: s.missing.Load(),
		RequestP50: milliseconds(s.requests.percentile(50)), RequestP99: milliseconds(s.requests.percentile(99)), RequestMax: milliseconds(s.requests.max()),
		AgeP50: milliseconds(s.ages.percentile(50)), AgeP99: milliseconds(s.ages.percentile(99)),
	}
}

// hlsPlayer plays HLS in one session, over one connection, and counts. Of
// several variants it plays the one with the greatest bandwidth, without sound
// that is separate.
type hlsPlayer struct {
	*session
	mode  HLSMode
	stats *hlsStats
	done  func() // called once, when the session has ended

	link     link
	playlist *url.URL // of the variant
	follower hlsclient.Follower
	init     *hlsclient.Map // that was loaded last
	sent     time.Time      // the last request for the playlist
	seen     bool           // the first picture
}

// run plays until ctx ends or the server ends it.
func (p *hlsPlayer) run(ctx context.Context) {
	p.begin()
	p.follower.Plain, p.link.buffers = p.mode == HLSPlain, &p.stats.buffers
	defer context.AfterFunc(ctx, p.link.close)()
	err := p.join(ctx)
	for err == nil && !p.follower.Ended() {
		err = p.round(ctx)
	}
	p.link.close()
	p.finish(ctx.Err() != nil, err)
	p.done()
}

// join loads the playlists, and what a player begins with.
func (p *hlsPlayer) join(ctx context.Context) error {
	u, err := url.Parse(p.url)
	if err != nil {
		return errors.New("the URL cannot be read")
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	p.playlist = u
	text, err := p.load(ctx, u.RawQuery)
	if err != nil {
		return err
	}
	if hlsclient.IsMultivariant(string(text)) {
		list, err := hlsclient.ParseMultivariant(string(text))
		if err != nil {
			return err
		}
		if p.playlist, err = u.Parse(list.Best().URI); err != nil {
			return errors.New("the URI of a variant cannot be read")
		}
		if text, err = p.load(ctx, p.playlist.RawQuery); err != nil {
			return err
		}
	}
	m, err := p.stats.parse(text)
	switch {
	case err != nil:
		return err
	case p.mode == HLSLowLatency && !m.LowLatency():
		return errNoParts
	case p.mode != HLSPlain && m.LowLatency():
		p.stats.lowLatency.Add(1)
	}
	p.connect()
	return p.take(ctx, m)
}

// round waits until it is time for the playlist, loads it, and what is new in
// it.
func (p *hlsPlayer) round(ctx context.Context) error {
	wait, query := p.follower.Reload()
	if wait -= time.Since(p.sent); wait > 0 && !sleep(ctx, wait) {
		return context.Cause(ctx)
	}
	if query != "" && p.playlist.RawQuery != "" {
		query = p.playlist.RawQuery + "&" + query
	} else if query == "" {
		query = p.playlist.RawQuery
	}
	text, err := p.load(ctx, query)
	if err != nil {
		return err
	}
	m, err := p.stats.parse(text)
	if err != nil {
		return err
	}
	return p.take(ctx, m)
}

// load requests the playlist. The text is valid until the next request.
func (p *hlsPlayer) load(ctx context.Context, query string) ([]byte, error) {
	p.sent = time.Now()
	p.stats.playlists.Add(1)
	u := *p.playlist
	u.RawQuery = query
	text, err := p.link.text(ctx, &u)
	p.bytes.Add(uint64(len(text)))
	if err == nil && query == p.playlist.RawQuery { // it was not asked to wait
		p.stats.requests.add(time.Since(p.sent))
	}
	return text, err
}

// take loads what is new in a playlist.
func (p *hlsPlayer) take(ctx context.Context, m *hlsclient.Media) error {
	if newest := m.Newest(); !newest.IsZero() {
		p.stats.ages.add(time.Since(newest))
	}
	for _, piece := range p.follower.Update(m) {
		if piece.URI == "" || piece.Gap {
			continue
		}
		if i := piece.Segment.Map; i != nil && (p.init == nil || *i != *p.init) {
			if err := p.get(ctx, i.URI, i.Range); err != nil {
				return err
			}
			p.init = i
		}
		if err := p.get(ctx, piece.URI, piece.Range); err != nil {
			return err
		}
		if !p.seen && (piece.Part < 0 || piece.Segment.Parts[piece.Part].Independent) {
			p.seen = true
			p.firstPicture(time.Now())
		}
	}
	return nil
}

// get loads media and drops it. What the server does not have any more is
// counted.
func (p *hlsPlayer) get(ctx context.Context, uri string, r hlsclient.Range) error {
	u, err := p.playlist.Parse(uri)
	if err != nil {
		return errors.New("a URI in the playlist cannot be read")
	}
	sent := time.Now()
	p.stats.media.Add(1)
	n, err := p.link.drop(ctx, u, r)
	p.bytes.Add(uint64(n))
	var status *hlsclient.StatusError
	if errors.As(err, &status) && status.Status == http.StatusNotFound {
		p.stats.missing.Add(1)
		return nil
	}
	if err == nil {
		p.stats.requests.add(time.Since(sent))
	}
	return err
}

// openHLS plays HLS to look at all of it.
func (s *source) openHLS(ctx context.Context, url string, mode HLSMode) error {
	parts := false
	c, err := hlsclient.Play(ctx, url, hlsclient.Options{
		Plain: mode == HLSPlain, Playlist: func(l hlsclient.PlaylistLoad) { parts = parts || l.Media != nil && l.Media.LowLatency() },
	})
	if err != nil {
		return err
	}
	if mode == HLSLowLatency && !parts {
		_ = c.Close() // there is nothing to lose
		return errNoParts
	}
	s.Closer = c
	s.next = nextFrame(func() (*av.Frame, error) { p, err := c.Next(); return p.Frame, err })
	return nil
}

// Package hls plays streams by HTTP Live Streaming, at /NAME/index.m3u8 (RFC
// 8216), with low latency for players that know it (draft-pantos-hls-rfc8216bis,
// to which the comments refer as RFC 8216bis).
//
// A muxer reads a view and makes segments and parts once for all viewers of a
// format. What it has is an immutable snapshot that requests read without locks;
// requests for what is not there yet wait for the next snapshot.
package hls

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/pkg/reason"
)

var _ plugin.Config = (*Config)(nil)

// New returns the defaults.
func New() plugin.Config { return defaults() }

// Start implements plugin.Config.
func (c *Config) Start(h *plugin.Host) (plugin.Service, error) {
	s := &service{config: c, host: h, log: h.Log, muxers: make(map[string]*muxer), viewers: make(map[viewerKey]*viewer)}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.live.Store(c)
	s.keeping, s.stop = context.WithCancel(context.Background())
	if !c.Enabled {
		return s, nil
	}
	s.metrics = newMetrics(s)
	if err := h.Metrics.Register(s.metrics); err != nil {
		s.stop()
		return nil, fmt.Errorf("hls metrics: %w", err)
	}
	h.HTTP.HandleSuffix("/index.m3u8", h.HTTP.Media(s.serveIndex))
	h.HTTP.HandleInfix("/~hls/", s.serveBelow)
	s.keepAlways()
	return s, nil
}

// service answers requests. The HTTP server owns the connections, the session
// registry ends the sessions.
//
// Locks are taken in this order: viewer.mu, the bus's locks of derived values,
// muxer.mu or service.mu.
type service struct {
	config  *Config                // with which it started
	live    atomic.Pointer[Config] // what is in force of what changes
	host    *plugin.Host
	log     *slog.Logger
	metrics *metrics
	keeping context.Context // ends when nothing is to be made without demand any more
	stop    context.CancelFunc
	running sync.WaitGroup // muxers, and what keeps them
	blocked atomic.Int64   // requests that wait
	writers sync.Pool      // of *gzip.Writer

	mu      sync.Mutex
	muxers  map[string]*muxer // by epoch
	viewers map[viewerKey]*viewer
	unkeep  context.CancelFunc // ends keep; nil if it does not run
}

var _ plugin.Service = (*service)(nil)

var _ plugin.Reconfigurer = (*service)(nil)

// Reconfigure implements plugin.Reconfigurer.
func (s *service) Reconfigure(c plugin.Config) {
	s.live.Store(c.(*Config))
	if s.config.Enabled {
		s.keepAlways()
	}
}

// Drain implements plugin.Service: the HTTP server stops accepting.
func (s *service) Drain() { s.stop() }

// Close implements plugin.Service. The registry has ended the viewers that are
// sessions.
func (s *service) Close(ctx context.Context) error {
	s.stop()
	s.mu.Lock()
	var left []*viewer
	for _, v := range s.viewers {
		left = append(left, v)
	}
	for _, m := range s.muxers {
		m.cancel() // those that viewers have left, which linger, too
	}
	s.mu.Unlock()
	for _, v := range left {
		v.close(reason.Shutdown)
	}
	if err := plugin.Wait(ctx, &s.running); err != nil {
		return fmt.Errorf("hls: %w", err)
	}
	return nil
}

// enter lists a muxer that is about to run.
func (s *service) enter(m *muxer) {
	s.running.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.muxers[m.epoch] = m
}

func (s *service) leave(m *muxer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.muxers, m.epoch)
}

// muxer returns the muxer of an epoch of that stream, or nil.
func (s *service) muxer(stream, epoch string) *muxer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.muxers[epoch]; m != nil && m.stream.Name() == stream {
		return m
	}
	return nil
}

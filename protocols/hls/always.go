package hls

import (
	"context"
	"log/slog"

	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/streamname"
	"github.com/weirmedia/weir/pkg/transcode"
)

// always reports whether the segments of some streams are to be made always.
func (c *Config) always() bool {
	if c.Mode == Always {
		return true
	}
	for _, r := range c.Streams {
		if streamname.Or(r.Mode, c.Mode) == Always {
			return true
		}
	}
	return false
}

// keepAlways runs keep if there is a need, anew if it runs already: the muxers outlast
// the change of hands, as they do a change of viewers.
func (s *service) keepAlways() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unkeep != nil {
		s.unkeep()
		s.unkeep = nil
	}
	if s.live.Load().always() {
		ctx, cancel := context.WithCancel(s.keeping)
		s.unkeep = cancel
		s.running.Add(1)
		go s.keep(ctx)
	}
}

// keep holds a muxer of each stream whose mode is Always, until ctx ends.
func (s *service) keep(ctx context.Context) {
	defer s.running.Done()
	watch := s.host.Bus.Watch()
	defer watch.Close()
	held := make(map[*bus.Stream]func())
	defer func() {
		for _, release := range held {
			release()
		}
	}()
	for {
		e, err := watch.Next(ctx)
		if err != nil {
			return
		}
		release, have := held[e.Stream]
		switch {
		case have && e.State == bus.Ended:
			delete(held, e.Stream)
			release()
		case !have && e.State != bus.Ended && s.live.Load().of(e.Stream.Name()).mode == Always:
			_, release, err := s.acquire(e.Stream, rendition{s.config.Format, transcode.Unchosen})
			if err != nil {
				s.log.Warn("hls segments are not made", slog.String("stream", e.Stream.Name()), slog.String("error", err.Error()))
				continue
			}
			held[e.Stream] = release
		}
	}
}

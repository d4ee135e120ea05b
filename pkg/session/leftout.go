package session

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync/atomic"

	"github.com/weirmedia/weir/pkg/av"
)

// LeftOut says which tracks an output does not carry, or which of a publisher's
// cannot be used. All sessions of an output share it. The zero LeftOut has none.
// Its methods are safe for concurrent use and do not block; a nil one can be read.
type LeftOut struct {
	tracks atomic.Pointer[[]av.Omission]
}

// Set replaces the tracks by others, which stay as they are from then on, and
// reports whether that is a change. Only the output calls it.
func (l *LeftOut) Set(tracks []av.Omission) (changed bool) {
	if slices.Equal(l.Tracks(), tracks) {
		return false
	}
	l.tracks.Store(&tracks)
	return true
}

// maxFound bounds what Add takes, since peers choose it.
const maxFound = 16

// Add adds a track that was found unless it is there, or there are too many, and
// reports whether that is a change. Only the output calls it.
func (l *LeftOut) Add(t av.Omission) (changed bool) {
	tracks := l.Tracks()
	if len(tracks) >= maxFound || slices.Contains(tracks, t) {
		return false
	}
	return l.Set(append(slices.Clip(tracks), t))
}

// Tracks returns the tracks.
func (l *LeftOut) Tracks() []av.Omission {
	if l == nil {
		return nil
	}
	if tracks := l.tracks.Load(); tracks != nil {
		return *tracks
	}
	return nil
}

// LogLeftOut writes a line for each track that an output or publisher of a stream
// does without.
func LogLeftOut(log *slog.Logger, level slog.Level, tracks []av.Omission, attrs ...slog.Attr) {
	for _, t := range tracks {
		line := append(slices.Clip(attrs), slog.String("kind", t.Kind.String()), slog.String("codec", t.Codec), slog.String("cause", t.Why))
		log.LogAttrs(context.Background(), level, "track left out", line...)
	}
}

// Without makes l what the session's output leaves out.
func (s *Session) Without(l *LeftOut) { s.leftOut.Store(l) }

// Lack is a track that is left out for the sessions of a protocol.
type Lack struct {
	Protocol string
	Action   Action
	av.Omission
}

// Lacks returns, for every stream, what its publisher and its viewers do without
// at the moment: each once, whatever the number of viewers.
func (r *Registry) Lacks() map[string][]Lack {
	type output struct {
		stream, protocol string
		action           Action
		tracks           *LeftOut
	}
	outputs := make(map[output]struct{})
	r.each(func(s *Session) {
		if l := s.leftOut.Load(); l != nil {
			outputs[output{s.info.Stream, s.info.Protocol, s.info.Action, l}] = struct{}{}
		}
	})
	out := make(map[string][]Lack)
	for o := range outputs {
		for _, t := range o.tracks.Tracks() {
			out[o.stream] = append(out[o.stream], Lack{o.protocol, o.action, t})
		}
	}
	for stream, lacks := range out {
		slices.SortFunc(lacks, compareLacks)
		out[stream] = slices.Compact(lacks) // of variants of a format
	}
	return out
}

// compareLacks puts what publishers lack first.
func compareLacks(a, b Lack) int {
	return cmp.Or(-cmp.Compare(a.Action, b.Action), cmp.Compare(a.Protocol, b.Protocol),
		cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Codec, b.Codec), cmp.Compare(a.Why, b.Why))
}

package transcode

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
)

// Transform turns the audio tracks of a stream into those that a Maker makes of
// them and lets everything else pass. A track that cannot be transcoded is left
// out; Problems says why. It is a bus.Transform; Problems and Missing may be called
// by any goroutine.
type Transform struct {
	maker Maker
	keep  []av.Codec
	work  *bus.Work

	source *av.Layout // the newest, of which layout was made
	layout *av.Layout
	epoch  uint64
	tracks []*trackState

	mu       sync.Mutex
	problems []Problem
}

var (
	_ bus.Transform = (*Transform)(nil)
	_ bus.Omitter   = (*Transform)(nil)
	_ bus.Worker    = (*Transform)(nil)
	_ io.Closer     = (*Transform)(nil)
)

// Problem is why a track of the source is missing.
type Problem struct {
	// Track is the track as the source has it.
	Track *av.Track
	// Err is a *reason.Error, mostly of Unsupported.
	Err error
}

// trackState is an audio track of the source and its Transcoder, nil if there is
// none.
type trackState struct {
	in         *av.Track
	transcoder Transcoder
	work       *bus.WorkCount // nil without a transcoder
	err        error
}

// NewTransform returns a Transform of all audio but that in one of the codecs to
// keep, which passes as it is.
func NewTransform(maker Maker, keep ...av.Codec) *Transform {
	return &Transform{maker: maker, keep: keep, work: new(bus.Work)}
}

// CountInto implements bus.Worker. It is called before the first frame.
func (t *Transform) CountInto(w *bus.Work) { t.work = w }

// Transform implements bus.Transform. What goes wrong costs one track; it fails if
// none is left, or viewers would wait for ever.
func (t *Transform) Transform(f *av.Frame, emit func(*av.Frame)) error {
	if f.Layout != t.source {
		t.adopt(f.Layout)
		if err := t.nothingLeft(); err != nil {
			return err
		}
	}
	if !t.transcodes(f.Track) {
		out := *f
		out.Own(nil) // the memory is the plain view's
		out.Layout = t.layout
		emit(&out)
		return nil
	}
	s := t.state(f.Track.ID)
	if s == nil || s.transcoder == nil {
		return nil
	}
	began := time.Now()
	err := s.transcoder.Transcode(f, func(out *av.Frame) {
		out.Layout = t.layout
		emit(out)
	})
	s.work.Add(time.Since(began))
	if err != nil {
		s.fail(err)
		t.describe()
		return t.nothingLeft()
	}
	return nil
}

// nothingLeft says why the stream, of which all tracks are known, has none that
// comes out; nil if it has one.
func (t *Transform) nothingLeft() error {
	if problems := t.Problems(); t.source.Ready && len(t.layout.Tracks) == 0 && len(problems) > 0 {
		return problems[0].Err
	}
	return nil
}

// transcodes reports whether frames of track do not pass as they are.
func (t *Transform) transcodes(track *av.Track) bool {
	return track.Kind == av.Audio && !slices.Contains(t.keep, track.Codec)
}

func (t *Transform) state(id int) *trackState {
	for _, s := range t.tracks {
		if s.in.ID == id {
			return s
		}
	}
	return nil
}

// adopt makes the transcoders for the tracks of a new layout of the source. A
// track that came back as it was, of another publisher say, keeps its own.
func (t *Transform) adopt(l *av.Layout) {
	t.source = l
	var tracks []*trackState
	for _, track := range l.Tracks {
		if !t.transcodes(track) {
			continue
		}
		s := t.state(track.ID)
		switch {
		case s == nil || s.in != track && (s.transcoder == nil || !alike(s.in, track)):
			s = &trackState{in: track}
			if s.transcoder, s.err = t.maker(track); s.err == nil {
				s.work = t.work.Of(track.Codec, s.transcoder.Track().Codec)
			}
		default:
			s.in = track
		}
		tracks = append(tracks, s)
	}
	for _, s := range t.tracks {
		if !slices.Contains(tracks, s) {
			_ = s.close() // nobody is left who could be told
		}
	}
	t.tracks = tracks
	t.describe()
}

// alike reports whether the frames of a and b mean the same to a decoder.
func alike(a, b *av.Track) bool {
	return a.Codec == b.Codec && bytes.Equal(a.Config, b.Config) && a.SampleRate == b.SampleRate && a.Channels == b.Channels
}

// describe makes the layout of what comes out, and the list of problems.
func (t *Transform) describe() {
	l := *t.source
	t.epoch++
	l.Epoch = t.epoch
	l.Tracks = nil
	var problems []Problem
	for _, track := range t.source.Tracks {
		if t.transcodes(track) {
			s := t.state(track.ID)
			if s.transcoder == nil {
				problems = append(problems, Problem{track, s.err})
				continue
			}
			track = s.transcoder.Track()
		}
		l.Tracks = append(l.Tracks, track)
	}
	if len(problems) > 0 && l.First(av.Audio) == nil {
		l.Hinted[av.Audio] = false // nobody needs to wait for it
	}
	t.layout = &l
	t.mu.Lock()
	t.problems = problems
	t.mu.Unlock()
}

// Problems returns which tracks are missing now, and why.
func (t *Transform) Problems() []Problem {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.problems)
}

// Missing implements bus.Omitter.
func (t *Transform) Missing() (tracks []av.Omission) {
	for _, p := range t.Problems() {
		tracks = append(tracks, av.Omit(p.Track, p.Err.Error()))
	}
	return tracks
}

// Close closes the transcoders. No other method is called after it but Problems and
// Missing.
func (t *Transform) Close() error {
	var errs []error
	for _, s := range t.tracks {
		errs = append(errs, s.close())
	}
	t.tracks = nil
	return errors.Join(errs...)
}

func (s *trackState) fail(err error) {
	_ = s.close() // it has failed already
	s.err = err
}

func (s *trackState) close() error {
	if s.transcoder == nil {
		return nil
	}
	err := s.transcoder.Close()
	s.transcoder = nil
	return err
}

package fmp4

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// Options say how a Muxer cuts fragments.
type Options struct {
	// PerGOP makes a fragment of all that lies between two frames at which
	// viewers may begin. Else every frame is a fragment of its own, which costs
	// about a hundred bytes a frame and no delay.
	PerGOP bool
}

// Muxer writes a continuous fragmented MP4 stream of all tracks that it
// Carries; others, such as script data, are left out. The zero value is ready.
// It is not safe for concurrent use.
type Muxer struct {
	Options
	sequence uint32
	tracks   []*track // in the order in which they began

	// With PerGOP, tracks hold frames. whole says that all of this GOP is held,
	// from its start on. Else frames go out one by one: held until the next start,
	// they would be a fragment that viewers begin with and cannot decode.
	whole     bool
	heldBytes int
	runs      []Run // reused
}

// AppendPrelude appends what a viewer needs before frames of layout l, at
// whatever time: the init segment. Errors are those of AppendInit.
func (m *Muxer) AppendPrelude(dst []byte, l *av.Layout, _ int64) ([]byte, error) {
	return AppendInit(dst, l)
}

// AppendChange appends what a viewer of frames of layout from needs before
// those of layout to: what frames are held, then the init segment of to, or
// nothing if it is that of from. It fails with reason.Unsupported if the
// carried tracks are not the same in number, id and codec: players cannot
// follow that. Other errors are those of AppendInit. After an error dst is
// returned as it was.
func (m *Muxer) AppendChange(dst []byte, from, to *av.Layout, _ int64) ([]byte, error) {
	if !slices.EqualFunc(carried(from), carried(to), sameStream) {
		return dst, reason.Wrap(reason.Unsupported, fmt.Errorf("fmp4 players cannot follow a change of tracks from %s to %s", names(from), names(to)))
	}
	had, err := AppendInit(nil, from)
	if err != nil {
		had = nil // it did not go out
	}
	init, err := AppendInit(nil, to)
	if err != nil || bytes.Equal(init, had) {
		return dst, err
	}
	return append(m.flushAll(dst), init...), nil
}

// LeftOut returns the tracks of l that do not go out.
func (*Muxer) LeftOut(l *av.Layout) (tracks []av.Omission) {
	for _, t := range l.Tracks {
		if why := Misfit(t); why != "" {
			tracks = append(tracks, av.Omit(t, why))
		}
	}
	return tracks
}

func sameStream(a, b *av.Track) bool { return a.ID == b.ID && a.Codec == b.Codec }

// names lists the codecs of l's carried tracks for messages.
func names(l *av.Layout) []string {
	var out []string
	for _, t := range carried(l) {
		out = append(out, t.Codec.String())
	}
	return out
}

// AppendEnd appends what frames are held, since none follows. The last one of
// each track gets the duration that it probably has.
func (m *Muxer) AppendEnd(dst []byte) []byte { return m.flushAll(dst) }

// AppendFrame appends f as a fragment, whose duration is a guess, as the next
// frame is not known: the length of the codec's frames, or what lay between the
// frames before. The decode time of every fragment is right. With PerGOP, f is
// held, and the frames before it are appended if start tells that viewers may
// begin at f; their durations are exact. Before the first start, and in what is
// left of a GOP that became too long to hold, frames still go out one by one.
//
// Nothing is appended for a frame that is not of a carried track of l, the
// layout in force. It does not allocate if dst has room, but for the first
// frames, and never fails.
func (m *Muxer) AppendFrame(dst []byte, f *av.Frame, l *av.Layout, start bool) ([]byte, error) {
	t := trackOf(l, f)
	if t == nil {
		return dst, nil
	}
	s := m.track(t)
	if m.PerGOP {
		return m.hold(dst, s, f, start), nil
	}
	s.Observe(f)
	return m.appendSingle(dst, s, f), nil
}

// appendSingle appends f as a fragment of its own.
func (m *Muxer) appendSingle(dst []byte, s *track, f *av.Frame) []byte {
	s.single[0] = f
	dst = m.appendFragment(dst, Run{Track: s.Track, Frames: s.single[:], End: f.DTS + s.Of(f)})
	s.single[0] = nil // it is not kept longer than needed
	return dst
}

func (m *Muxer) appendFragment(dst []byte, runs ...Run) []byte {
	m.sequence++
	return AppendFragment(dst, m.sequence, runs...)
}

// trackOf returns the track of l that f belongs to, nil if f does not go out.
func trackOf(l *av.Layout, f *av.Frame) *av.Track {
	for _, t := range l.Tracks {
		if sameStream(t, f.Track) && Carries(t) {
			return t
		}
	}
	return nil
}

// track returns what is known of t's track, with t as its present form.
func (m *Muxer) track(t *av.Track) *track {
	for _, s := range m.tracks {
		if s.ID == t.ID {
			s.Set(t)
			return s
		}
	}
	s := new(track)
	s.Set(t)
	m.tracks = append(m.tracks, s)
	return s
}

package fmp4

import (
	"time"

	"github.com/weirmedia/weir/pkg/av"
)

// Bounds of what a Muxer holds, as an encoder may never send a key frame again.
const (
	maxHeldTime  = int64(10 * time.Second) // of a track
	maxHeldBytes = 32 << 20
)

// hold holds f, and appends what is held already if viewers may begin at f, or
// everything if it becomes too much.
func (m *Muxer) hold(dst []byte, s *track, f *av.Frame, start bool) []byte {
	if start {
		dst = m.flush(dst, s, f)
		m.whole = true
	}
	s.Observe(f)
	if !m.whole {
		return m.appendSingle(dst, s, f)
	}
	s.held = append(s.held, f)
	m.heldBytes += len(f.Payload)
	if m.heldBytes > maxHeldBytes || f.DTS-s.held[0].DTS > maxHeldTime {
		dst = m.flushAll(dst)
	}
	return dst
}

// flush appends what is held before next, a frame of s, as one fragment. Of the
// other tracks the last frame stays, as it is not known yet when it ends.
func (m *Muxer) flush(dst []byte, s *track, next *av.Frame) []byte {
	m.runs = m.runs[:0]
	for _, t := range m.tracks {
		r := Run{Track: t.Track, Frames: t.held, End: next.DTS}
		if n := len(t.held); n > 0 && t != s {
			r.Frames, r.End = t.held[:n-1], t.held[n-1].DTS
		}
		m.runs = append(m.runs, r)
	}
	return m.appendRuns(dst)
}

// flushAll appends all that is held as one fragment. The last frame of a track
// gets the duration that it probably has.
func (m *Muxer) flushAll(dst []byte) []byte {
	m.whole = false
	m.runs = m.runs[:0]
	for _, t := range m.tracks {
		r := Run{Track: t.Track, Frames: t.held}
		if n := len(t.held); n > 0 {
			r.End = t.held[n-1].DTS + t.Of(t.held[n-1])
		}
		m.runs = append(m.runs, r)
	}
	return m.appendRuns(dst)
}

// appendRuns appends m.runs, which are the first held frames of each of
// m.tracks, and gives these frames up.
func (m *Muxer) appendRuns(dst []byte) []byte {
	dst = m.appendFragment(dst, m.runs...)
	m.heldBytes = 0
	for i, t := range m.tracks {
		kept := copy(t.held, t.held[len(m.runs[i].Frames):])
		clear(t.held[kept:]) // so that the ring alone keeps them
		t.held = t.held[:kept]
		for _, f := range t.held {
			m.heldBytes += len(f.Payload)
		}
	}
	clear(m.runs)
	return dst
}

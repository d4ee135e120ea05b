package hls

import (
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/mime"
	"github.com/weirmedia/weir/protocols/hls/playlist"
	"github.com/weirmedia/weir/protocols/hls/segment"
)

// snapshot is a muxer's state between two changes. It is immutable; its text is
// made when it is first asked for.
type snapshot struct {
	epoch   string
	format  segment.Format
	version uint64
	ended   []*piece // see window
	listed  int
	open    *piece // the parts so far, nil if none is open
	next    uint64 // number of the open segment, or of the one to come
	// target and part are the longest segment and part; part is 0 without low
	// latency.
	target, part time.Duration
	independent  bool
	broken       bool  // the segment to come does not continue the last
	over         bool  // nothing follows, for the stream has ended
	failed       error // nothing follows, though the stream may go on: why
	peak         float64
	epochTime    time.Time // of 0 on the stream's timeline

	// superseded is closed when there is a newer snapshot.
	superseded chan struct{}

	once       sync.Once
	text       []byte
	compressed sync.Once
	gzipped    []byte
}

// etag names the bytes of the playlist.
func (s *snapshot) etag() string { return fmt.Sprintf("%s-%d", s.epoch, s.version) }

// playlist returns the media playlist.
func (s *snapshot) playlist() []byte {
	s.once.Do(func() { s.text = s.media().Append(nil) })
	return s.text
}

// compressedPlaylist returns the same compressed, once for all who ask.
func (s *snapshot) compressedPlaylist(compress func([]byte) []byte) []byte {
	s.compressed.Do(func() { s.gzipped = compress(s.playlist()) })
	return s.gzipped
}

func (s *snapshot) media() *playlist.Media {
	listed := s.ended[s.listed:]
	m := &playlist.Media{
		TargetDuration: s.target, PartTarget: s.part, Independent: s.independent,
		Sequence: s.next, Ended: s.over, Segments: make([]playlist.Segment, 0, len(listed)+1),
	}
	if len(listed) > 0 {
		m.Sequence, m.DiscontinuitySequence = listed[0].number, listed[0].discontinuities
	}
	var after time.Duration // from the end of a segment to that of the last
	for _, p := range listed {
		after += p.duration
	}
	for _, p := range listed {
		after -= p.duration
		m.Segments = append(m.Segments, s.segment(p, after < holdBack*s.target))
	}
	if s.part == 0 || s.over {
		return m
	}
	parts := 0
	if s.open != nil {
		parts = len(s.open.parts)
	}
	if parts > 0 {
		open := s.segment(s.open, true)
		open.Open = true
		m.Segments = append(m.Segments, open)
	}
	m.HintBreaks = s.broken || s.open != nil && parts == 0 && s.open.Discontinuity
	m.Hint = partName(s.epoch, s.next, parts, s.format)
	return m
}

func (s *snapshot) segment(p *piece, parts bool) playlist.Segment {
	out := playlist.Segment{
		URI: segmentName(s.epoch, p.number, s.format), Duration: p.duration, Discontinuity: p.Discontinuity,
		Gap:  p != s.open && p.gap(), // what is open may get media yet
		Time: s.epochTime.Add(time.Duration(p.Start)),
	}
	if p.Init != nil {
		out.Map = initName(s.epoch, p.Init.Number)
	}
	if !parts || s.part == 0 {
		return out
	}
	for i, part := range p.parts {
		out.Parts = append(out.Parts, playlist.Part{
			URI: partName(s.epoch, p.number, i, s.format), Duration: part.Duration, Independent: part.Independent, Gap: part.Gap,
		})
	}
	return out
}

// reached reports whether segment number is in the playlist or, with a part of 0
// or more, that part of it. A part beyond a segment's last is the first of the
// next (RFC 8216bis 6.2.5.2).
func (s *snapshot) reached(number uint64, part int) bool {
	switch {
	case s.over || s.failed != nil || number+1 < s.next:
		return true
	case number >= s.next:
		return number == s.next && part >= 0 && s.open != nil && part < len(s.open.parts)
	}
	if last := s.ended[len(s.ended)-1]; part >= len(last.parts) && len(last.parts) > 0 {
		return s.reached(s.next, 0)
	}
	return true
}

// ahead reports whether no player that knows the playlist asks for this yet: for
// a segment more than two beyond the last, or a part further than a player may
// look ahead (6.2.5.2).
func (s *snapshot) ahead(number uint64, part int) bool {
	if s.over {
		return false
	}
	limit := 3
	if s.part < time.Second {
		limit = int(math.Ceil(3 / s.part.Seconds()))
	}
	have := 0
	if number == s.next && s.open != nil {
		have = len(s.open.parts)
	}
	return number > s.next+1 || number >= s.next && part >= have+limit
}

// find returns the segment of that number, nil if it is not kept.
func (s *snapshot) find(number uint64) *piece {
	if s.open != nil && number == s.next {
		return s.open
	}
	if n := len(s.ended); n > 0 && number >= s.ended[0].number && number <= s.ended[n-1].number {
		return s.ended[number-s.ended[0].number]
	}
	return nil
}

// bytes returns what r names, nil if there is no such thing. coming reports that
// it is the part that is made next.
func (s *snapshot) bytes(r resource) (b []byte, coming bool) {
	if r.kind == initSection {
		return s.initBytes(int(r.number)), false
	}
	p := s.find(r.number)
	switch {
	case r.kind == partialSegment && r.number == s.next && (p == nil && r.part == 0 || p != nil && r.part == len(p.parts)):
		return nil, !s.over && s.failed == nil && s.part > 0
	case p == nil, p.gap():
		return nil, false
	case r.kind == partialSegment:
		if s.part > 0 && r.part < len(p.parts) && !p.parts[r.part].Gap {
			return p.parts[r.part].Bytes, false
		}
		return nil, false
	case p == s.open:
		return nil, false
	}
	return p.bytes, false
}

func (s *snapshot) initBytes(number int) []byte {
	pieces := s.ended
	if s.open != nil {
		pieces = append(pieces[:len(pieces):len(pieces)], s.open)
	}
	for _, p := range pieces {
		if p.Init != nil && p.Init.Number == number {
			return p.Init.Bytes
		}
	}
	return nil
}

// bandwidthRoom is how many times the peak so far is announced: the first viewer
// comes when there is one segment, and later ones will be denser.
const bandwidthRoom = 1.25

// variant returns what the multivariant playlist says of the media playlist at
// uri.
func (s *snapshot) variant(uri string) playlist.Variant {
	v := playlist.Variant{URI: uri}
	newest := s.newest()
	var size, pictures int64
	var all, pictured time.Duration
	for _, p := range s.ended[s.listed:] {
		if p.gap() {
			continue
		}
		size, all = size+p.size, all+p.duration
		if p.Layout == newest {
			pictures, pictured = pictures+int64(p.pictures), pictured+p.duration
		}
	}
	if all > 0 {
		v.AverageBandwidth = uint64(math.Ceil(float64(size) * 8 / all.Seconds()))
	}
	v.Bandwidth = uint64(math.Ceil(bandwidthRoom * max(s.peak, float64(v.AverageBandwidth)))) // there may be no peak yet
	for _, t := range newest.Tracks {
		if name, ok := mime.Codec(t); ok {
			v.Codecs = append(v.Codecs, name)
		}
	}
	if t := newest.First(av.Video); t != nil {
		v.Width, v.Height = t.Width, t.Height
		if v.FrameRate = t.FrameRate; pictured > 0 {
			v.FrameRate = float64(pictures) / pictured.Seconds()
		}
	}
	return v
}

// newest returns the tracks of the newest segment.
func (s *snapshot) newest() *av.Layout {
	if s.open != nil {
		return s.open.Layout
	}
	return s.ended[len(s.ended)-1].Layout
}

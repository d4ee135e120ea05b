package fmp4

import (
	"fmt"
	"maps"
	"slices"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// Movie reads the fragments of a file without their media. It is not safe for
// concurrent use.
type Movie struct{ tracks map[uint32]*inputTrack }

// ParseMovie reads the content of a moov (8.2.1). Errors are those of
// Demuxer.Next.
func ParseMovie(moov []byte) (*Movie, error) {
	tracks, err := parseMovie(moov)
	if err != nil {
		return nil, err
	}
	return &Movie{tracks}, nil
}

// Tracks returns what Demuxer.Tracks does.
func (m *Movie) Tracks() []*av.Track { return listed(m.tracks) }

// listed returns the tracks of codecs that this package knows, by ID.
func listed(tracks map[uint32]*inputTrack) []*av.Track {
	var out []*av.Track
	for _, t := range tracks {
		if t.track != nil {
			out = append(out, t.track)
		}
	}
	slices.SortFunc(out, func(a, b *av.Track) int { return a.ID - b.ID })
	return out
}

// Part is what a fragment holds of one track: at least one sample. Times are those
// of the file, in nanoseconds, with the edit list's offset.
type Part struct {
	Track    *av.Track
	DTS, PTS int64 // of the first sample
	End      int64 // when the last one ends
	// Sync reports that decoding can begin at the first sample.
	Sync bool
	// Traf is the number of the traf with the first sample, from 1 on.
	Traf int
}

// ParseFragment reads the content of a moof (8.8.4) that begins at an offset of
// the file. The parts are ordered by the ID of their tracks; tracks that are not
// among Tracks are left out. Errors are those of Demuxer.Next.
func (m *Movie) ParseFragment(moof []byte, offset int64) ([]Part, error) {
	g, err := parseFragment(moof, offset, m.tracks)
	if err != nil {
		return nil, err
	}
	parts := make(map[int]Part)
	for _, s := range g.samples {
		t := s.track.track
		if t == nil {
			continue
		}
		if _, ok := parts[t.ID]; ok {
			continue
		}
		dts, ok := nanoseconds(int64(s.decode), s.track.timescale)
		pts, ptsOK := nanoseconds(int64(s.decode)+s.composition, s.track.timescale)
		end, endOK := nanoseconds(int64(s.track.next), s.track.timescale)
		if !ok || !ptsOK || !endOK {
			return nil, reason.Wrap(reason.BadMedia, fmt.Errorf("fmp4: moof at offset %d: decode time %d is not possible", offset, s.decode))
		}
		shift := s.track.offset
		parts[t.ID] = Part{Track: t, DTS: dts + shift, PTS: pts + shift, End: end + shift, Sync: s.sync(), Traf: s.traf + 1}
	}
	return slices.SortedFunc(maps.Values(parts), func(a, b Part) int { return a.Track.ID - b.Track.ID }), nil
}

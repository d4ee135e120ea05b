package fmp4

import (
	"errors"
	"fmt"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// inputTrack is a track of a moov.
type inputTrack struct {
	track      *av.Track // nil if the codec is not one of ours
	lengthSize int       // of NAL unit prefixes
	id         uint32
	timescale  uint32
	edit       edit
	offset     int64 // ns to add to times
	defaults   sampleDefaults
	next       uint64 // decode time after the newest sample
}

// edit is what an edit list says about the start of a track.
type edit struct {
	empty uint64 // in the timescale of the movie
	media int64  // in the timescale of the track
}

// sampleDefaults hold for samples that do not say it themselves.
type sampleDefaults struct{ duration, size, flags uint32 }

// parseMovie reads a moov (8.2.1).
func parseMovie(b []byte) (map[uint32]*inputTrack, error) {
	tracks, defaults := make(map[uint32]*inputTrack), make(map[uint32]sampleDefaults)
	var movieScale uint32
	fragmented := false
	err := children(b, func(kind string, b []byte) (err error) {
		switch kind {
		case "mvhd":
			movieScale, err = parseTimescale(b)
		case "trak":
			t, err := parseTrack(b)
			switch {
			case err != nil:
				return err
			case tracks[t.id] != nil:
				return fmt.Errorf("track_ID %d comes twice", t.id)
			case len(tracks) == maxTracks:
				return reason.Wrap(reason.LimitReached, fmt.Errorf("more than %d tracks", maxTracks))
			}
			tracks[t.id] = t
		case "mvex":
			fragmented = true
			return parseMovieExtends(b, defaults)
		}
		return err
	})
	if err != nil {
		return nil, reason.Wrap(reason.Of(err, reason.BadMedia), fmt.Errorf("fmp4: moov: %w", err))
	}
	if !fragmented {
		return nil, reason.Wrap(reason.Unsupported, errors.New("fmp4: the file is not fragmented"))
	}
	for id, t := range tracks {
		t.defaults = defaults[id]
		if movieScale > 0 {
			empty, _ := nanoseconds(int64(min(t.edit.empty, maxUnits)), movieScale)
			t.offset += empty
		}
		media, _ := nanoseconds(max(-maxUnits, min(t.edit.media, maxUnits)), t.timescale)
		t.offset -= media
	}
	return tracks, nil
}

// parseMovieExtends reads the sample defaults in an mvex (8.8.1).
func parseMovieExtends(b []byte, defaults map[uint32]sampleDefaults) error {
	return children(b, func(kind string, b []byte) error {
		if kind != "trex" || len(defaults) == maxTracks {
			return nil
		}
		f := fields{b: b}
		f.full()
		id := f.uint32()
		f.uint32() // sample description
		defaults[id] = sampleDefaults{f.uint32(), f.uint32(), f.uint32()}
		return f.err
	})
}

// parseTrack reads a trak (8.3.1).
func parseTrack(b []byte) (*inputTrack, error) {
	t := new(inputTrack)
	var entry sampleDescription
	var visit func(kind string, b []byte) error
	visit = func(kind string, b []byte) (err error) {
		switch kind {
		case "mdia", "minf", "stbl", "edts":
			return children(b, visit)
		case "tkhd":
			f := fields{b: b}
			version, _ := f.full()
			f.sized(version) // creation
			f.sized(version) // modification
			t.id, err = f.uint32(), f.err
		case "mdhd":
			t.timescale, err = parseTimescale(b)
		case "elst":
			t.edit, err = parseEditList(b)
		case "stsd":
			entry, err = parseSampleDescription(b)
		}
		return err
	}
	err := children(b, visit)
	switch {
	case err != nil:
		return nil, err
	case t.id == 0:
		return nil, errors.New("track without track_ID")
	case t.timescale == 0:
		return nil, fmt.Errorf("track %d: no timescale", t.id)
	}
	if t.track, t.lengthSize, err = entry.track(int(t.id - 1)); err != nil {
		return nil, fmt.Errorf("track %d: %w", t.id, err)
	}
	return t, nil
}

// parseTimescale reads the timescale of an mvhd or mdhd, which begin alike.
func parseTimescale(b []byte) (uint32, error) {
	f := fields{b: b}
	version, _ := f.full()
	f.sized(version) // creation
	f.sized(version) // modification
	return f.uint32(), f.err
}

// parseEditList reads where a track begins from an elst (8.6.6): after empty
// edits, with the media time of the first that is not. Later ones are not
// looked at; fragments have none.
func parseEditList(b []byte) (edit, error) {
	f := fields{b: b}
	version, _ := f.full()
	var e edit
	for range f.uint32() {
		duration, media := f.sized(version), int64(f.sized(version))
		if version == 0 {
			media = int64(int32(media))
		}
		f.uint32() // rate
		if f.err != nil {
			break
		}
		if media >= 0 {
			e.media = media
			break
		}
		e.empty = min(e.empty+duration, maxUnits)
	}
	return e, f.err
}

// maxUnits bounds times in units of any timescale, so that sums do not
// overflow.
const maxUnits = 1 << 61

// nanoseconds converts a time in units of a timescale to nanoseconds, rounded
// to the nearest; false if it is beyond a hundred years.
func nanoseconds(units int64, timescale uint32) (int64, bool) {
	const second, limit = int64(time.Second), 100 * 366 * 24 * 3600
	scale := int64(timescale)
	seconds, rest := units/scale, units%scale
	if rest < 0 {
		seconds, rest = seconds-1, rest+scale
	}
	if seconds > limit || seconds < -limit {
		return 0, false
	}
	return seconds*second + (rest*second+scale/2)/scale, true
}

package segment

import (
	"errors"
	"fmt"
	"slices"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/remux/fmp4"
	"github.com/weirmedia/weir/remux/ts"
)

// Format is how segments hold media.
type Format string

// The formats. FMP4 is fragmented MP4 (RFC 8216bis 3.1.2), TS is MPEG-TS (3.1.1).
const (
	FMP4 Format = "fmp4"
	TS   Format = "ts"
)

// MarshalText returns the format's name.
func (f Format) MarshalText() ([]byte, error) { return []byte(f), nil }

// UnmarshalText sets f to one of the formats.
func (f *Format) UnmarshalText(text []byte) error {
	if Format(text) != FMP4 && Format(text) != TS {
		return fmt.Errorf("must be fmp4 or ts, is %.32q", text)
	}
	*f = Format(text)
	return nil
}

// Carries reports whether segments of the format can hold t.
func (f Format) Carries(t *av.Track) bool {
	if f == TS {
		return ts.Carries(t)
	}
	return fmp4.Carries(t)
}

// Carried returns l with only what segments of the format hold: the first track
// of picture and the first of sound that it Carries. Players of HLS take other
// tracks in a segment for faults.
func (f Format) Carried(l *av.Layout) *av.Layout {
	out := *l
	out.Tracks = nil
	var have [av.Kinds]bool
	for _, t := range l.Tracks {
		if t.Kind != av.Data && !have[t.Kind] && f.Carries(t) {
			have[t.Kind] = true
			out.Tracks = append(out.Tracks, t)
		}
	}
	return &out
}

// LeftOut returns the tracks of l that are not in Carried.
func (f Format) LeftOut(l *av.Layout) (tracks []av.Omission) {
	if f == TS {
		tracks = new(ts.Muxer).LeftOut(l)
	} else {
		tracks = new(fmp4.Muxer).LeftOut(l)
	}
	in := f.Carried(l).Tracks
	for _, t := range l.Tracks {
		if f.Carries(t) && !slices.Contains(in, t) {
			tracks = append(tracks, av.Omit(t, "only the first track of a kind is in segments"))
		}
	}
	return tracks
}

// run is consecutive frames of one track; end is the DTS at which the last ends.
type run struct {
	track  *av.Track
	frames []*av.Frame
	end    int64
}

// writer turns runs into bytes.
type writer interface {
	// init returns the initialization section of l, nil if the format has none.
	init(l *av.Layout) ([]byte, error)
	// part puts runs of tracks of l into p.
	part(p *Part, l *av.Layout, runs []run) error
}

func newWriter(f Format) writer {
	if f == TS {
		return &tsWriter{}
	}
	return &fmp4Writer{}
}

// fmp4Writer makes one fragment of each part.
type fmp4Writer struct {
	sequence uint32
	runs     []fmp4.Run
}

func (w *fmp4Writer) init(l *av.Layout) ([]byte, error) { return fmp4.AppendInit(nil, l) }

func (w *fmp4Writer) part(p *Part, _ *av.Layout, runs []run) error {
	const perFrame, perFragment = 16, 256
	w.sequence++
	w.runs = w.runs[:0]
	size := perFragment
	for _, r := range runs {
		w.runs = append(w.runs, fmp4.Run{Track: r.track, Frames: r.frames, End: r.end})
		for _, f := range r.frames {
			size += len(f.Payload) + perFrame
		}
	}
	p.Bytes = fmp4.AppendFragment(make([]byte, 0, size), w.sequence, w.runs...)
	clear(w.runs) // do not hold frames
	return nil
}

// tsWriter makes one transport stream of all parts: counters go on.
type tsWriter struct{ mux ts.Muxer }

func (w *tsWriter) init(*av.Layout) ([]byte, error) { return nil, nil }

// part begins with the tables, for a player may begin there.
func (w *tsWriter) part(p *Part, l *av.Layout, runs []run) (err error) {
	const perFrame, perPart = 250, 600 // headers and stuffing; tables
	size := perPart
	for _, r := range runs {
		for _, f := range r.frames {
			size += len(f.Payload)*188/184 + perFrame // packets and what they hold
		}
	}
	dst, start := make([]byte, 0, size), true
	for f := earliest(runs); f != nil; f = earliest(runs) {
		dst, err = w.mux.AppendFrame(dst, f, l, start)
		switch {
		case errors.Is(err, av.ErrLeftOut):
			p.LeftOut++
		case err != nil:
			return err
		}
		start = false
	}
	if len(dst) == 0 { // no frame went out
		dst, err = w.mux.AppendTables(dst, l)
	}
	p.Bytes = dst
	return err
}

// earliest takes the frame with the lowest DTS from runs, nil if there is none.
func earliest(runs []run) *av.Frame {
	first := -1
	for i, r := range runs {
		if len(r.frames) > 0 && (first < 0 || r.frames[0].DTS < runs[first].frames[0].DTS) {
			first = i
		}
	}
	if first < 0 {
		return nil
	}
	f := runs[first].frames[0]
	runs[first].frames = runs[first].frames[1:]
	return f
}

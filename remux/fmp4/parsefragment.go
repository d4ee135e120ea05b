package fmp4

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/av1"
	"github.com/weirmedia/weir/pkg/codec/h264"
	"github.com/weirmedia/weir/pkg/reason"
)

// fragment is what a moof says.
type fragment struct {
	samples []sample
	moof    int64 // its offset in the input
	// end is where the media of the newest traf end, at which those of the next
	// begin if it does not say (8.8.7).
	end   int64
	trafs int
}

// sample is where a frame lies in the input, and what is known of it.
type sample struct {
	track  *inputTrack
	traf   int // number of the traf in the moof, from 0 on
	offset int64
	size   uint32
	flags  uint32
	// decode and composition are in units of the track's timescale.
	decode      uint64
	composition int64
}

// parseFragment reads a moof (8.8.4) at an offset of the input.
func parseFragment(b []byte, offset int64, tracks map[uint32]*inputTrack) (*fragment, error) {
	g := &fragment{moof: offset, end: offset}
	err := children(b, func(kind string, b []byte) error {
		if kind != "traf" {
			return nil
		}
		return g.parseTrack(b, tracks)
	})
	if err != nil {
		return nil, reason.Wrap(reason.Of(err, reason.BadMedia), fmt.Errorf("fmp4: moof at offset %d: %w", offset, err))
	}
	return g, nil
}

// parseTrack reads a traf (8.8.6).
func (g *fragment) parseTrack(b []byte, tracks map[uint32]*inputTrack) error {
	var t *inputTrack
	var defaults sampleDefaults
	var base int64
	err := children(b, func(kind string, b []byte) (err error) {
		if kind == "tfhd" && t != nil {
			return errors.New("comes twice")
		}
		if (kind == "tfdt" || kind == "trun") && t == nil {
			return errors.New("comes before tfhd")
		}
		switch kind {
		case "tfhd":
			t, defaults, base, err = g.parseHeader(b, tracks)
			g.end = base
		case "tfdt":
			f := fields{b: b}
			version, _ := f.full()
			t.next, err = f.sized(version), f.err
			if t.next > maxUnits {
				return fmt.Errorf("decode time %d is not possible", t.next)
			}
		case "trun":
			return g.parseRun(b, t, defaults, base)
		}
		return err
	})
	g.trafs++
	return err
}

// parseHeader reads a tfhd (8.8.7). base is what offsets count from.
func (g *fragment) parseHeader(b []byte, tracks map[uint32]*inputTrack) (t *inputTrack, d sampleDefaults, base int64, err error) {
	const hasBase, hasDescription, hasDuration, hasSize, hasFlags, baseIsMoof = 1, 2, 8, 0x10, 0x20, 0x20000
	f := fields{b: b}
	_, flags := f.full()
	id := f.uint32()
	if t = tracks[id]; t == nil && f.err == nil {
		return nil, d, 0, fmt.Errorf("track_ID %d is not in moov", id)
	}
	base = g.moof
	switch {
	case flags&hasBase != 0:
		base = int64(min(f.uint64(), maxUnits))
	case flags&baseIsMoof == 0 && g.trafs > 0:
		base = g.end
	}
	f.either(flags&hasDescription != 0, 0)
	if f.err != nil {
		return nil, d, 0, f.err
	}
	d.duration = f.either(flags&hasDuration != 0, t.defaults.duration)
	d.size = f.either(flags&hasSize != 0, t.defaults.size)
	d.flags = f.either(flags&hasFlags != 0, t.defaults.flags)
	return t, d, base, f.err
}

// parseRun reads a trun (8.8.8).
func (g *fragment) parseRun(b []byte, t *inputTrack, d sampleDefaults, base int64) error {
	const hasOffset, hasFirstFlags, hasDuration, hasSize, hasFlags, hasComposition = 1, 4, 0x100, 0x200, 0x400, 0x800
	f := fields{b: b}
	version, flags := f.full()
	n := f.uint32()
	if n > maxSamples || len(g.samples)+int(n) > maxSamples {
		return reason.Wrap(reason.LimitReached, fmt.Errorf("more than %d samples", maxSamples))
	}
	at := g.end
	if flags&hasOffset != 0 {
		at = base + int64(int32(f.uint32()))
	}
	first := f.either(flags&hasFirstFlags != 0, d.flags)
	for i := range n {
		s := sample{track: t, traf: g.trafs, offset: at, decode: t.next}
		duration := f.either(flags&hasDuration != 0, d.duration)
		s.size = f.either(flags&hasSize != 0, d.size)
		s.flags = d.flags
		if i == 0 {
			s.flags = first
		}
		s.flags = f.either(flags&hasFlags != 0, s.flags)
		composition := f.either(flags&hasComposition != 0, 0)
		s.composition = int64(int32(composition))
		if version == 0 {
			s.composition = int64(composition)
		}
		if f.err != nil {
			return f.err
		}
		at += int64(s.size)
		t.next = min(t.next+uint64(duration), maxUnits)
		g.samples = append(g.samples, s)
	}
	g.end = at
	return f.err
}

// cut returns the frames whose payloads are in b, the content of the mdat at
// the offset begin.
func (g *fragment) cut(b []byte, begin int64) ([]*av.Frame, error) {
	var frames []*av.Frame
	var total int64
	for _, s := range g.samples {
		at := s.offset - begin
		// Samples that share bytes would cost time without bound.
		if total += int64(s.size); total > int64(len(b)) {
			return nil, broken("samples of the moof at offset %d have more bytes than its mdat", g.moof)
		}
		if at < 0 || at > int64(len(b)) || int64(s.size) > int64(len(b))-at {
			return nil, broken("%d bytes at offset %d of track %d are not in the mdat after the moof at offset %d", s.size, s.offset, s.track.id, g.moof)
		}
		if s.track.track == nil || s.size == 0 {
			continue
		}
		f, err := s.frame(b[at : at+int64(s.size) : at+int64(s.size)])
		if err != nil {
			return nil, broken("sample at offset %d of track %d: %w", s.offset, s.track.id, err)
		}
		frames = append(frames, f)
	}
	slices.SortStableFunc(frames, func(a, b *av.Frame) int { return cmp.Compare(a.DTS, b.DTS) })
	return frames, nil
}

// sync reports whether decoding can begin at s.
func (s *sample) sync() bool {
	const nonSync = 1 << 16
	return s.flags&nonSync == 0
}

// frame returns the frame of s.
func (s *sample) frame(payload []byte) (*av.Frame, error) {
	t := s.track.track
	switch t.Codec {
	case av.H264, av.H265:
		if err := h264.CheckNALs(payload, s.track.lengthSize); err != nil {
			return nil, err
		}
	case av.AV1:
		payload = av1.TrimTemporalDelimiters(payload)
	}
	dts, ok := nanoseconds(int64(s.decode), s.track.timescale)
	pts, ptsOK := nanoseconds(int64(s.decode)+s.composition, s.track.timescale)
	if !ok || !ptsOK {
		return nil, fmt.Errorf("decode time %d is not possible", s.decode)
	}
	return &av.Frame{
		Track:   t,
		DTS:     dts + s.track.offset,
		PTS:     pts + s.track.offset,
		Key:     t.Kind == av.Video && s.sync(),
		Payload: payload,
	}, nil
}

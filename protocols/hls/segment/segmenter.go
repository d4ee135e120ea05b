package segment

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// Options say how a Segmenter cuts.
type Options struct {
	Format Format
	// Segment is how long a segment should be at least: it ends at the first key
	// frame after that, or at an earlier one if the next may come too late.
	Segment time.Duration
	// MaxSegment is how long a segment may become for want of a key frame.
	MaxSegment time.Duration
	// Part is about how long a part is; 0 makes each segment one part.
	Part time.Duration
}

// Shortest is how long a segment is at least, but for those that are broken off.
const Shortest = time.Duration(late)

const (
	// A segment that lasts Options.Segment but for 1/early of it is long enough,
	// for key frames do not come to the millisecond: encoders that put B-frames
	// before them move them by a few pictures.
	early = 10
	// late is how far a segment may exceed the target duration: less than half a
	// second, since durations are rounded to seconds to compare (4.4.3.1).
	late = int64(400 * time.Millisecond)
	// lead is how much earlier than a segment sound may be that goes into it, since
	// publishers send it sooner or later than the picture. What is older, while no
	// segment can begin, is lost.
	lead = int64(time.Second)
	// A part that is not the last of its segment and has no key frame at its
	// start has at least minPart/100 of the part target (4.4.4.9).
	minPart = 85
)

// Segmenter cuts the frames of one stream into segments and parts.
//
// The cuts follow the frames of one track, the leader: the picture or, without
// one, the sound. A part is closed when the frame after it has come, and holds
// of every track the frames before its border whose length is known. So all
// times are those of the frames, and the sum of parts and segments never drifts
// from them.
//
// It is used by one goroutine at a time.
type Segmenter struct {
	o    Options
	sink Sink
	w    writer

	layout  *av.Layout // as it came
	carried *av.Layout // what goes into segments
	queues  []*queue   // one for each of its tracks
	leader  *queue
	video   bool // there is one with pictures
	init    *Init
	inits   int
	pace    pace

	gop     int64 // the longest distance of starts so far, ns
	start   int64 // the newest one
	target  int64 // the longest segment, ns; 0 until the first one has ended
	open    bool
	segment int64 // where the open segment begins
	part    int64 // where its next part does
	parts   int   // that it has

	after         int64 // where the newest segment ended, if none is open
	began         bool  // there was a segment
	discontinuity bool  // the next segment does not continue the last
}

// New returns a Segmenter that hands on to sink.
func New(o Options, sink Sink) *Segmenter {
	return &Segmenter{o: o, sink: sink, w: newWriter(o.Format)}
}

// Target returns the longest duration of a segment, a whole number of seconds,
// once the first segment has ended. It does not change.
func (s *Segmenter) Target() time.Duration { return time.Duration(s.target) }

// PartTarget returns the longest duration of a part, 0 if there are no parts or
// the first has not ended. It does not change.
func (s *Segmenter) PartTarget() time.Duration {
	if s.o.Part == 0 {
		return 0
	}
	return time.Duration(s.pace.part)
}

// Push takes the next frame; l is the layout in force and start says that
// decoding may begin at f. It fails with reason.Unsupported if the format can
// hold none of the tracks. After an error the Segmenter is of no more use.
func (s *Segmenter) Push(f *av.Frame, l *av.Layout, start bool) error {
	if l != s.layout {
		if err := s.setLayout(l); err != nil {
			return err
		}
	}
	q := s.queueOf(f.Track)
	if q == nil {
		return nil
	}
	if !s.video {
		start = true
	}
	if !s.open && !start && f.Track.Kind == av.Video {
		return nil // cannot be decoded
	}
	q.push(f)
	if start {
		s.leader = q
	}
	if !s.open {
		for _, q := range s.queues {
			q.dropBefore(f.DTS - lead)
		}
	}
	switch {
	case !s.open && start:
		s.resume(f.DTS)
	case s.open && q == s.leader:
		return s.advance(f.DTS, start)
	}
	return nil
}

func (s *Segmenter) queueOf(t *av.Track) *queue {
	for _, q := range s.queues {
		if q.track.ID == t.ID {
			return q
		}
	}
	return nil
}

// setLayout puts l in force. Tracks that are other than before end the segment.
func (s *Segmenter) setLayout(l *av.Layout) error {
	s.layout = l
	carried := s.o.Format.Carried(l)
	if s.carried != nil && slices.Equal(carried.Tracks, s.carried.Tracks) {
		return nil
	}
	if err := s.Break(); err != nil {
		return err
	}
	if len(carried.Tracks) == 0 {
		return reason.Wrap(reason.Unsupported, fmt.Errorf("hls with %s can carry none of the stream's tracks", s.o.Format))
	}
	b, err := s.w.init(carried)
	if err != nil {
		return err
	}
	if b != nil && (s.init == nil || !bytes.Equal(b, s.init.Bytes)) {
		s.init = &Init{Number: s.inits, Bytes: b}
		s.inits++
	}
	s.carried, s.queues, s.leader = carried, nil, nil
	for _, t := range carried.Tracks {
		s.queues = append(s.queues, &queue{track: t})
	}
	s.video = carried.First(av.Video) != nil
	return nil
}

// begin opens a segment at dts.
func (s *Segmenter) begin(dts int64) {
	s.sink.Begin(Head{Start: dts, Init: s.init, Layout: s.carried, Discontinuity: s.discontinuity})
	s.open, s.began, s.discontinuity = true, true, false
	s.segment, s.part, s.parts = dts, dts, 0
}

// advance makes the cuts that are due now that the leader has come to dts. start
// says that a segment may begin there.
func (s *Segmenter) advance(dts int64, start bool) error {
	if start {
		s.gop = max(s.gop, dts-s.start)
		s.start = dts
	}
	if s.pace.part == 0 {
		if dts-s.leader.frames[0].DTS < measuredParts*s.wantedPart() {
			return nil
		}
		s.pace.set(s.leader.frames, s.wantedPart(), int64(s.o.Segment))
	}
	for {
		length := dts - s.segment
		switch {
		case start && s.longEnough(length) && length <= s.limit():
			return s.cut(dts)
		case length+s.pace.frame/2 > s.limit():
			if err := s.cutOverlong(dts); err != nil {
				return err
			}
			continue
		}
		return s.closeParts(dts)
	}
}

// longEnough reports whether a segment of this length should end at the start
// that has come: it is as long as wanted, or would become too long until the
// next start, as far as the stream has shown.
func (s *Segmenter) longEnough(length int64) bool {
	next := length + min(s.gop, s.limit()-int64(Shortest))
	return length >= int64(s.o.Segment)*(early-1)/early || next > s.limit()
}

// wantedPart is what the pace is measured for, in ns. Without parts only the
// distance of frames matters.
func (s *Segmenter) wantedPart() int64 {
	const usual = 200 * time.Millisecond
	if s.o.Part == 0 {
		return int64(usual)
	}
	return int64(s.o.Part)
}

// limit is how long a segment may be.
func (s *Segmenter) limit() int64 {
	if s.target == 0 {
		return int64(s.o.MaxSegment)
	}
	return s.target + late
}

// cutOverlong ends the segment before dts although there is no key frame.
func (s *Segmenter) cutOverlong(dts int64) error {
	border, ok := s.leader.lastUpTo(s.segment + s.limit())
	if !ok || border <= s.part {
		border = s.segment + s.limit() // nothing came for so long
	}
	if s.video {
		s.sink.Overlong(time.Duration(min(dts, border) - s.segment))
	}
	return s.cut(border)
}

// cut ends the segment at border and begins the next there.
func (s *Segmenter) cut(border int64) error {
	if err := s.closeParts(border); err != nil {
		return err
	}
	if err := s.finish(border, false); err != nil {
		return err
	}
	s.begin(s.after)
	return nil
}

// closeParts closes the parts that another frame would make too long, now that
// the leader has come to dts.
func (s *Segmenter) closeParts(dts int64) error {
	if s.o.Part == 0 {
		return nil
	}
	for dts-s.part+s.pace.frame/2 > s.pace.part {
		border, ok := s.leader.lastUpTo(s.part + s.pace.part)
		if !ok || (border-s.part)*100 < s.pace.part*minPart {
			border = s.part + s.pace.part // in the middle of a long frame
		}
		if err := s.emit(border, false); err != nil {
			return err
		}
	}
	return nil
}

// finish ends the segment at border; with all, nothing is kept for the next.
func (s *Segmenter) finish(border int64, all bool) error {
	if s.part < border && (s.parts == 0 || s.has(border, all)) {
		if err := s.emit(border, all); err != nil {
			return err
		}
	}
	// Without frames in what was left of it, the segment ends before border and
	// the next one begins there.
	s.sink.End()
	if length := s.part - s.segment; s.target == 0 {
		s.target = s.targetFor(length, all)
	}
	s.open, s.after = false, s.part
	return nil
}

// targetFor returns the target duration that fits a first segment of this length
// and the GOPs so far. A segment that was broken off does not tell.
func (s *Segmenter) targetFor(length int64, broken bool) int64 {
	const second, slack = int64(time.Second), int64(100 * time.Millisecond)
	length = max(length, int64(s.o.Segment), min(s.gop, int64(s.o.MaxSegment)))
	if broken {
		length = max(length, int64(s.o.MaxSegment))
	}
	return max(1, (length-slack+second-1)/second) * second
}

// has reports whether a part that ends at border would hold a frame.
func (s *Segmenter) has(border int64, all bool) bool {
	for _, q := range s.queues {
		if n := len(q.frames); n > 0 && (all || n > 1 && q.frames[0].DTS < border) {
			return true
		}
	}
	return false
}

// emit closes the part at border.
func (s *Segmenter) emit(border int64, all bool) error {
	p := &Part{Duration: time.Duration(border - s.part)}
	var runs []run
	for _, q := range s.queues {
		if r, ok := q.take(border, all); ok {
			runs = append(runs, r)
			if q.track.Kind == av.Video {
				p.Pictures = len(r.frames)
				p.Independent = r.frames[0].Key
			}
		}
	}
	p.Gap = len(runs) == 0
	p.Independent = p.Independent || !s.video && !p.Gap
	if !p.Gap {
		if err := s.w.part(p, s.carried, runs); err != nil {
			return err
		}
	}
	s.sink.Part(p)
	s.part = border
	s.parts++
	return nil
}

// Break ends the open segment with all frames that there are: their publisher
// left, or frames were missed. The next segment, a gap or not, is a discontinuity.
func (s *Segmenter) Break() error {
	if s.open {
		end := s.part
		if len(s.leader.frames) > 0 {
			end = max(end, s.leader.end())
		}
		if s.pace.part == 0 {
			s.pace.set(s.leader.frames, s.wantedPart(), int64(s.o.Segment))
		}
		if err := s.breakAt(end); err != nil {
			return err
		}
		s.discontinuity = true
	}
	for _, q := range s.queues {
		q.frames = nil
	}
	return nil
}

func (s *Segmenter) breakAt(end int64) error {
	for end-s.segment > s.limit() {
		if err := s.cutOverlong(end); err != nil {
			return err
		}
	}
	if err := s.closeParts(end); err != nil {
		return err
	}
	if end <= s.part && s.has(end, true) {
		end = s.part + usualGap // what is left belongs to no part yet
	}
	return s.finish(end, true)
}

var errOpen = errors.New("a gap within a segment")

// Gap adds segments without media, each as long as the target duration, from
// the end of the last segment up to until at most. Break comes before.
func (s *Segmenter) Gap(until int64) error {
	switch {
	case s.open:
		return errOpen
	case !s.began:
		return nil
	}
	for s.after+s.target <= until {
		s.gap(s.target)
	}
	return nil
}

// gap adds a segment without media.
func (s *Segmenter) gap(d int64) {
	s.sink.Gap(Head{Start: s.after, Init: s.init, Layout: s.carried, Discontinuity: s.discontinuity}, time.Duration(d))
	s.discontinuity = false
	s.after += d
}

// resume opens a segment at dts after a pause, if there was one. After a gap that
// was shown, the rest of the pause is one too: nothing is missing in between, so
// that the segment needs no discontinuity of its own.
func (s *Segmenter) resume(dts int64) {
	if s.began && !s.discontinuity {
		for s.after < dts {
			s.gap(min(dts-s.after, s.target))
		}
		s.discontinuity = s.after > dts
	}
	s.start = dts
	s.begin(dts)
}

// Broken reports whether the segment that comes next will be a discontinuity. If
// none is open, that is known before it begins.
func (s *Segmenter) Broken() bool { return !s.open && s.discontinuity }

// End returns where the newest segment ended on the stream's timeline, in ns, if
// none is open.
func (s *Segmenter) End() int64 { return s.after }

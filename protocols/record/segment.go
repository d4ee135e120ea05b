package record

import (
	"slices"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/protocols/record/library"
	"github.com/weirmedia/weir/remux/mediafile"
)

// segment is a file that is written. What the writer makes of frames goes through it
// to the file.
type segment struct {
	recorder *recorder
	name     string
	format   mediafile.Format
	file     file
	writer   *mediafile.Writer
	layout   *av.Layout  // of the newest frame
	fits     bool        // layout goes on in the file
	tracks   []*av.Track // that can go on in the file
	begun    int64       // DTS of the first frame
	bytes    int64       // that the file has
	noted    int64       // of these, those in the status
	head     int64       // bytes before the first media
	ended    bool        // the library has it

	notedAt, syncedAt time.Time
}

// maxFLV is how long an FLV file may be: its timestamps are signed, in milliseconds (E.4.1).
const maxFLV = 24 * 24 * time.Hour

// newSegment makes a file that begins with a frame.
func newSegment(r *recorder, item bus.Item, o *order) (*segment, error) {
	now := time.Now()
	start := now.Add(-time.Duration(av.Now() - item.Frame.Arrival)).UTC().Truncate(time.Millisecond)
	stream := r.stream.Name()
	name, err := o.name.fill(fields{stream: stream, captures: o.captures, start: start, n: r.number + 1})
	if err != nil {
		return nil, err
	}
	seg := &segment{
		recorder: r, format: o.format, layout: item.Layout, fits: true, tracks: item.Layout.Tracks, begun: item.Frame.DTS,
		notedAt: now, syncedAt: now,
	}
	err = r.health.timed(func() (err error) {
		seg.file, err = r.service.store.Create(library.Segment{
			Stream: stream, File: name + "." + string(o.format), Format: o.format, Start: start, Tracks: library.Names(mediafile.Carried(o.format, item.Layout)),
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		if seg.writer == nil { // also after a panic
			seg.file.Discard()
		}
	}()
	seg.name = seg.file.Segment().File
	seg.writer, err = mediafile.NewWriter(seg, o.format, mediafile.Header{Stream: stream, Start: start}, item.Layout)
	if err != nil {
		return nil, err
	}
	seg.writer.Share(&r.service.buffers)
	seg.head = seg.bytes
	return seg, nil
}

// Write implements io.Writer.
func (s *segment) Write(b []byte) (n int, err error) {
	r, began := s.recorder, time.Now()
	err = r.health.timed(func() (err error) {
		n, err = s.file.Write(b)
		return err
	})
	r.service.metrics.write.Observe(time.Since(began).Seconds())
	s.bytes += int64(n)
	r.session.Counters().BytesOut.Add(uint64(n))
	r.service.metrics.bytes.Add(float64(n))
	return n, err
}

// over returns why the segment ends before a frame, "" if it does not.
func (s *segment) over(item bus.Item, o *order) string {
	if item.Layout != s.layout {
		s.layout, s.fits = item.Layout, s.writer.Fits(item.Layout)
		if s.fits {
			s.tracks = item.Layout.Tracks
		}
	}
	length := time.Duration(item.Frame.DTS - s.begun)
	switch {
	case !item.Start:
		return ""
	case !s.fits:
		return byLayout
	case o.format != s.format:
		return byFormat
	case o.duration > 0 && length >= o.duration, s.format == mediafile.FLV && length > maxFLV:
		return byDuration
	case o.bytes > 0 && s.writer.Bytes() >= o.bytes:
		return byBytes
	}
	return ""
}

// write adds a frame. Between a change of layout that does not fit and the start point
// where the next segment begins, the tracks that are as they were go on.
func (s *segment) write(item bus.Item) error {
	if t := item.Frame.Track; !s.fits && t.Kind != av.Data && !slices.Contains(s.tracks, t) {
		s.recorder.leaveOut()
		return nil
	}
	s.recorder.session.Counters().FramesOut.Add(1)
	before := s.bytes
	err := s.writer.Write(item.Frame, item.Start)
	if s.bytes > before { // what was held is in the file
		s.recorder.sub.Release()
	}
	return err
}

// hasMedia reports whether something would be lost with the file.
func (s *segment) hasMedia() bool { return s.bytes > s.head }

// unnoted returns the bytes since it was called last.
func (s *segment) unnoted() int64 {
	n := s.bytes - s.noted
	s.noted = s.bytes
	return n
}

// sync has the disk keep what was written.
func (s *segment) sync() error {
	began := time.Now()
	err := s.recorder.health.timed(s.file.Sync)
	s.recorder.service.metrics.sync.Observe(time.Since(began).Seconds())
	return err
}

// close writes what is missing.
func (s *segment) close() error { return s.writer.Close() }

// end hands the file over to the library. If the disk took only a part of it, the
// library cuts off what is not whole.
func (s *segment) end(why string) (done library.Segment, err error) {
	s.ended = true
	err = s.recorder.health.timed(func() (err error) {
		done, err = s.file.End(s.writer.Duration(), why)
		return err
	})
	return done, err
}

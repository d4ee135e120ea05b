package mediafile

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/remux/flv"
	"github.com/weirmedia/weir/remux/fmp4"
	"github.com/weirmedia/weir/remux/ts"
)

const (
	// maxGroupTime is how much media is held back, in nanoseconds.
	maxGroupTime = int64(time.Second)
	// maxGroupBytes bounds what is held back: a second of 64 Mbit/s.
	maxGroupBytes = 8 << 20
	// maxGroupFrames bounds what frames cost besides: those of a publisher whose time
	// stands still may be a byte each.
	maxGroupFrames = 10_000
)

// Writer writes one file. A frame's time in the file is its DTS less that of the first
// frame of all (tracks that begin a little earlier included: no time is negative; those
// of MPEG-TS are a second greater). Script data is left out. It is not safe for
// concurrent use.
type Writer struct {
	w       io.Writer
	format  Format
	encoder encoder
	fits    *av.Layout // the newest that fits
	tracks  []*track   // of the file

	// held are frames with the file's own tracks. Once settled, their times are
	// those of the file.
	held      []av.Frame
	heldBytes int
	start     bool // viewers may begin at the first of held
	owed      bool // viewers may begin at a frame that was left out, so at the next

	// origin is the stream's time at which the file begins; it is the least DTS until
	// the first frames are written, and settled then.
	begun, settled bool
	origin         int64 // ns

	written int64
	buffers *Buffers
	err     error // of the underlying writer, returned again
}

// track is a track of the file.
type track struct {
	fmp4.Durations
	same  *av.Track // the newest that is the same as the file's
	begun bool
	end   int64 // of its newest frame, on the stream's timeline
}

// encoder writes a format. Frames have the file's times and tracks.
type encoder interface {
	// zero is the file's time of the first frame.
	zero() int64
	// appendHead appends what comes before all frames.
	appendHead(dst []byte, h Header) ([]byte, error)
	// appendGroup appends a group of frames, and returns how many it moved to the
	// beginning of the group to be held on, with payloads of their own.
	appendGroup(dst []byte, g *group) (out []byte, kept int)
	// appendEnd appends what makes the file complete.
	appendEnd(dst []byte, at position) []byte
}

// position is where a file goes on.
type position struct {
	offset   int64
	duration int64 // of the file so far
}

// group is what is written at a time.
type group struct {
	position
	frames []av.Frame // in the order in which they came
	start  bool       // viewers may begin at the first one
	next   *av.Frame  // the one after them; nil if it is not known
	// end returns when the newest frame of a track will probably end.
	end func(t *av.Track) int64
}

// Carried returns the tracks of l that format f carries.
func Carried(f Format, l *av.Layout) (tracks []*av.Track) {
	for _, t := range l.Tracks {
		if f == MP4 && fmp4.Carries(t) || f == FLV && flvOptions.Carries(l, t) || f == TS && ts.Carries(t) {
			tracks = append(tracks, t)
		}
	}
	return tracks
}

func newEncoder(f Format, l *av.Layout) encoder {
	switch f {
	case FLV:
		return &flvEncoder{layout: l, muxer: flv.Muxer{Options: flvOptions}}
	case TS:
		return &tsEncoder{layout: l}
	}
	return newMP4(l)
}

// NewWriter begins a file for the tracks of l that the format carries. It fails with
// reason.Unsupported if there is none, with reason.BadMedia if the configuration of
// one is broken, or with the error of the underlying writer.
func NewWriter(to io.Writer, f Format, h Header, l *av.Layout) (*Writer, error) {
	tracks := Carried(f, l)
	if len(tracks) == 0 {
		return nil, reason.Wrap(reason.Unsupported, fmt.Errorf("mediafile: no track that %q files carry", f))
	}
	own := &av.Layout{Tracks: tracks, Ready: true, Metadata: l.Metadata}
	w := &Writer{w: to, format: f, encoder: newEncoder(f, own), fits: l, buffers: new(Buffers)}
	for _, t := range tracks {
		s := new(track)
		s.Set(t)
		w.tracks = append(w.tracks, s)
	}
	head, err := w.encoder.appendHead(nil, h)
	if err != nil {
		return nil, fmt.Errorf("mediafile: %w", err)
	}
	if err := w.write(head); err != nil {
		return nil, err
	}
	return w, nil
}

// Share has w put its fragments together in b.
func (w *Writer) Share(b *Buffers) { w.buffers = b }

// LeftOut returns the tracks of l that the format does not carry.
func LeftOut(f Format, l *av.Layout) []av.Omission {
	switch f {
	case MP4:
		return (*fmp4.Muxer)(nil).LeftOut(l)
	case FLV:
		return flvOptions.LeftOut(l)
	}
	return (*ts.Muxer)(nil).LeftOut(l)
}

// Fits reports whether frames of l can go on in this file: it has the same tracks, with
// the same configurations. If not, the next file begins with them.
func (w *Writer) Fits(l *av.Layout) bool {
	if l == w.fits {
		return true
	}
	if !slices.EqualFunc(Carried(w.format, l), w.tracks, sameTrack) {
		return false
	}
	w.fits = l
	return true
}

func sameTrack(a *av.Track, b *track) bool {
	return a.ID == b.ID && a.Codec == b.Codec && bytes.Equal(a.Config, b.Config) && bytes.Equal(a.SideInfo, b.SideInfo) &&
		a.Width == b.Width && a.Height == b.Height && a.SampleRate == b.SampleRate && a.Channels == b.Channels
}

// Write adds a frame, in the order in which a bus gives them. start tells that viewers
// may begin at it. What is not yet complete is held back until Flush: at most a
// fragment (about a second, or a GOP if that is shorter). Left out are frames of tracks
// that the file does not have, those from before its beginning, and those that are too
// large for the format. When a fragment is written, all payloads but that of f are let go
// of. Errors are those of the underlying writer; they are final, and
// what the file has of the fragment can be cut off by Mend.
func (w *Writer) Write(f *av.Frame, start bool) error {
	if w.err != nil {
		return w.err
	}
	t := w.track(f.Track)
	if t == nil || w.early(f) {
		w.owed = w.owed || start
		return nil
	}
	start, w.owed = start || w.owed, false
	if len(w.held) > 0 && (start || w.full(f)) {
		if err := w.cut(f, t); err != nil {
			return err
		}
		if w.early(f) {
			w.owed = start
			return nil
		}
	}
	if len(w.held) == 0 || start {
		w.start = start
	}
	if !w.begun || f.DTS < w.origin {
		w.begun, w.origin = true, f.DTS
	}
	t.Observe(f)
	t.begun, t.end = true, f.DTS+t.Of(f)
	w.held = append(w.held, w.own(f, t))
	w.heldBytes += len(f.Payload)
	return nil
}

// early reports whether f is from before the beginning of the file.
func (w *Writer) early(f *av.Frame) bool { return w.settled && f.DTS < w.origin }

// own returns f as the file has it.
func (w *Writer) own(f *av.Frame, t *track) av.Frame {
	return av.Frame{Track: t.Track, DTS: w.at(f.DTS), PTS: w.at(f.PTS), Key: f.Key, Payload: f.Payload}
}

// at returns a time of the stream as frames that are held have it.
func (w *Writer) at(ns int64) int64 {
	if !w.settled {
		return ns
	}
	return ns - w.origin + w.encoder.zero()
}

// full reports whether what is held is to be written before f.
func (w *Writer) full(f *av.Frame) bool {
	return w.at(f.DTS)-w.held[0].DTS >= maxGroupTime || w.heldBytes+len(f.Payload) > maxGroupBytes || len(w.held) >= maxGroupFrames
}

// track returns the file's form of a track, nil if the file has none with the same
// configuration.
func (w *Writer) track(t *av.Track) *track {
	for _, s := range w.tracks {
		if s.Track == t || s.same == t {
			return s
		}
		if sameTrack(t, s) {
			s.same = t
			return s
		}
	}
	return nil
}

// cut writes what is held before f, a frame of t; f is nil if that is not known.
func (w *Writer) cut(f *av.Frame, t *track) error {
	if !w.settled {
		w.settled = true
		for i := range w.held {
			w.held[i].DTS, w.held[i].PTS = w.at(w.held[i].DTS), w.at(w.held[i].PTS)
		}
	}
	g := group{position: w.position(), frames: w.held, start: w.start, end: w.end}
	if f != nil {
		next := w.own(f, t)
		g.next = &next
	}
	buf := w.buffers.get()
	out, kept := w.encoder.appendGroup(buf.b[:0], &g)
	buf.b, w.start = out, false
	defer w.buffers.put(buf)
	clear(w.held[kept:]) // so that the stream alone keeps the payloads
	w.held, w.heldBytes = w.held[:kept], 0
	for i := range w.held {
		w.heldBytes += len(w.held[i].Payload)
	}
	return w.write(out)
}

// end returns when the newest frame of t ends, in the file's time.
func (w *Writer) end(t *av.Track) int64 { return w.at(w.track(t).end) }

func (w *Writer) position() position { return position{w.written, int64(w.Duration())} }

func (w *Writer) write(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	n, err := w.w.Write(b)
	w.written += int64(n)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	w.err = err
	return err
}

// Flush writes what is held, so that the file plays up to the newest frame.
func (w *Writer) Flush() error {
	if w.err != nil || len(w.held) == 0 {
		return w.err
	}
	return w.cut(nil, nil)
}

// Close writes what is held and what makes the file complete. It does not close the
// underlying writer.
func (w *Writer) Close() error {
	if err := w.Flush(); err != nil {
		return err
	}
	return w.write(w.encoder.appendEnd(nil, w.position()))
}

// Bytes returns how many bytes were written or are held.
func (w *Writer) Bytes() int64 { return w.written + int64(w.heldBytes) }

// Duration returns the time from the first frame to the end of the newest.
func (w *Writer) Duration() time.Duration {
	var d int64
	for _, t := range w.tracks {
		if t.begun {
			d = max(d, t.end-w.origin)
		}
	}
	return time.Duration(d)
}

package fmp4

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// Limits of what a Demuxer reads.
const (
	// maxHeader bounds moov and moof in bytes. Those of fragmented files have a
	// few kilobytes.
	maxHeader = 4 << 20
	// maxMedia bounds the mdat of a fragment in bytes: ten seconds of 100 Mbit/s.
	maxMedia = 128 << 20
	// maxSamples bounds the samples of a fragment: ten seconds of frames with
	// 2.5 ms each, in sixteen tracks.
	maxSamples = 64 << 10
	maxTracks  = 32
)

// Demuxer reads a fragmented MP4 file, an endless stream of such, or the
// segments of one HLS rendition after their init segment. Memory is bounded by
// its limits. It is not safe for concurrent use.
type Demuxer struct {
	r      *bufio.Reader
	offset int64 // of the next byte to read
	// tracks are those of the newest moov, by track_ID.
	tracks  map[uint32]*inputTrack
	pending *fragment   // of a moof whose mdat is to come
	frames  []*av.Frame // of the newest fragment, to be given out
	err     error
}

// NewDemuxer returns a Demuxer that reads from r when it is asked to.
func NewDemuxer(r io.Reader) *Demuxer {
	return &Demuxer{r: bufio.NewReader(r)}
}

// Tracks returns the tracks in force, ordered by ID: those of the init segment
// that was read last, which it reads if there was none yet. Tracks of other
// codecs than this package writes are left out, and so are their frames. A
// track's ID is its track_ID less 1. Errors are those of Next.
func (d *Demuxer) Tracks() ([]*av.Track, error) {
	for d.tracks == nil && d.err == nil {
		d.err = d.step()
	}
	if d.tracks == nil {
		return nil, d.err
	}
	return listed(d.tracks), nil
}

// Next returns the next frame. Within a fragment frames are ordered by DTS.
// Times are those of the file, with the edit list's offset; those that this
// package wrote are Shift above the frames'. A frame's Track is one of Tracks.
// Arrival is left to others. Payloads belong to the receiver, but share memory
// within a fragment.
//
// At the end it returns io.EOF, or an error that wraps io.ErrUnexpectedEOF if
// the input ends inside of a box or fragment. A broken file has
// reason.BadMedia, one that is not fragmented reason.Unsupported, one beyond the
// limits reason.LimitReached. Errors are returned again by later calls.
func (d *Demuxer) Next() (*av.Frame, error) {
	for len(d.frames) == 0 && d.err == nil {
		d.err = d.step()
	}
	if len(d.frames) == 0 {
		return nil, d.err
	}
	f := d.frames[0]
	d.frames = d.frames[1:]
	return f, nil
}

// step reads one box.
func (d *Demuxer) step() error {
	start := d.offset
	kind, size, err := d.readHeader()
	if err != nil {
		return err
	}
	switch {
	case kind == "moov":
		b, err := d.read(size, maxHeader, kind)
		if err != nil {
			return err
		}
		tracks, err := parseMovie(b)
		if err != nil {
			return err
		}
		d.tracks, d.pending = tracks, nil
	case kind == "moof":
		b, err := d.read(size, maxHeader, kind)
		if err != nil {
			return err
		}
		if d.tracks == nil {
			return broken("moof at offset %d comes before moov", start)
		}
		d.pending, err = parseFragment(b, start, d.tracks)
		return err
	case kind == "mdat" && d.pending != nil:
		begin := d.offset
		b, err := d.read(size, maxMedia, kind)
		if err != nil {
			return err
		}
		d.frames, err = d.pending.cut(b, begin)
		d.pending = nil
		return err
	default:
		return d.skip(size, kind)
	}
	return nil
}

// readHeader reads the header of a box and returns the size of what follows.
// The end of the input before it is io.EOF, unless media are to come.
func (d *Demuxer) readHeader() (kind string, size int64, err error) {
	start := d.offset
	var b [boxHeader]byte
	n, err := io.ReadFull(d.r, b[:])
	d.offset += int64(n)
	if err == io.EOF && d.pending == nil {
		return "", 0, io.EOF
	}
	if err != nil {
		return "", 0, readError("box header", start, err)
	}
	kind, size = string(b[4:]), int64(binary.BigEndian.Uint32(b[:]))
	head := int64(boxHeader)
	switch size {
	case 0:
		return "", 0, reason.Wrap(reason.Unsupported, fmt.Errorf("fmp4: %q at offset %d goes on to the end of the file", kind, start))
	case 1: // the size has 64 bits
		if err := d.readFull(b[:], "box header"); err != nil {
			return "", 0, err
		}
		size, head = int64(binary.BigEndian.Uint64(b[:])), 2*boxHeader
	}
	if size < head {
		return "", 0, broken("%q at offset %d has the size %d", kind, start, size)
	}
	return kind, size - head, nil
}

// read reads n bytes of the box kind into memory that grows as they arrive.
func (d *Demuxer) read(n, limit int64, kind string) ([]byte, error) {
	if n > limit {
		return nil, reason.Wrap(reason.LimitReached, fmt.Errorf("fmp4: %q before offset %d has %d bytes, limit %d", kind, d.offset, n, limit))
	}
	const first = 64 << 10
	b := make([]byte, 0, min(n, first))
	for int64(len(b)) < n {
		if len(b) == cap(b) {
			b = slices.Grow(b, int(min(int64(len(b)), n-int64(len(b)))))
		}
		begin := len(b)
		b = b[:min(int64(cap(b)), n)]
		if err := d.readFull(b[begin:], kind); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (d *Demuxer) skip(n int64, kind string) error {
	start := d.offset
	skipped, err := io.CopyN(io.Discard, d.r, n)
	d.offset += skipped
	if err != nil {
		return readError(kind, start, err)
	}
	return nil
}

// readFull fills b, for which the input must not end.
func (d *Demuxer) readFull(b []byte, what string) error {
	start := d.offset
	n, err := io.ReadFull(d.r, b)
	d.offset += int64(n)
	if err != nil {
		return readError(what, start, err)
	}
	return nil
}

func readError(what string, offset int64, err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("fmp4: %s at offset %d: %w", what, offset, err)
}

func broken(format string, args ...any) error {
	return reason.Wrap(reason.BadMedia, fmt.Errorf("fmp4: "+format, args...))
}

package mediafile

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/remux/fmp4"
)

const (
	mp4Head = 8 // bytes of a box before its content
	// maxBox bounds what is read of a box in bytes.
	maxBox = 4 << 20
)

// mp4File is what is found in a fragmented MP4 file.
type mp4File struct {
	movie    *fmp4.Movie
	lead     *av.Track
	header   Header
	complete bool
	good     int64
	head     int64
	media    int64 // where the last fragment ends

	begin, end int64 // ns, of the media
	index      []fmp4.IndexEntry
	offsets    []int64 // of the chunks
	starts     []int64
}

// mp4Box is where a box is in a file.
type mp4Box struct {
	kind          string
	offset, begin int64 // of the box and of its content
	end           int64
}

func openMP4(in input) (opened, error) {
	f := new(mp4File)
	for f.good < in.size {
		b, ok, err := in.mp4Box(f.good)
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		if ok, err = f.take(in, b); err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		if len(f.offsets) == 0 {
			f.head = f.good
		}
	}
	if f.movie == nil {
		return nil, broken("no whole moov box in %d bytes", in.size)
	}
	if !f.complete {
		var err error
		if f.complete, err = in.closed(); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// closed reports whether a file ends with a whole mfra: what is damaged before that was
// not cut off.
func (in input) closed() (bool, error) {
	const size = 4 // of mfra, at its end (8.8.11)
	var last [size]byte
	if err := in.read(last[:], in.size-size); err != nil {
		return false, err
	}
	b, ok, err := in.mp4Box(max(0, in.size-int64(binary.BigEndian.Uint32(last[:]))))
	if err != nil || !ok || b.kind != "mfra" {
		return false, err
	}
	return in.wholeIndex(b)
}

// mp4Box reads the header of the box at an offset; false if the file does not have
// all of the box.
func (in input) mp4Box(offset int64) (b mp4Box, ok bool, err error) {
	const wide = 8 // bytes of a size of 64 bits
	if in.size-offset < mp4Head {
		return b, false, nil
	}
	var head [mp4Head + wide]byte
	if err := in.read(head[:min(int64(len(head)), in.size-offset)], offset); err != nil {
		return b, false, err
	}
	size, begin := int64(binary.BigEndian.Uint32(head[:])), offset+mp4Head
	if size == 1 {
		size, begin = int64(binary.BigEndian.Uint64(head[mp4Head:])), begin+wide
	}
	if size < begin-offset || size > in.size-offset {
		return b, false, nil
	}
	return mp4Box{string(head[4:mp4Head]), offset, begin, offset + size}, true, nil
}

// content reads the content of a box.
func (in input) content(b mp4Box) ([]byte, error) {
	if b.end-b.begin > maxBox {
		return nil, broken("%q at offset %d has %d bytes, limit %d", b.kind, b.offset, b.end-b.begin, maxBox)
	}
	out := make([]byte, b.end-b.begin)
	return out, in.read(out, b.begin)
}

// take takes note of a box; false if the file is not good there. An error means that
// it cannot be read, or that it is none of ours from its beginning on.
func (f *mp4File) take(in input, b mp4Box) (ok bool, err error) {
	switch b.kind {
	case "moov":
		if f.movie != nil {
			return false, nil
		}
		content, err := in.content(b)
		if err != nil {
			return false, err
		}
		if f.movie, err = fmp4.ParseMovie(content); err != nil {
			return false, reason.Wrap(reason.BadMedia, err)
		}
		if f.lead = leadOf(f.movie.Tracks()); f.lead == nil {
			return false, broken("no track of a codec that is known")
		}
	case "uuid":
		if err := f.takeHeader(in, b); err != nil {
			return false, err
		}
	case "moof":
		return f.takeFragment(in, b)
	case "mfra":
		f.complete, err = in.wholeIndex(b)
		if err != nil || !f.complete {
			return false, err
		}
	}
	f.good = b.end
	return true, nil
}

// takeHeader reads a uuid box that may be our header.
func (f *mp4File) takeHeader(in input, b mp4Box) error {
	const maxHeader = 4 << 10
	if n := b.end - b.begin; n < int64(len(headerUUID)) || n > maxHeader {
		return nil
	}
	content, err := in.content(b)
	if err == nil && string(content[:len(headerUUID)]) == headerUUID {
		f.header = decodeHeader(content[len(headerUUID):])
	}
	return err
}

// takeFragment reads a moof, and takes it if the mdat after it is whole.
func (f *mp4File) takeFragment(in input, b mp4Box) (ok bool, err error) {
	if f.movie == nil {
		return false, broken("moof at offset %d comes before moov", b.offset)
	}
	media, ok, err := in.mp4Box(b.end)
	if err != nil || !ok || media.kind != "mdat" || b.end-b.begin > maxBox {
		return false, err
	}
	content, err := in.content(b)
	if err != nil {
		return false, err
	}
	parts, err := f.movie.ParseFragment(content, b.offset)
	if err != nil {
		return false, nil // damaged: nothing is good from here on
	}
	if len(parts) > 0 {
		f.note(b.offset, parts)
	}
	f.good, f.media = media.end, media.end
	return true, nil
}

// note takes note of a fragment at an offset. A chunk begins with it if decoding can
// begin there, or if it is the first.
func (f *mp4File) note(offset int64, parts []fmp4.Part) {
	first := len(f.offsets) == 0
	if first {
		f.begin = parts[0].DTS
	}
	for _, p := range parts {
		if first {
			f.begin = min(f.begin, p.DTS)
		}
		f.end = max(f.end, p.End)
	}
	start := f.begin
	i := slices.IndexFunc(parts, func(p fmp4.Part) bool { return p.Track == f.lead && p.Sync })
	if i >= 0 {
		f.index = append(f.index, fmp4.IndexEntry{PTS: parts[i].PTS - int64(fmp4.Shift), Offset: offset, Traf: parts[i].Traf})
	}
	switch {
	case first:
	case i >= 0:
		start = max(parts[i].DTS, f.starts[len(f.starts)-1])
	default:
		return
	}
	f.offsets, f.starts = append(f.offsets, offset), append(f.starts, start)
}

// wholeIndex reports whether b, an mfra, is whole and ends the file.
func (in input) wholeIndex(b mp4Box) (bool, error) {
	const size = 4 // of mfra, the last field of mfro, which ends it (8.8.11)
	var last [size]byte
	if b.end != in.size || b.end-b.begin < size {
		return false, nil
	}
	err := in.read(last[:], b.end-size)
	return int64(binary.BigEndian.Uint32(last[:])) == b.end-b.offset, err
}

// info implements opened.
func (f *mp4File) info() Info {
	duration := time.Duration(max(0, f.end-f.begin))
	starts := make([]int64, len(f.starts))
	for i, at := range f.starts {
		starts[i] = at - f.begin
	}
	return Info{
		Header: f.header, Format: MP4, Tracks: f.movie.Tracks(), Duration: duration,
		Complete: f.complete, Good: f.good, Head: f.head, Chunks: chunks(f.offsets, starts, f.media, duration),
	}
}

// appendEnd implements opened.
func (f *mp4File) appendEnd(dst []byte) []byte {
	return fmp4.AppendIndex(dst, f.lead, f.index)
}

package mediafile

import (
	"encoding/binary"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/remux/ts"
)

// tsFile is what is found in an MPEG-TS file.
type tsFile struct {
	found Info
	last  note
	at    int64 // offset of last, -1 if there is none
	// closed reports that it is of a complete file, and not of a group.
	closed bool
}

func openTS(in input) (opened, error) {
	f := &tsFile{found: Info{Format: TS}, at: -1}
	if err := f.begin(in); err != nil {
		return nil, err
	}
	if f.found.Stream != "" {
		if err := f.findLast(in); err != nil {
			return nil, err
		}
		if err := f.walk(in); err != nil {
			return nil, err
		}
	}
	f.findTracks(in)
	return f, nil
}

// begin reads the header, which is behind the first tables.
func (f *tsFile) begin(in input) error {
	const maxPackets = 64 // tables of many tracks, and a header with a long name
	var text []byte
	var b [tsPacket]byte
	for at := int64(0); at < maxPackets*tsPacket && in.size-at >= tsPacket; at += tsPacket {
		if err := in.read(b[:], at); err != nil {
			return err
		}
		if b[0] != tsSync {
			return broken("no transport packet at offset %d", at)
		}
		kind, content, ok := ownContent(b[:])
		if !ok || kind != kindHeader {
			continue
		}
		size, begin := int(binary.BigEndian.Uint16(content)), int(binary.BigEndian.Uint16(content[2:]))
		if begin != len(text) || begin >= size {
			return broken("header out of order at offset %d", at)
		}
		part := content[tsPartHead:]
		if text = append(text, part[:min(len(part), size-begin)]...); len(text) == size {
			f.found.Header, f.found.Good = decodeHeader(text), at+tsPacket
			return nil
		}
	}
	return nil
}

// findLast finds the last note, from the end on: those of a file that was cut off are
// a group apart at most.
func (f *tsFile) findLast(in input) error {
	const window = 256 * tsPacket
	buf := make([]byte, window)
	for end := in.size / tsPacket * tsPacket; end > f.found.Good; {
		begin := max(f.found.Good, end-window)
		b := buf[:end-begin]
		if err := in.read(b, begin); err != nil {
			return err
		}
		for at := len(b) - tsPacket; at >= 0; at -= tsPacket {
			kind, content, ok := ownContent(b[at : at+tsPacket])
			if !ok || kind != kindNote && kind != kindComplete {
				continue
			}
			f.at, f.last = begin+int64(at), parseNote(content)
			f.found.Good = f.at + tsPacket
			f.closed = kind == kindComplete
			f.found.Complete = f.closed && f.found.Good == in.size
			return nil
		}
		end = begin
	}
	return nil
}

// walk goes from the last note to the first and finds the chunks.
func (f *tsFile) walk(in input) error {
	var offsets, starts []int64
	var b [tsPacket]byte
	for n, at := f.last, f.at; at >= 0; {
		known := len(offsets)
		if n.before >= at || n.chunk < 0 || n.chunk > at || n.start < 0 || n.duration < n.start {
			return broken("impossible note at offset %d", at)
		}
		if fresh := known == 0 || offsets[known-1] != n.chunk; fresh && (at < f.at || !f.closed) {
			if known > 0 && offsets[known-1] < n.chunk {
				return broken("impossible note at offset %d", at)
			}
			offsets, starts = append(offsets, n.chunk), append(starts, n.start)
		}
		if at = n.before; at < 0 {
			break
		}
		if err := in.read(b[:], at); err != nil {
			return err
		}
		_, content, ok := ownContent(b[:])
		if !ok {
			return broken("no note at offset %d", at)
		}
		n = parseNote(content)
	}
	slices.Reverse(offsets)
	slices.Reverse(starts)
	for i := range starts { // a picture that hung may go on before the sound at which viewers began meanwhile
		starts[i] = max(starts[i], starts[max(0, i-1)])
	}
	f.found.Duration = time.Duration(f.last.duration)
	f.found.Chunks = chunks(offsets, starts, f.found.Good, f.found.Duration)
	return nil
}

// findTracks finds the tracks, most of which have a frame at the beginning.
func (f *tsFile) findTracks(in input) {
	const usual, most = 1 << 20, 16 << 20 // bytes to look at
	until := min(in.size, most)
	if f.found.Stream != "" {
		until = min(until, f.found.Good)
	}
	r := &countingReader{r: io.NewSectionReader(in.r, 0, until)}
	d := ts.NewDemuxer(r)
	tracks := make(map[int]*av.Track)
	var missing [av.Kinds]bool
	for r.n <= usual || missing[av.Video] || missing[av.Audio] {
		p, err := d.Next()
		if err != nil {
			break // the end, mostly; what is damaged has no tracks
		}
		if p.Kind == ts.ProgramPacket {
			missing = p.Hinted
		}
		if p.Track != nil {
			tracks[p.Track.ID] = p.Track
			missing[p.Track.Kind] = false
		}
	}
	f.found.Tracks = slices.SortedFunc(maps.Values(tracks), func(a, b *av.Track) int { return a.ID - b.ID })
}

type countingReader struct {
	r io.Reader
	n int64
}

// Read implements io.Reader.
func (c *countingReader) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}

// info implements opened.
func (f *tsFile) info() Info { return f.found }

// appendEnd implements opened.
func (f *tsFile) appendEnd(dst []byte) []byte {
	n := f.last
	n.before = f.at
	return n.append(dst, kindComplete)
}

// Package mediafile writes frames into files that can be kept, reads them again, and
// mends files whose writer was cut off: fragmented MP4, FLV and MPEG-TS.
//
// Each file says which stream it holds and since when, in a place that other
// programs pass over: a uuid box after the moov of MP4, fields of onMetaData in FLV,
// null packets in MPEG-TS. It is written from the beginning to the end, and what was
// written is never changed: whatever is there of a file whose writer was cut off can
// be played up to its last whole fragment.
package mediafile

import (
	"fmt"
	"io"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// Format is a kind of file.
type Format string

// The formats. Their names are the extensions of their files.
const (
	MP4 Format = "mp4" // fragmented, with an index (mfra) once it is closed
	FLV Format = "flv"
	TS  Format = "ts"
)

// Formats returns all formats.
func Formats() []Format { return []Format{MP4, FLV, TS} }

// ContentType returns the media type of files of the format.
func (f Format) ContentType() string {
	switch f {
	case FLV:
		return "video/x-flv"
	case TS:
		return "video/mp2t"
	}
	return "video/mp4"
}

// Header is what a file tells of itself, so that an index can be made of files alone.
type Header struct {
	Stream string
	// Start is when the first frame came, UTC, in milliseconds or finer.
	Start time.Time
}

// Info is what Describe finds.
type Info struct {
	Header   // zero if the file does not say (not written by weir)
	Format   Format
	Tracks   []*av.Track
	Duration time.Duration
	// Complete reports that the writer closed the file, or that it was mended.
	Complete bool
	// Good is how many bytes from the beginning are whole. Of a complete file these are all
	// unless it is damaged; what is behind the damage is not found.
	Good int64
	// Head is how many bytes are before the first chunk: in MP4 the init segment, which
	// each chunk needs; in TS 0, each chunk begins with its tables.
	Head int64
	// Chunks are the parts that can be decoded on their own (each begins at a start
	// frame), in order, without gaps between them. Empty for FLV.
	Chunks []Chunk
}

// Chunk is a range of a file that begins with a frame at which viewers may begin.
type Chunk struct {
	Offset, Bytes   int64
	Start, Duration time.Duration // Start from the beginning of the file
}

// Describe looks at a file of size bytes without decoding media. Time and memory are
// bounded by its number of fragments, or tags if an FLV file is not complete; of FLV
// and TS files that weir did not write only Format and Tracks are found out. Errors
// have reason.BadMedia or are r's.
func Describe(r io.ReaderAt, size int64) (Info, error) {
	f, err := open(r, size)
	if err != nil {
		return Info{}, err
	}
	return f.info(), nil
}

// File is what Mend changes: an os.File is one.
type File interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
}

// Mend cuts off what is not whole at the end of a file whose writer was cut off, and
// makes it complete. One that is complete stays as it is. It fails with
// reason.BadMedia, and changes nothing, if weir did not write the file, or if its
// beginning, before all media, is not whole. Other errors are those of f; what it did
// until then can be mended again.
func Mend(f File, size int64) (Info, error) {
	found, err := open(f, size)
	if err != nil {
		return Info{}, err
	}
	info := found.info()
	switch {
	case info.Complete:
		return info, nil
	case info.Stream == "":
		return Info{}, broken("it does not say which stream it is of, so weir did not write it")
	}
	if err := f.Truncate(info.Good); err != nil {
		return Info{}, fmt.Errorf("mediafile: %w", err)
	}
	end := found.appendEnd(nil)
	if _, err := f.WriteAt(end, info.Good); err != nil {
		return Info{}, fmt.Errorf("mediafile: %w", err)
	}
	info.Complete = true
	info.Good += int64(len(end))
	return info, nil
}

// opened is a file whose structure was read.
type opened interface {
	info() Info
	// appendEnd appends what makes a file complete after the bytes that are good.
	appendEnd(dst []byte) []byte
}

// open reads the structure of a file.
func open(r io.ReaderAt, size int64) (opened, error) {
	in := input{r, size}
	const enough = 8
	var b [enough]byte
	if err := in.read(b[:], 0); err != nil {
		return nil, err
	}
	switch {
	case string(b[:3]) == "FLV":
		return openFLV(in)
	case b[0] == tsSync && string(b[4:]) != "ftyp":
		return openTS(in)
	}
	return openMP4(in)
}

// input is a file that is read.
type input struct {
	r    io.ReaderAt
	size int64
}

// read fills b from an offset on, where the file must not end.
func (in input) read(b []byte, offset int64) error {
	if offset < 0 || int64(len(b)) > in.size-offset {
		return broken("it ends at %d, in the middle of what begins at %d", in.size, offset)
	}
	if n, err := in.r.ReadAt(b, offset); n < len(b) {
		return fmt.Errorf("mediafile: at offset %d: %w", offset, err)
	}
	return nil
}

func broken(format string, args ...any) error {
	return reason.Wrap(reason.BadMedia, fmt.Errorf("mediafile: "+format, args...))
}

// chunks makes chunks from where they begin and when. The last ends at the end of
// what is good, and of the media.
func chunks(offsets, starts []int64, good int64, duration time.Duration) []Chunk {
	out := make([]Chunk, len(offsets))
	for i := range out {
		end, until := good, int64(duration)
		if i+1 < len(out) {
			end, until = offsets[i+1], starts[i+1]
		}
		out[i] = Chunk{offsets[i], end - offsets[i], time.Duration(starts[i]), time.Duration(max(0, until-starts[i]))}
	}
	return out
}

package library

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/remux/mediafile"
)

// Segment is one file.
type Segment struct {
	ID       string // unique; made of Stream, Start and File, so that it outlives a lost index
	Stream   string
	File     string // path below the folder, with slashes
	Format   mediafile.Format
	Start    time.Time     // when the first frame came, UTC, in whole milliseconds
	Duration time.Duration // of the media, so far
	Bytes    int64         // so far
	Writing  bool
	Tracks   []string // such as "H264 1280x720" and "AAC 48000 Hz", as Names returns them
	Why      string   // why it ended, such as "segment_duration" or "unpublished"; empty while Writing

	unfinished bool // the file could not be made whole: the next Open tries again
}

// Why of segments whose end weir did not see.
const (
	WhyInterrupted = "interrupted" // weir ended without ending the file, which was mended
	WhyFound       = "found"       // the index did not know the file
)

// Names returns how tracks are listed.
func Names(tracks []*av.Track) (out []string) {
	for _, t := range tracks {
		text := t.Codec.String()
		if t.Width > 0 {
			text += fmt.Sprintf(" %dx%d", t.Width, t.Height)
		}
		if t.SampleRate > 0 {
			text += fmt.Sprintf(" %d Hz", t.SampleRate)
		}
		out = append(out, text)
	}
	return out
}

// End returns when the last frame ended.
func (s *Segment) End() time.Time { return s.Start.Add(s.Duration) }

// identify sets the ID, and Start as the index has it.
func (s *Segment) identify() {
	s.Start = time.UnixMilli(s.Start.UnixMilli()).UTC()
	sum := sha256.Sum256([]byte(startKey(s.Stream, s.Start) + s.File))
	s.ID = strings.ToLower(base32.StdEncoding.EncodeToString(sum[:10]))
}

// key orders segments by stream, start and ID. No name of a stream has a NUL.
func (s *Segment) key() string { return startKey(s.Stream, s.Start) + s.ID }

// sign, turned over, makes times before 1970 come first.
const sign = 1 << 63

// startKey is less or equal to the keys of all segments of stream that start at t or
// later, and greater than the others.
func startKey(stream string, t time.Time) string {
	return stream + "\x00" + string(binary.BigEndian.AppendUint64(nil, uint64(t.UnixMilli())^sign))
}

// streamKeys returns the range of the keys of a stream.
func streamKeys(stream string) (lo, hi string) { return stream + "\x00", stream + "\x01" }

// record is a segment as the index has it, besides its key.
type record struct {
	File     string           `json:"file"`
	Format   mediafile.Format `json:"format"`
	Duration time.Duration    `json:"duration"`
	Bytes    int64            `json:"bytes"`
	Writing  bool             `json:"writing,omitempty"`
	Tracks   []string         `json:"tracks,omitempty"`
	Why      string           `json:"why,omitempty"`

	Unfinished bool `json:"unfinished,omitempty"`
}

// encode returns the value that belongs to key.
func (s *Segment) encode() ([]byte, error) {
	return json.Marshal(record{s.File, s.Format, s.Duration, s.Bytes, s.Writing, s.Tracks, s.Why, s.unfinished})
}

// decodeSegment is the reverse of key and encode.
func decodeSegment(key, value []byte) (s Segment, err error) {
	stream, rest, ok := strings.Cut(string(key), "\x00")
	if !ok || len(rest) <= 8 {
		return s, fmt.Errorf("the key %q is none of the index", key)
	}
	var r record
	if err := json.Unmarshal(value, &r); err != nil {
		return s, err
	}
	start := time.UnixMilli(int64(binary.BigEndian.Uint64([]byte(rest[:8])) ^ sign)).UTC()
	return Segment{rest[8:], stream, r.File, r.Format, start, r.Duration, r.Bytes, r.Writing, r.Tracks, r.Why, r.Unfinished}, nil
}

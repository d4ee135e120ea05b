package mediafile

import (
	"slices"
	"time"

	"github.com/weirmedia/weir/pkg/amf0"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/remux/flv"
)

// flvOptions have all tracks go out. Times are in milliseconds, since few readers
// know finer ones.
var flvOptions = flv.Options{Multitrack: true}

// Our own fields of onMetaData. The last is in that at the end of the file.
const (
	fieldStream   = "weirStream"
	fieldStart    = "weirStart" // RFC 3339
	fieldComplete = "weirComplete"
	fieldDuration = "duration" // in seconds, which players know
)

// flvEncoder writes FLV. Each tag is whole for itself, so a group is nothing but tags.
type flvEncoder struct {
	layout *av.Layout
	muxer  flv.Muxer
}

// zero implements encoder.
func (*flvEncoder) zero() int64 { return 0 }

// appendHead implements encoder.
func (m *flvEncoder) appendHead(dst []byte, h Header) ([]byte, error) {
	fields := slices.DeleteFunc(slices.Clone(m.layout.Metadata), func(f av.Field) bool {
		return f.Name == fieldStream || f.Name == fieldStart || f.Name == fieldComplete
	})
	prelude := *m.layout
	prelude.Metadata = append(fields, av.Field{Name: fieldStream, Value: h.Stream},
		av.Field{Name: fieldStart, Value: h.Start.UTC().Format(time.RFC3339Nano)})
	dst = flv.AppendFileHeader(dst, m.layout.First(av.Audio) != nil, m.layout.First(av.Video) != nil)
	return m.muxer.AppendPrelude(dst, &prelude, 0)
}

// appendGroup implements encoder.
func (m *flvEncoder) appendGroup(dst []byte, g *group) (out []byte, kept int) {
	for i := range g.frames {
		// What is too large for a tag is left out.
		dst, _ = m.muxer.AppendFrame(dst, &g.frames[i], m.layout, false)
	}
	return dst, 0
}

// appendEnd implements encoder.
func (*flvEncoder) appendEnd(dst []byte, at position) []byte { return appendFLVEnd(dst, at.duration) }

// appendFLVEnd appends an onMetaData that says how long the file is, in nanoseconds.
// It is stamped 0, as readers take a later one for a track of text.
func appendFLVEnd(dst []byte, duration int64) []byte {
	body := amf0.Append(nil, "onMetaData", amf0.ECMAArray{
		{Name: fieldDuration, Value: time.Duration(duration).Seconds()}, {Name: fieldComplete, Value: true},
	})
	return flv.AppendTag(dst, flv.ScriptTag, 0, body)
}

package flv

import (
	"fmt"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// Muxer writes frames as FLV tags. Codecs that FLV has no number for go out by
// Enhanced RTMP. The first track of each kind that FLV can carry goes out as if
// it were the only one. The zero value is ready; having no state, it is safe for
// concurrent use.
type Muxer struct {
	Options
}

// AppendPrelude appends the tags that a viewer needs before frames of layout l:
// metadata, stamped 0 as it has no time (ffmpeg takes a later one for a track of
// text), then the sequence headers, stamped with dts, in nanoseconds. It
// fails with reason.Unsupported, and returns dst as it was, if l has tracks and
// FLV can carry none of them, or if one has a header beyond MaxBodySize.
func (m *Muxer) AppendPrelude(dst []byte, l *av.Layout, dts int64) ([]byte, error) {
	bodies, err := PreludeBodies(l, dts, m.Options)
	if err != nil {
		return dst, err
	}
	return appendBodies(dst, bodies, dts)
}

// AppendChange appends what a viewer of frames of layout from needs before
// those of layout to. Otherwise it is like AppendPrelude.
func (m *Muxer) AppendChange(dst []byte, from, to *av.Layout, dts int64) ([]byte, error) {
	bodies, err := ChangedBodies(from, to, dts, m.Options)
	if err != nil {
		return dst, err
	}
	return appendBodies(dst, bodies, dts)
}

func appendBodies(dst []byte, bodies []Body, dts int64) (out []byte, err error) {
	out = dst
	for _, b := range bodies {
		at := Milliseconds(dts)
		if b.Kind == av.Data {
			at = 0
		}
		if out, err = appendBody(out, TagTypeOf(b.Kind), at, b.Bytes); err != nil {
			return dst, err
		}
	}
	return out, nil
}

// AppendFrame appends f, of layout l, as one tag, or nothing if AppendBodyHeader
// leaves it out. A start point needs nothing of its own. It fails with reason.Unsupported, and returns dst as it was, if f is
// larger than a tag can be. It does not allocate if dst has room.
func (m *Muxer) AppendFrame(dst []byte, f *av.Frame, l *av.Layout, _ bool) ([]byte, error) {
	var room [MaxHeaderSize]byte
	head, at, ok := AppendBodyHeader(room[:0], f, l, m.Options)
	if !ok {
		return dst, nil
	}
	return appendBody(dst, TagTypeOf(f.Track.Kind), at, head, f.Payload)
}

func appendBody(dst []byte, t TagType, at uint32, parts ...[]byte) ([]byte, error) {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	if size > MaxBodySize {
		return dst, reason.Wrap(reason.Unsupported, fmt.Errorf("flv tag body of %d bytes, limit %d", size, MaxBodySize))
	}
	return AppendTag(dst, t, at, parts...), nil
}

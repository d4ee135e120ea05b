package flv

import (
	"fmt"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// Muxer writes frames as FLV tags. FLV has one video and one audio track: of a
// layout with more, the prelude describes the first of each, and the caller
// hands over no frames of the others. The zero value is ready; having no state,
// it is safe for concurrent use.
type Muxer struct{}

// AppendPrelude appends the tags that a viewer needs before frames of layout l:
// metadata, stamped 0 as it has no time (ffmpeg takes a later one for a track of
// text), then the sequence headers, stamped with dts, in nanoseconds. It
// fails with reason.Unsupported, and returns dst as it was, if l has tracks and
// FLV can carry none of them, or if one has a header beyond MaxBodySize.
func (*Muxer) AppendPrelude(dst []byte, l *av.Layout, dts int64) ([]byte, error) {
	video, audio := carried(l, av.Video), carried(l, av.Audio)
	if len(l.Tracks) > 0 && video == nil && audio == nil {
		return dst, reason.Wrap(reason.Unsupported, fmt.Errorf("flv cannot carry %s", l.Tracks[0].Codec))
	}
	at := Milliseconds(dts)
	out, err := appendBody(dst, ScriptTag, 0, AppendMetadataBody(nil, l))
	if err != nil {
		return dst, err
	}
	for _, t := range []*av.Track{video, audio} {
		if t == nil {
			continue
		}
		body, ok := AppendConfigBody(nil, t)
		if !ok {
			continue
		}
		if out, err = appendBody(out, TagTypeOf(t.Kind), at, body); err != nil {
			return dst, err
		}
	}
	return out, nil
}

// AppendFrame appends f as one tag, or nothing if FLV cannot carry its codec.
// It fails with reason.Unsupported, and returns dst as it was, if f is larger
// than a tag can be. It does not allocate if dst has room.
func (*Muxer) AppendFrame(dst []byte, f *av.Frame) ([]byte, error) {
	if !Carries(f.Track.Codec) {
		return dst, nil
	}
	var room [avcHeaderSize]byte
	return appendBody(dst, TagTypeOf(f.Track.Kind), Milliseconds(f.DTS), AppendBodyHeader(room[:0], f), f.Payload)
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

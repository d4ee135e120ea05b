package flv

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// Body is the body of a tag that a viewer needs before frames.
type Body struct {
	Kind  av.Kind // av.Data for metadata, which has no time
	Bytes []byte
}

// PreludeBodies returns what a viewer needs before frames of layout l, of which
// the first has dts, in nanoseconds: metadata,
// then for each track that goes out its sequence header and what else Enhanced
// RTMP says about it. As with AppendBodyHeader, tracks that are not the first
// of their kind go out only if o asks for them. It fails with
// reason.Unsupported if l has tracks and FLV can carry none of them.
func PreludeBodies(l *av.Layout, dts int64, o Options) ([]Body, error) {
	if len(l.Tracks) > 0 && carried(l, av.Video) == nil && carried(l, av.Audio) == nil {
		return nil, reason.Wrap(reason.Unsupported, fmt.Errorf("flv and rtmp cannot carry %s", l.Tracks[0].Codec))
	}
	bodies := []Body{{av.Data, AppendMetadataBody(nil, l, dts, o)}}
	for _, kind := range []av.Kind{av.Video, av.Audio} {
		for _, t := range l.Tracks {
			if t.Kind == kind {
				bodies = appendTrackBodies(bodies, t, o.formOf(l, t))
			}
		}
	}
	return bodies, nil
}

// ChangedBodies returns those of the prelude of layout to that the prelude of
// layout from does not have: what a viewer must be told in the middle of a
// stream. Some players take a configuration that they have already for an error.
func ChangedBodies(from, to *av.Layout, dts int64, o Options) ([]Body, error) {
	had, err := PreludeBodies(from, dts, o)
	if err != nil {
		had = nil // nothing of it went out
	}
	bodies, err := PreludeBodies(to, dts, o)
	return slices.DeleteFunc(bodies, func(b Body) bool {
		return slices.ContainsFunc(had, func(old Body) bool { return old.Kind == b.Kind && bytes.Equal(old.Bytes, b.Bytes) })
	}), err
}

func appendTrackBodies(bodies []Body, t *av.Track, form form) []Body {
	if form == leftOut {
		return bodies
	}
	if b := configBody(t, form); b != nil {
		bodies = append(bodies, Body{t.Kind, b})
	}
	if len(t.SideInfo) > 0 && (form == multitrack || !legacy(t.Codec)) {
		// The frame type has no meaning in Metadata. Readers that do not know the
		// packet type leave out command frames.
		b := exHeader{frameType: frameCommand, packet: packetSideInfo, form: form}.append(nil, t)
		bodies = append(bodies, Body{t.Kind, append(b, t.SideInfo...)})
	}
	return bodies
}

// configBody returns the body of t's sequence header, nil if it has none.
func configBody(t *av.Track, form form) []byte {
	if len(t.Config) == 0 {
		return nil
	}
	var b []byte
	switch {
	case form == singleTrack && t.Codec == av.H264:
		b = []byte{frameKey<<4 | codecAVC, avcSequenceHeader, 0, 0, 0}
	case form == singleTrack && t.Codec == av.AAC:
		b = []byte{aacHeader, aacSequenceHeader}
	default:
		b = exHeader{frameType: frameKey, packet: packetSequenceStart, form: form}.append(nil, t)
	}
	if t.Codec == av.VP8 || t.Codec == av.VP9 {
		// Version and flags of the ISO box, as ffmpeg writes and skips them.
		b = append(b, 1, 0, 0, 0)
	}
	return append(b, t.Config...)
}

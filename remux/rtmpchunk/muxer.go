package rtmpchunk

import (
	"fmt"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/remux/flv"
)

// The chunk streams that media is sent on. Any will do; these are what Flash
// servers used, and tools that show captures know them.
const (
	audioChunkStream = 4
	dataChunkStream  = 5
	videoChunkStream = 6
)

// Muxer writes frames as RTMP messages, each whole and with a type 0 header, so
// that a player can be joined at any message. The payloads are FLV tag bodies;
// of tracks and codecs the same holds as for flv.Muxer. It has no state.
type Muxer struct {
	// StreamID is the message stream that is played.
	StreamID uint32
	// ChunkSize in bytes is what the player was told by Set Chunk Size.
	ChunkSize int
}

// AppendPrelude appends what a player needs before frames of layout l: the
// onMetaData message, stamped 0 as in FLV, and the codec headers, stamped with
// dts, in nanoseconds. It fails with reason.Unsupported if RTMP can carry none of l's tracks.
func (m *Muxer) AppendPrelude(dst []byte, l *av.Layout, dts int64) ([]byte, error) {
	at := flv.Milliseconds(dts)
	out := m.append(dst, av.Data, 0, flv.AppendMetadataBody(nil, l))
	carried := len(l.Tracks) == 0
	for _, kind := range []av.Kind{av.Video, av.Audio} {
		t := l.First(kind)
		if t == nil || !flv.Carries(t.Codec) {
			continue
		}
		carried = true
		if body, ok := flv.AppendConfigBody(nil, t); ok {
			out = m.append(out, kind, at, body)
		}
	}
	if !carried {
		return dst, reason.Wrap(reason.Unsupported, fmt.Errorf("rtmp cannot carry %s", l.Tracks[0].Codec))
	}
	return out, nil
}

// AppendFrame appends f as one message, or nothing if RTMP cannot carry its
// codec. It does not allocate if dst has room.
func (m *Muxer) AppendFrame(dst []byte, f *av.Frame) ([]byte, error) {
	if !flv.Carries(f.Track.Codec) {
		return dst, nil
	}
	var room [16]byte
	head := flv.AppendBodyHeader(room[:0], f)
	if n := len(head) + len(f.Payload); n > MaxPayload {
		return dst, reason.Wrap(reason.Unsupported, fmt.Errorf("rtmp message of %d bytes, limit %d", n, MaxPayload))
	}
	return m.append(dst, f.Track.Kind, flv.Milliseconds(f.DTS), head, f.Payload), nil
}

func (m *Muxer) append(dst []byte, kind av.Kind, at uint32, parts ...[]byte) []byte {
	h := Header{ChunkStream: dataChunkStream, Type: TypeDataAMF0, StreamID: m.StreamID, Timestamp: at}
	switch kind {
	case av.Video:
		h.ChunkStream, h.Type = videoChunkStream, TypeVideo
	case av.Audio:
		h.ChunkStream, h.Type = audioChunkStream, TypeAudio
	}
	return AppendMessage(dst, h, m.ChunkSize, parts...)
}

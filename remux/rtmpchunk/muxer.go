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
	flv.Options
}

// AppendPrelude appends what a player needs before frames of layout l: the
// onMetaData message, stamped 0 as in FLV, and the codec headers, stamped with
// dts, in nanoseconds. It fails with reason.Unsupported, and returns dst as it
// was, if l has tracks and RTMP can carry none of them.
func (m *Muxer) AppendPrelude(dst []byte, l *av.Layout, dts int64) ([]byte, error) {
	bodies, err := flv.PreludeBodies(l, dts, m.Options)
	if err != nil {
		return dst, err
	}
	return m.appendBodies(dst, bodies, dts), nil
}

// AppendChange appends what a player of frames of layout from needs before
// those of layout to. Otherwise it is like AppendPrelude.
func (m *Muxer) AppendChange(dst []byte, from, to *av.Layout, dts int64) ([]byte, error) {
	bodies, err := flv.ChangedBodies(from, to, dts, m.Options)
	if err != nil {
		return dst, err
	}
	return m.appendBodies(dst, bodies, dts), nil
}

func (m *Muxer) appendBodies(dst []byte, bodies []flv.Body, dts int64) []byte {
	for _, b := range bodies {
		at := flv.Milliseconds(dts)
		if b.Kind == av.Data {
			at = 0
		}
		dst = m.append(dst, b.Kind, at, b.Bytes)
	}
	return dst
}

// AppendFrame appends f, of layout l, as one message, or nothing if
// flv.AppendBodyHeader leaves it out. A start point needs nothing of its own. It
// fails with reason.Unsupported, and returns dst as it was, if
// f is larger than a message can be. It does not allocate if dst has room.
func (m *Muxer) AppendFrame(dst []byte, f *av.Frame, l *av.Layout, _ bool) ([]byte, error) {
	var room [flv.MaxHeaderSize]byte
	head, at, ok := flv.AppendBodyHeader(room[:0], f, l, m.Options)
	if !ok {
		return dst, nil
	}
	if n := len(head) + len(f.Payload); n > MaxPayload {
		return dst, reason.Wrap(reason.Unsupported, fmt.Errorf("rtmp message of %d bytes, limit %d", n, MaxPayload))
	}
	return m.append(dst, f.Track.Kind, at, head, f.Payload), nil
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

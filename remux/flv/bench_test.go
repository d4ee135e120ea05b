package flv

import (
	"bytes"
	"encoding/binary"
	"github.com/weirmedia/weir/pkg/av"
	"io"
	"testing"
)

// benchPicture returns the body of a video tag with a picture of size bytes in
// one NAL unit that is no key frame.
func benchPicture(size int) []byte {
	body := []byte{0x27, 1, 0, 0, 0} // AVC, a NAL unit follows, no composition time
	body = binary.BigEndian.AppendUint32(body, uint32(size))
	return append(body, append([]byte{0x41}, make([]byte, size-1)...)...)
}

// BenchmarkDecode turns a picture and the sound beside it into frames, as for
// each publisher. An operation is two tags.
func BenchmarkDecode(b *testing.B) {
	d := configured(b)
	video, audio := benchPicture(2600), append([]byte{0xAF, 1}, make([]byte, 190)...)
	var ms uint32
	b.SetBytes(int64(len(video) + len(audio)))
	b.ReportAllocs()
	for b.Loop() {
		ms += 40
		for _, tag := range []Tag{{VideoTag, ms, video}, {AudioTag, ms, audio}} {
			if packets, err := d.Decode(tag.Type, tag.Timestamp, tag.Body); err != nil || len(packets) != 1 || packets[0].Frame == nil {
				b.Fatal(packets, err)
			}
		}
	}
}

// BenchmarkAppendAudioFrame writes the smallest frame of a stream, where
// headers weigh most.
func BenchmarkAppendAudioFrame(b *testing.B) {
	packet, err := decodeOne(b, configured(b), AudioTag, 0, append([]byte{0xAF, 1}, make([]byte, 190)...))
	if err != nil || packet.Frame == nil {
		b.Fatal(packet, err)
	}
	m, dst := new(Muxer), make([]byte, 0, 1024)
	l := &av.Layout{Tracks: []*av.Track{packet.Frame.Track}, Ready: true}
	b.SetBytes(int64(len(packet.Frame.Payload)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.AppendFrame(dst, packet.Frame, l, false); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkNext reads tags from an endless file.
func BenchmarkNext(b *testing.B) {
	tag := AppendTag(nil, VideoTag, 0, benchPicture(2600))
	file, tags := AppendFileHeader(nil, true, true), bytes.Repeat(tag, 1000)
	src := bytes.NewReader(tags)
	r := NewReader(io.MultiReader(bytes.NewReader(file), src))
	b.SetBytes(int64(len(tag)))
	b.ReportAllocs()
	for b.Loop() {
		if src.Len() == 0 {
			src.Reset(tags)
		}
		if _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
	}
}

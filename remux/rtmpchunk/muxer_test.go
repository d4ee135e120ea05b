package rtmpchunk

import (
	"bytes"
	"io"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/remux/flv"
)

func testLayout() *av.Layout {
	return &av.Layout{Ready: true, Tracks: []*av.Track{
		{ID: 0, Kind: av.Video, Codec: av.H264, Config: []byte{1, 0x42, 0xC0, 0x1E, 0xFF}, Width: 640, Height: 360},
		{ID: 1, Kind: av.Audio, Codec: av.AAC, Config: []byte{0x12, 0x10}, SampleRate: 44100, Channels: 2},
	}}
}

// What the muxer writes, a reader must read as whole messages with the bodies
// that FLV has, whatever the timestamp.
func TestMuxerWritesMessages(t *testing.T) {
	l := testLayout()
	const ms = 1_000_000
	for _, at := range []int64{0, 5000, 0xFFFFFE, 0xFFFFFF, 0x1000000, 1<<32 - 1, 1<<32 + 7} {
		for _, chunk := range []int{128, 4096, 60000} {
			frames := []*av.Frame{
				{Track: l.Tracks[0], Key: true, DTS: at * ms, PTS: (at + 80) * ms, Payload: bytes.Repeat([]byte("key"), 30000)},
				{Track: l.Tracks[1], DTS: at * ms, PTS: at * ms, Payload: []byte("sound")},
				{Track: av.ScriptTrack, DTS: at * ms, PTS: at * ms, Payload: []byte{2, 0, 1, 'x'}},
			}
			m := &Muxer{StreamID: 1, ChunkSize: chunk}
			b, err := m.AppendPrelude(AppendSetChunkSize(nil, uint32(chunk)), l, at*ms)
			if err != nil {
				t.Fatal(err)
			}
			want := []Message{
				{Header{dataChunkStream, TypeDataAMF0, 1, 0}, flv.AppendMetadataBody(nil, l, at*ms, flv.Options{}), nil},
				{Header{videoChunkStream, TypeVideo, 1, uint32(at)}, append([]byte{0x17, 0, 0, 0, 0}, l.Tracks[0].Config...), nil},
				{Header{audioChunkStream, TypeAudio, 1, uint32(at)}, append([]byte{0xAF, 0}, l.Tracks[1].Config...), nil},
			}
			for i, f := range frames {
				if b, err = m.AppendFrame(b, f, f.Layout, false); err != nil {
					t.Fatal(err)
				}
				h := Header{[]uint32{videoChunkStream, audioChunkStream, dataChunkStream}[i], []Type{TypeVideo, TypeAudio, TypeDataAMF0}[i], 1, uint32(at)}
				head, _, _ := flv.AppendBodyHeader(nil, f, f.Layout, flv.Options{})
				want = append(want, Message{Header: h, Payload: append(head, f.Payload...)})
			}
			r := NewReader(bytes.NewReader(b), Limits{})
			for i, w := range want {
				got, err := r.ReadMessage()
				if err != nil {
					t.Fatalf("at %d, chunks of %d, message %d: %v", at, chunk, i, err)
				}
				if got.Header != w.Header || !bytes.Equal(got.Payload, w.Payload) {
					t.Fatalf("at %d, chunks of %d, message %d: got %+v %.20x, want %+v %.20x", at, chunk, i, got.Header, got.Payload, w.Header, w.Payload)
				}
			}
			if _, err := r.ReadMessage(); err != io.EOF {
				t.Fatalf("after the last message: %v", err)
			}
		}
	}
}

// Enhanced headers and tracks that are not the first of their kind.
func TestMuxerWritesEnhancedMessages(t *testing.T) {
	l := &av.Layout{Ready: true, Tracks: []*av.Track{
		{ID: 0, Kind: av.Video, Codec: av.H265, Config: []byte{1}, SideInfo: []byte{5}},
		{ID: 3, Kind: av.Audio, Codec: av.Opus, Config: []byte{2}},
		{ID: 2, Kind: av.Video, Codec: av.AV1, Config: []byte{3}},
	}}
	frames := []*av.Frame{
		{Track: l.Tracks[0], Layout: l, DTS: 40e6, PTS: 41e6, Key: true, Payload: []byte("a")},
		{Track: l.Tracks[1], Layout: l, DTS: 40e6 + 5, PTS: 40e6 + 5, Payload: []byte("b")},
		{Track: l.Tracks[2], Layout: l, DTS: 40e6 + 600_000, PTS: 40e6 + 600_000, Payload: []byte("c")},
	}
	header := []string{"\x90hvc1\x01", "\xd4hvc1\x05", "\x90Opus\x02"}
	for _, c := range []struct {
		name    string
		options flv.Options
		want    []string // payloads after the metadata
		last    uint32   // timestamp of the last
	}{
		{"as every player reads it", flv.Options{}, append(header[:3:3], "\x91hvc1\x00\x00\x01a", "\x91Opusb"), 40},
		{"multitrack", flv.Options{Multitrack: true},
			[]string{header[0], header[1], "\x96\x00av01\x01\x03", header[2], "\x91hvc1\x00\x00\x01a", "\x91Opusb", "\xa6\x01av01\x01c"}, 41},
		{"nanoseconds", flv.Options{Multitrack: true, Nanoseconds: true},
			[]string{header[0], header[1], "\x96\x00av01\x01\x03", header[2], "\x91hvc1\x00\x00\x01a", "\x97\x02\x00\x00\x05\x01Opusb", "\xa7\x02\x09\x27\xc0\x06\x01av01\x01c"}, 40},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := &Muxer{StreamID: 1, ChunkSize: 4096, Options: c.options}
			b, err := m.AppendPrelude(AppendSetChunkSize(nil, 4096), l, 40e6)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range frames {
				if b, err = m.AppendFrame(b, f, f.Layout, false); err != nil {
					t.Fatal(err)
				}
			}
			r := NewReader(bytes.NewReader(b), Limits{})
			if _, err := r.ReadMessage(); err != nil { // metadata
				t.Fatal(err)
			}
			var last Message
			for i, want := range c.want {
				got, err := r.ReadMessage()
				if err != nil || string(got.Payload) != want {
					t.Fatalf("message %d: %q, %v, want %q", i, got.Payload, err, want)
				}
				last = got
			}
			if last.Timestamp != c.last {
				t.Errorf("the last message is at %d ms", last.Timestamp)
			}
			if _, err := r.ReadMessage(); err != io.EOF {
				t.Errorf("after the last message: %v", err)
			}
		})
	}
}

func TestMuxerLeavesOutWhatRTMPCannotCarry(t *testing.T) {
	unknown := &av.Track{ID: 0, Kind: av.Video, Codec: av.Unknown}
	m := &Muxer{StreamID: 1, ChunkSize: 4096}
	b, err := m.AppendFrame([]byte("x"), &av.Frame{Track: unknown, Payload: []byte("y")}, nil, false)
	if err != nil || string(b) != "x" {
		t.Errorf("frame: %q, %v", b, err)
	}
	b, err = m.AppendPrelude([]byte("x"), &av.Layout{Tracks: []*av.Track{unknown}}, 0)
	if reason.Of(err, "") != reason.Unsupported || string(b) != "x" {
		t.Errorf("prelude: %q, %v", b, err)
	}
	_, err = m.AppendFrame(nil, &av.Frame{Track: testLayout().Tracks[0], Payload: make([]byte, MaxPayload)}, nil, false)
	if reason.Of(err, "") != reason.Unsupported {
		t.Errorf("a frame beyond the format's limit: %v", err)
	}
}

func BenchmarkMuxerAppendFrame(b *testing.B) {
	m := &Muxer{StreamID: 1, ChunkSize: 60000}
	f := &av.Frame{Track: testLayout().Tracks[0], Payload: make([]byte, 3000)}
	dst := make([]byte, 0, 4096)
	b.ReportAllocs()
	b.SetBytes(3000)
	for b.Loop() {
		dst, _ = m.AppendFrame(dst[:0], f, f.Layout, false)
	}
}

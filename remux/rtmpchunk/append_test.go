package rtmpchunk

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestAppendMessage(t *testing.T) {
	tests := []struct {
		name  string
		h     Header
		chunk int
		parts []string
		want  string
	}{
		{"one chunk", Header{3, 20, 1, 5}, 128, []string{"ab"}, "\x03\x00\x00\x05\x00\x00\x02\x14\x01\x00\x00\x00ab"},
		{"no payload", Header{3, 20, 1, 5}, 128, nil, "\x03\x00\x00\x05\x00\x00\x00\x14\x01\x00\x00\x00"},
		{"parts cut elsewhere than chunks", Header{4, 9, 1, 0}, 4, []string{"abc", "", "defgh", "i"},
			"\x04\x00\x00\x00\x00\x00\x09\x09\x01\x00\x00\x00abcd\xc4efgh\xc4i"},
		{"payload of exactly two chunks", Header{4, 9, 1, 0}, 2, []string{"abcd"}, "\x04\x00\x00\x00\x00\x00\x04\x09\x01\x00\x00\x00ab\xc4cd"},
		{"extended timestamp is repeated", Header{4, 9, 1, 0xFFFFFF}, 1, []string{"ab"},
			"\x04\xff\xff\xff\x00\x00\x02\x09\x01\x00\x00\x00\x00\xff\xff\xffa\xc4\x00\xff\xff\xffb"},
		{"two-byte chunk stream id", Header{319, 8, 0, 0}, 1, []string{"ab"}, "\x00\xff\x00\x00\x00\x00\x00\x02\x08\x00\x00\x00\x00a\xc0\xffb"},
		{"three-byte chunk stream id", Header{320, 8, 0, 0}, 1, []string{"ab"}, "\x01\x00\x01\x00\x00\x00\x00\x00\x02\x08\x00\x00\x00\x00a\xc1\x00\x01b"},
		{"message stream id is little endian", Header{3, 8, 0x04030201, 0}, 1, nil, "\x03\x00\x00\x00\x00\x00\x00\x08\x01\x02\x03\x04"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var parts [][]byte
			for _, p := range tt.parts {
				parts = append(parts, []byte(p))
			}
			if got := AppendMessage([]byte("before"), tt.h, tt.chunk, parts...); string(got) != "before"+tt.want {
				t.Errorf("\ngot  %x\nwant %x", got[len("before"):], tt.want)
			}
			if got := encodedLen(tt.h, tt.chunk, len(strings.Join(tt.parts, ""))); got != len(tt.want) {
				t.Errorf("encodedLen: got %d, want %d", got, len(tt.want))
			}
		})
	}
}

func TestRoundTripChunkSizes(t *testing.T) {
	payload := []byte(strings.Repeat("0123456789abcdef", 40))[:601]
	for size := 1; size <= 300; size++ {
		var in []byte
		var want []Message
		in = AppendSetChunkSize(in, uint32(size))
		for i, n := range []int{0, 1, size, size + 1, 2 * size, 601} {
			h := Header{ChunkStream: 4 + uint32(i)*100, Type: TypeVideo, StreamID: 1, Timestamp: 0xFFFFFD + uint32(i)}
			m := Message{Header: h}
			if n > 0 {
				m.Payload = payload[:n:n]
			}
			in = AppendMessage(in, h, size, m.Payload[:n/3], m.Payload[n/3:])
			want = append(want, m)
		}
		got, err := readAll(NewReader(bytes.NewReader(in), Limits{}))
		if err != nil {
			t.Fatalf("chunk size %d: %v", size, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("chunk size %d: messages differ", size)
		}
	}
}

func TestRoundTripTimestamps(t *testing.T) {
	for _, ts := range []uint32{0, 1, 0xFFFFFE, 0xFFFFFF, 0x1000000, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF} {
		t.Run(fmt.Sprintf("0x%X", ts), func(t *testing.T) {
			want := []Message{msg(6, TypeVideo, 1, ts, long), msg(6, TypeVideo, 1, ts+1, long)}
			var in []byte
			for _, m := range want {
				in = AppendMessage(in, m.Header, DefaultChunkSize, m.Payload)
			}
			got, err := readAll(NewReader(bytes.NewReader(in), Limits{}))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("\ngot  %v\nwant %v", got, want)
			}
		})
	}
}

func TestAppendMessagePanics(t *testing.T) {
	tests := []struct {
		name  string
		id    uint32
		chunk int
		bytes int
	}{
		{"chunk stream 1", 1, 128, 1},
		{"chunk stream too high", MaxChunkStream + 1, 128, 1},
		{"no chunk size", 3, 0, 1},
		{"long payload", 3, 128, MaxPayload + 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			AppendMessage(nil, Header{ChunkStream: tt.id}, tt.chunk, make([]byte, tt.bytes))
		})
	}
}

func TestAppendMessageAllocatesNothing(t *testing.T) {
	head, data := []byte{0x17, 1, 0, 0, 0}, make([]byte, 8000)
	dst := make([]byte, 0, 9000)
	if n := testing.AllocsPerRun(100, func() {
		AppendMessage(dst, Header{4, TypeVideo, 1, 1 << 24}, 128, head, data)
	}); n != 0 {
		t.Errorf("%v allocations with room in dst, want 0", n)
	}
}

func BenchmarkAppendMessage(b *testing.B) {
	head, data := []byte{0x17, 1, 0, 0, 0}, make([]byte, 8000)
	dst := make([]byte, 0, 9000)
	b.SetBytes(int64(len(head) + len(data)))
	b.ReportAllocs()
	for b.Loop() {
		AppendMessage(dst, Header{4, TypeVideo, 1, 1 << 24}, 4096, head, data)
	}
}

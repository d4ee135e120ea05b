package rtmpchunk

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/weirmedia/weir/pkg/reason"
)

func readAll(r *Reader) ([]Message, error) {
	var all []Message
	for {
		m, err := r.ReadMessage()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, m)
	}
}

func msg(id uint32, t Type, stream, timestamp uint32, payload string) Message {
	m := Message{Header: Header{ChunkStream: id, Type: t, StreamID: stream, Timestamp: timestamp}}
	if payload != "" {
		m.Payload = []byte(payload)
	}
	return m
}

// long is 129 bytes: one more than the default chunk size.
var long = strings.Repeat("x", 128) + "y"

func TestReadMessage(t *testing.T) {
	const x = "\xff\xff\xff" // extended timestamp follows
	tests := []struct {
		name, in string
		want     []Message
	}{
		{"type 0", "\x03\x00\x00\x05\x00\x00\x02\x14\x01\x00\x00\x00ab", []Message{msg(3, 20, 1, 5, "ab")}},
		{"message stream id is little endian", "\x03\x00\x00\x00\x00\x00\x00\x14\x01\x02\x03\x04", []Message{msg(3, 20, 0x04030201, 0, "")}},
		{"type 1 adds its delta and keeps the stream",
			"\x04\x00\x00\x05\x00\x00\x01\x08\x07\x00\x00\x00a" + "\x44\x00\x00\x0a\x00\x00\x02\x09bc",
			[]Message{msg(4, 8, 7, 5, "a"), msg(4, 9, 7, 15, "bc")}},
		{"type 2 keeps length and type",
			"\x04\x00\x00\x05\x00\x00\x01\x08\x07\x00\x00\x00a" + "\x84\x00\x00\x03b",
			[]Message{msg(4, 8, 7, 5, "a"), msg(4, 8, 7, 8, "b")}},
		{"type 3 repeats the delta",
			"\x04\x00\x00\x05\x00\x00\x01\x08\x07\x00\x00\x00a" + "\x84\x00\x00\x03b" + "\xc4c" + "\xc4d",
			[]Message{msg(4, 8, 7, 5, "a"), msg(4, 8, 7, 8, "b"), msg(4, 8, 7, 11, "c"), msg(4, 8, 7, 14, "d")}},
		{"type 3 behind type 0 takes its timestamp as delta (5.3.1.2.4)",
			"\x04\x00\x03\xe8\x00\x00\x01\x08\x07\x00\x00\x00a" + "\xc4b",
			[]Message{msg(4, 8, 7, 1000, "a"), msg(4, 8, 7, 2000, "b")}},
		{"example 2 of the specification (5.3.2.2), cut into three chunks",
			"\x04\x00\x03\xe8\x00\x01\x33\x09\x01\x00\x00\x00" + strings.Repeat("v", 128) + "\xc4" + strings.Repeat("v", 128) + "\xc4" + strings.Repeat("v", 51),
			[]Message{msg(4, 9, 1, 1000, strings.Repeat("v", 307))}},
		{"type 1 opens a chunk stream", "\x42\x00\x00\x07\x00\x00\x06\x04\x00\x07\x00\x00\x00\x01", []Message{msg(2, 4, 0, 7, "\x00\x07\x00\x00\x00\x01")}},
		{"two-byte chunk stream id", "\x00\x00\x00\x00\x00\x00\x00\x01\x08\x00\x00\x00\x00a", []Message{msg(64, 8, 0, 0, "a")}},
		{"two-byte chunk stream id, highest", "\x00\xff\x00\x00\x00\x00\x00\x01\x08\x00\x00\x00\x00a", []Message{msg(319, 8, 0, 0, "a")}},
		{"three-byte chunk stream id", "\x01\x01\x02\x00\x00\x00\x00\x00\x01\x08\x00\x00\x00\x00a", []Message{msg(64+1+2*256, 8, 0, 0, "a")}},
		{"three-byte chunk stream id, highest", "\x01\xff\xff\x00\x00\x00\x00\x00\x01\x08\x00\x00\x00\x00a", []Message{msg(MaxChunkStream, 8, 0, 0, "a")}},
		{"one id in two forms",
			"\x00\x01\x00\x00\x05\x00\x00\x01\x08\x00\x00\x00\x00a" + "\x81\x01\x00\x00\x00\x01b",
			[]Message{msg(65, 8, 0, 5, "a"), msg(65, 8, 0, 6, "b")}},
		{"interleaved",
			"\x04\x00\x00\x01\x00\x00\x81\x09\x01\x00\x00\x00" + long[:128] + "\x05\x00\x00\x02\x00\x00\x02\x08\x01\x00\x00\x00au" + "\xc4" + long[128:],
			[]Message{msg(5, 8, 1, 2, "au"), msg(4, 9, 1, 1, long)}},
		{"timestamp below the extended ones", "\x04\xff\xff\xfe\x00\x00\x01\x08\x00\x00\x00\x00a", []Message{msg(4, 8, 0, 0xFFFFFE, "a")}},
		{"smallest extended timestamp", "\x04" + x + "\x00\x00\x01\x08\x00\x00\x00\x00\x00\xff\xff\xffa", []Message{msg(4, 8, 0, 0xFFFFFF, "a")}},
		{"extended timestamp repeated in type 3",
			"\x04" + x + "\x00\x00\x81\x09\x01\x00\x00\x00\x01\x00\x00\x00" + long[:128] + "\xc4\x01\x00\x00\x00" + long[128:],
			[]Message{msg(4, 9, 1, 0x1000000, long)}},
		{"extended timestamp not repeated in type 3",
			"\x04" + x + "\x00\x00\x81\x09\x01\x00\x00\x00\x01\x00\x00\x00" + long[:128] + "\xc4" + long[128:],
			[]Message{msg(4, 9, 1, 0x1000000, long)}},
		{"extended timestamp not repeated, data begins like it",
			"\x04" + x + "\x00\x00\x82\x09\x01\x00\x00\x00\x01\x00\x00\x00" + long[:128] + "\xc4\x01\x00",
			[]Message{msg(4, 9, 1, 0x1000000, long[:128]+"\x01\x00")}},
		{"extended delta", "\x04\x00\x00\x01\x00\x00\x01\x08\x00\x00\x00\x00a" + "\x84" + x + "\x01\x00\x00\x00b",
			[]Message{msg(4, 8, 0, 1, "a"), msg(4, 8, 0, 0x1000001, "b")}},
		{"extended delta repeated in a type 3 that begins a message",
			"\x04\x00\x00\x01\x00\x00\x01\x08\x00\x00\x00\x00a" + "\x84" + x + "\x01\x00\x00\x00b" + "\xc4\x01\x00\x00\x00c",
			[]Message{msg(4, 8, 0, 1, "a"), msg(4, 8, 0, 0x1000001, "b"), msg(4, 8, 0, 0x2000001, "c")}},
		{"extended delta not repeated in a type 3 that begins a message",
			"\x04\x00\x00\x01\x00\x00\x01\x08\x00\x00\x00\x00a" + "\x84" + x + "\x01\x00\x00\x00b" + "\xc4c",
			[]Message{msg(4, 8, 0, 1, "a"), msg(4, 8, 0, 0x1000001, "b"), msg(4, 8, 0, 0x2000001, "c")}},
		{"timestamp wraps",
			"\x04" + x + "\x00\x00\x01\x08\x00\x00\x00\x00\xff\xff\xff\xffa" + "\x84\x00\x00\x02b",
			[]Message{msg(4, 8, 0, 0xFFFFFFFF, "a"), msg(4, 8, 0, 1, "b")}},
		{"a type 2 after an extended timestamp ends it",
			"\x04" + x + "\x00\x00\x01\x08\x00\x00\x00\x00\x01\x00\x00\x00a" + "\x84\x00\x00\x02b" + "\xc4c",
			[]Message{msg(4, 8, 0, 0x1000000, "a"), msg(4, 8, 0, 0x1000002, "b"), msg(4, 8, 0, 0x1000004, "c")}},
		{"set chunk size", "\x02\x00\x00\x00\x00\x00\x04\x01\x00\x00\x00\x00\x00\x00\x00\x01" + "\x04\x00\x00\x00\x00\x00\x03\x08\x00\x00\x00\x00a\xc4b\xc4c",
			[]Message{msg(4, 8, 0, 0, "abc")}},
		{"set chunk size inside a message of another chunk stream",
			"\x04\x00\x00\x00\x00\x00\x83\x08\x00\x00\x00\x00" + long[:128] + "\x02\x00\x00\x00\x00\x00\x04\x01\x00\x00\x00\x00\x00\x00\x00\x02" + "\xc4ab\xc4c",
			[]Message{msg(4, 8, 0, 0, long[:128]+"abc")}},
		{"abort", "\x04\x00\x00\x09\x00\x00\x81\x09\x01\x00\x00\x00" + long[:128] + "\x02\x00\x00\x00\x00\x00\x04\x02\x00\x00\x00\x00\x00\x00\x00\x04" + "\x44\x00\x00\x01\x00\x00\x01\x09z",
			[]Message{msg(4, 9, 1, 10, "z")}},
		{"abort of what is not under way", "\x02\x00\x00\x00\x00\x00\x04\x02\x00\x00\x00\x00\x00\x00\x00\x09", nil},
		{"a type 1 header that continues a message",
			"\x04\x00\x00\x09\x00\x00\x81\x09\x01\x00\x00\x00" + long[:128] + "\x44\x00\x00\x05\x00\x00\x81\x09" + long[128:],
			[]Message{msg(4, 9, 1, 9, long)}},
		{"a type 2 header that continues a message",
			"\x04\x00\x00\x09\x00\x00\x81\x09\x01\x00\x00\x00" + long[:128] + "\x84\x00\x00\x05" + long[128:],
			[]Message{msg(4, 9, 1, 9, long)}},
		{"nothing", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for how, src := range map[string]io.Reader{
				"at once":      strings.NewReader(tt.in),
				"byte by byte": iotest.OneByteReader(strings.NewReader(tt.in)),
				"EOF at once":  iotest.DataErrReader(strings.NewReader(tt.in)),
			} {
				r := NewReader(src, Limits{})
				got, err := readAll(r)
				if err != nil {
					t.Fatalf("%s: %v", how, err)
				}
				if !reflect.DeepEqual(got, tt.want) {
					t.Errorf("%s:\ngot  %v\nwant %v", how, got, tt.want)
				}
				if r.BytesRead() != uint64(len(tt.in)) || r.held != 0 || r.unfinished != 0 {
					t.Errorf("%s: read %d of %d bytes, %d held by %d messages", how, r.BytesRead(), len(tt.in), r.held, r.unfinished)
				}
			}
		})
	}
}

func TestReadMessageRefuses(t *testing.T) {
	limits := Limits{MaxMessage: 1000, MaxChunkStreams: 2, MaxUnfinished: 1500, MaxChunkSize: 65536}
	header := func(id byte, length uint16) string {
		return string([]byte{id, 0, 0, 0, 0, byte(length >> 8), byte(length), 9, 1, 0, 0, 0})
	}
	setChunkSize := func(size string) string { return "\x02\x00\x00\x00\x00\x00\x04\x01\x00\x00\x00\x00" + size }
	tests := []struct {
		name, in string
		want     error
	}{
		{"long message", header(4, 1001), &LimitError{"message bytes", 4, 1001, 1000}},
		{"many chunk streams", header(4, 0) + header(5, 0) + header(6, 0), &LimitError{"chunk streams", 6, 3, 2}},
		{"many unfinished bytes", header(4, 1000) + long[:128] + header(5, 600) + long[:128], &LimitError{"bytes of unfinished messages", 5, 1600, 1500}},
		{"large chunk size", setChunkSize("\x00\x01\x00\x01"), &LimitError{"bytes of chunk size", 2, 65537, 65536}},
		{"chunk size 0", setChunkSize("\x00\x00\x00\x00"), &ProtocolError{2, "set chunk size: 0 is outside 1 to 2147483647"}},
		{"chunk size with the first bit set", setChunkSize("\x80\x00\x00\x80"), &ProtocolError{2, "set chunk size: 2147483776 is outside 1 to 2147483647"}},
		{"short chunk size", "\x02\x00\x00\x00\x00\x00\x03\x01\x00\x00\x00\x00\x00\x00\x01", &ProtocolError{2, "set chunk size: 3 bytes, 4 are needed"}},
		{"short abort", "\x02\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00", &ProtocolError{2, "abort: 0 bytes, 4 are needed"}},
		{"type 2 opens a chunk stream", "\x85\x00\x00\x00", &ProtocolError{5, "begins with a type 2 header, which has nothing to refer to"}},
		{"type 3 opens a chunk stream", "\xc5", &ProtocolError{5, "begins with a type 3 header, which has nothing to refer to"}},
		{"message inside a message", header(4, 200) + long[:128] + header(4, 300),
			&ProtocolError{4, "message of type 9 and 300 bytes begins inside one of type 9 and 200 bytes"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := readAll(NewReader(strings.NewReader(tt.in), limits))
			if got := errors.Unwrap(err); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if got := reason.Of(err, ""); got != reason.BadChunk {
				t.Errorf("reason: got %q, want %q", got, reason.BadChunk)
			}
		})
	}
}

func TestReadMessageEndOfInput(t *testing.T) {
	// The last chunk has more data than an extended timestamp: with less, one
	// that is cut short could be data of a sender that leaves it out.
	whole := "\x00\x00\xff\xff\xff\x00\x00\x85\x09\x01\x00\x00\x00\x01\x00\x00\x00" + long[:128] + "\xc0\x00\x01\x00\x00\x00" + "abcde"
	for n := range len(whole) {
		_, err := NewReader(strings.NewReader(whole[:n]), Limits{}).ReadMessage()
		want := io.ErrUnexpectedEOF
		if n == 0 {
			want = io.EOF
		}
		if !errors.Is(err, want) {
			t.Errorf("after %d of %d bytes: got %v, want %v", n, len(whole), err, want)
		}
	}
	r := NewReader(strings.NewReader(whole), Limits{})
	if _, err := r.ReadMessage(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReadMessage(); !errors.Is(err, io.EOF) {
		t.Errorf("behind a message: got %v, want %v", err, io.EOF)
	}
}

func TestReadMessagePassesErrorsOn(t *testing.T) {
	broken := errors.New("broken")
	in := AppendMessage(nil, Header{ChunkStream: 4, Timestamp: 1 << 24}, 128, make([]byte, 200))
	for n := range in {
		src := io.MultiReader(bytes.NewReader(in[:n]), iotest.ErrReader(broken))
		if _, err := NewReader(src, Limits{}).ReadMessage(); !errors.Is(err, broken) {
			t.Errorf("after %d bytes: got %v, want %v", n, err, broken)
		}
	}
}

// A header that announces much must not cost much before the data comes.
func TestAnnouncedLengthIsNotTrusted(t *testing.T) {
	var in []byte
	for id := range uint32(64) {
		in = appendBasicHeader(in, 0, 2+id)
		in = append(in, 0, 0, 0, 0x7F, 0xFF, 0xFF, TypeVideo, 0, 0, 0, 0) // 8 MiB
		in = append(in, make([]byte, 128)...)
	}
	r := NewReader(bytes.NewReader(in), Limits{})
	if _, err := r.ReadMessage(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	if limit := trustedPayload + 63*furtherPayload; r.unfinished != 64 || r.held > limit {
		t.Errorf("%d messages hold %d bytes, want 64 messages and at most %d bytes", r.unfinished, r.held, limit)
	}
}

func TestPayloadIsExactlySized(t *testing.T) {
	for _, n := range []int{1, 4096, trustedPayload, trustedPayload + 1, 1 << 20} {
		payload := bytes.Repeat([]byte{7}, n)
		in := AppendMessage(nil, Header{ChunkStream: 4}, 128, payload)
		m, err := NewReader(bytes.NewReader(in), Limits{}).ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(m.Payload, payload) || cap(m.Payload) != n {
			t.Errorf("%d bytes: got %d with room for %d", n, len(m.Payload), cap(m.Payload))
		}
	}
}

func BenchmarkReadMessage(b *testing.B) {
	in := AppendMessage(nil, Header{ChunkStream: 4}, 4096, make([]byte, 8000))
	in = append(AppendSetChunkSize(nil, 4096), in...)
	src := bytes.NewReader(nil)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	r := NewReader(src, Limits{})
	r.ExpectMedia(nil)
	for b.Loop() {
		src.Reset(in)
		if _, err := r.ReadMessage(); err != nil {
			b.Fatal(err)
		}
	}
}

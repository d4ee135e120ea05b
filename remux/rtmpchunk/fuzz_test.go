package rtmpchunk

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"testing"
)

// FuzzReader checks that memory stays in proportion to the input, that no
// message is longer than what was sent, and that messages survive writing and
// reading them again.
func FuzzReader(f *testing.F) {
	limits := Limits{MaxMessage: 1 << 20, MaxUnfinished: 2 << 20, MaxChunkStreams: 16}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := NewReader(bytes.NewReader(in), limits)
		var all []Message
		var err error
		for payloads := 0; err == nil; {
			var m Message
			if m, err = r.ReadMessage(); err != nil {
				break
			}
			all = append(all, m)
			if payloads += len(m.Payload); payloads > len(in) || cap(m.Payload) != len(m.Payload) {
				t.Fatalf("%d bytes of payload, the last with room for %d, from %d bytes", payloads, cap(m.Payload), len(in))
			}
			if r.held > limits.MaxUnfinished || r.held > trustedPayload+16*furtherPayload+2*len(in) {
				t.Fatalf("%d bytes held after %d bytes of input", r.held, len(in))
			}
		}
		if r.BytesRead() > uint64(len(in)) || errors.Is(err, io.EOF) && r.BytesRead() != uint64(len(in)) {
			t.Fatalf("read %d of %d bytes: %v", r.BytesRead(), len(in), err)
		}

		size := 1 + len(in)%200
		again := AppendSetChunkSize(nil, uint32(size))
		for _, m := range all {
			again = AppendMessage(again, m.Header, size, m.Payload)
		}
		limits := limits
		limits.MaxChunkStreams++ // the chunk size above came on one of its own
		got, err := readAll(NewReader(bytes.NewReader(again), limits))
		if err != nil {
			t.Fatalf("reading what was written: %v", err)
		}
		if !reflect.DeepEqual(got, all) {
			t.Fatalf("messages differ:\n%v\n%v", all, got)
		}
	})
}

// FuzzControl checks that a control payload that was understood is written
// such that it is understood the same.
func FuzzControl(f *testing.F) {
	f.Fuzz(func(t *testing.T, in []byte) {
		if size, err := ParseSetChunkSize(in); err == nil && (size < 1 || size > chunkSizeBits) {
			t.Fatalf("chunk size %d", size)
		}
		if v, limit, err := ParseSetPeerBandwidth(in); err == nil {
			if !bytes.Equal(body(t, AppendSetPeerBandwidth(nil, v, limit), TypeSetPeerBandwidth), in[:5]) {
				t.Fatalf("bandwidth %d, %d", v, limit)
			}
		}
		c, err := ParseUserControl(in)
		if err != nil {
			return
		}
		if got, err := ParseUserControl(body(t, AppendUserControl(nil, c), TypeUserControl)); err != nil || got != c {
			t.Fatalf("got %v, %v, want %v", got, err, c)
		}
	})
}

package rtmpchunk

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/reason"
)

// appendSubMessage appends what SplitAggregate reads, with m's own timestamp.
func appendSubMessage(dst []byte, m Message) []byte {
	dst = append(dst, m.Type)
	dst = appendUint24(dst, uint32(len(m.Payload)))
	dst = appendUint24(dst, m.Timestamp&(1<<24-1))
	dst = append(dst, byte(m.Timestamp>>24))
	dst = appendUint24(dst, 0)
	dst = append(dst, m.Payload...)
	return binary.BigEndian.AppendUint32(dst, uint32(subHeaderSize+len(m.Payload)))
}

func TestSplitAggregate(t *testing.T) {
	outer := Header{ChunkStream: 6, Type: TypeAggregate, StreamID: 1}
	at := func(h Header, kind Type, timestamp uint32) Header {
		h.Type, h.Timestamp = kind, timestamp
		return h
	}
	sub := func(kind Type, timestamp uint32, body string) Message {
		return Message{Header{Type: kind, Timestamp: timestamp}, []byte(body), nil}
	}
	for _, tt := range []struct {
		name      string
		timestamp uint32
		subs      []Message
		cut       int // bytes missing at the end
		want      []Message
	}{
		{"nothing", 5, nil, 0, nil},
		{"the sender's own clock", 1000,
			[]Message{sub(TypeVideo, 40, "v"), sub(TypeAudio, 50, "aa"), sub(TypeDataAMF0, 30, "")}, 0,
			[]Message{{at(outer, TypeVideo, 1000), []byte("v"), nil}, {at(outer, TypeAudio, 1010), []byte("aa"), nil}, {at(outer, TypeDataAMF0, 990), []byte{}, nil}}},
		{"timestamps that agree", 70000000, []Message{sub(TypeVideo, 70000000, "v"), sub(TypeVideo, 70000040, "w")}, 0,
			[]Message{{at(outer, TypeVideo, 70000000), []byte("v"), nil}, {at(outer, TypeVideo, 70000040), []byte("w"), nil}}},
		{"wrap", 1<<32 - 10, []Message{sub(TypeVideo, 0, "v"), sub(TypeVideo, 20, "w")}, 0,
			[]Message{{at(outer, TypeVideo, 1<<32-10), []byte("v"), nil}, {at(outer, TypeVideo, 10), []byte("w"), nil}}},
		{"no last back pointer", 0, []Message{sub(TypeVideo, 0, "v")}, 4, []Message{{at(outer, TypeVideo, 0), []byte("v"), nil}}},
		{"half a back pointer", 0, []Message{sub(TypeVideo, 0, "v")}, 2, []Message{{at(outer, TypeVideo, 0), []byte("v"), nil}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := Message{Header: outer}
			m.Timestamp = tt.timestamp
			for _, s := range tt.subs {
				m.Payload = appendSubMessage(m.Payload, s)
			}
			m.Payload = m.Payload[:len(m.Payload)-tt.cut]
			got, err := SplitAggregate(m)
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %v, %v\nwant %v", got, err, tt.want)
			}
		})
	}
}

func TestSplitAggregateErrors(t *testing.T) {
	good := string(appendSubMessage(nil, Message{Header{Type: TypeAudio}, []byte("a"), nil}))
	for _, tt := range []struct {
		name, payload string
		before        int // messages
		want          string
	}{
		{"cut header", good + "\x08\x00", 1, "byte 16: header of 11 bytes, but 2 are left"},
		{"cut payload", good[:11], 0, "byte 0: message of 1 bytes, but 0 are left"},
		{"huge payload", "\x09\xff\xff\xff" + strings.Repeat("\x00", 20), 0, "message of 16777215 bytes"},
		{"aggregate inside", good + string(appendSubMessage(nil, Message{Header{Type: TypeAggregate}, []byte(good), nil})), 1, "byte 16: a message of type 22"},
		{"chunk size inside", string(appendSubMessage(nil, Message{Header{Type: TypeSetChunkSize}, []byte{0, 0, 0, 1}, nil})), 0, "type 1"},
		{"too many", strings.Repeat(good, maxSubMessages+1), maxSubMessages, "more than 4096 messages"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := SplitAggregate(Message{Header{Type: TypeAggregate}, []byte(tt.payload), nil})
			if err == nil || !strings.Contains(err.Error(), tt.want) || reason.Of(err, "") != reason.BadMessage {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if len(got) != tt.before {
				t.Errorf("%d messages before the error, want %d", len(got), tt.before)
			}
		})
	}
}

// FuzzSplitAggregate checks that the messages of an aggregate are what its
// bytes say, and that they survive being put into one again.
func FuzzSplitAggregate(f *testing.F) {
	f.Fuzz(func(t *testing.T, timestamp uint32, in []byte) {
		m := Message{Header{ChunkStream: 4, Type: TypeAggregate, StreamID: 3, Timestamp: timestamp}, bytes.Clone(in), nil}
		all, err := SplitAggregate(m)
		if err == nil && len(in) > 0 && len(all) == 0 {
			t.Fatalf("no message in %d bytes", len(in))
		}
		size := 0
		again := Message{Header: m.Header}
		for _, s := range all {
			size += subHeaderSize + len(s.Payload)
			if s.StreamID != 3 || s.ChunkStream != 4 || s.Type == TypeAggregate || cap(s.Payload) > 2*len(s.Payload)+64 {
				t.Fatalf("got %v", s.Header)
			}
			again.Payload = appendSubMessage(again.Payload, s)
		}
		if size > len(in) {
			t.Fatalf("%d bytes of messages from %d", size, len(in))
		}
		if got, err := SplitAggregate(again); err != nil || !reflect.DeepEqual(got, all) {
			t.Fatalf("got %v, %v\nwant %v", got, err, all)
		}
	})
}

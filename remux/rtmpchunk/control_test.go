package rtmpchunk

import (
	"bytes"
	"testing"
)

// body returns the payload of the one message in b.
func body(t *testing.T, b []byte, want Type) []byte {
	t.Helper()
	m, err := NewReader(bytes.NewReader(b), Limits{}).ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	if m.Header != (Header{ChunkStream: ControlChunkStream, Type: want}) {
		t.Fatalf("header %+v", m.Header)
	}
	return m.Payload
}

func TestControlGolden(t *testing.T) {
	const head = "\x02\x00\x00\x00\x00\x00"
	tests := []struct {
		name string
		got  []byte
		want string
	}{
		{"set chunk size", AppendSetChunkSize(nil, 4096), head + "\x04\x01\x00\x00\x00\x00\x00\x00\x10\x00"},
		{"abort", AppendAbort(nil, 6), head + "\x04\x02\x00\x00\x00\x00\x00\x00\x00\x06"},
		{"acknowledgement", AppendAck(nil, 0xFFFFFFFF), head + "\x04\x03\x00\x00\x00\x00\xff\xff\xff\xff"},
		{"stream begin", AppendUserControl(nil, UserControl{Event: EventStreamBegin, Value: 1}), head + "\x06\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"},
		{"set buffer length", AppendUserControl(nil, UserControl{EventSetBufferLength, 1, 3000}), head + "\x0a\x04\x00\x00\x00\x00\x00\x03\x00\x00\x00\x01\x00\x00\x0b\xb8"},
		{"window acknowledgement size", AppendWindowAckSize(nil, 2500000), head + "\x04\x05\x00\x00\x00\x00\x00\x26\x25\xa0"},
		{"set peer bandwidth", AppendSetPeerBandwidth(nil, 2500000, BandwidthDynamic), head + "\x05\x06\x00\x00\x00\x00\x00\x26\x25\xa0\x02"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if string(tt.got) != tt.want {
				t.Errorf("got %x, want %x", tt.got, tt.want)
			}
		})
	}
}

func TestControlRoundTrip(t *testing.T) {
	if v, err := ParseAck(body(t, AppendAck(nil, 7), TypeAck)); v != 7 || err != nil {
		t.Errorf("acknowledgement: %d, %v", v, err)
	}
	if v, err := ParseWindowAckSize(body(t, AppendWindowAckSize(nil, 8), TypeWindowAckSize)); v != 8 || err != nil {
		t.Errorf("window: %d, %v", v, err)
	}
	v, limit, err := ParseSetPeerBandwidth(body(t, AppendSetPeerBandwidth(nil, 9, BandwidthSoft), TypeSetPeerBandwidth))
	if v != 9 || limit != BandwidthSoft || err != nil {
		t.Errorf("bandwidth: %d, %d, %v", v, limit, err)
	}
	for _, want := range []UserControl{{EventPingRequest, 1000, 0}, {EventPingResponse, 1000, 0}, {EventStreamEOF, 1, 0}, {EventSetBufferLength, 1, 500}} {
		got, err := ParseUserControl(body(t, AppendUserControl(nil, want), TypeUserControl))
		if got != want || err != nil {
			t.Errorf("user control: got %v, %v, want %v", got, err, want)
		}
	}
}

func TestControlTooShort(t *testing.T) {
	parsers := map[string]struct {
		need  int
		parse func([]byte) error
	}{
		"set chunk size":     {4, func(b []byte) error { _, err := ParseSetChunkSize(b); return err }},
		"abort":              {4, func(b []byte) error { _, err := ParseAbort(b); return err }},
		"acknowledgement":    {4, func(b []byte) error { _, err := ParseAck(b); return err }},
		"window":             {4, func(b []byte) error { _, err := ParseWindowAckSize(b); return err }},
		"bandwidth":          {5, func(b []byte) error { _, _, err := ParseSetPeerBandwidth(b); return err }},
		"unknown event":      {2, func(b []byte) error { _, err := ParseUserControl(with(b, 0, 32)); return err }},
		"ping":               {6, func(b []byte) error { _, err := ParseUserControl(with(b, 0, 6)); return err }},
		"set buffer length":  {10, func(b []byte) error { _, err := ParseUserControl(with(b, 0, 3)); return err }},
		"stream is recorded": {6, func(b []byte) error { _, err := ParseUserControl(with(b, 0, 4)); return err }},
	}
	for name, p := range parsers {
		t.Run(name, func(t *testing.T) {
			for n := range 12 {
				if err := p.parse(bytes.Repeat([]byte{1}, n)); (err == nil) != (n >= p.need) {
					t.Errorf("%d bytes: %v", n, err)
				}
			}
		})
	}
}

// with returns b with its first bytes replaced, as far as it has them.
func with(b []byte, first ...byte) []byte {
	copy(b, first)
	return b
}

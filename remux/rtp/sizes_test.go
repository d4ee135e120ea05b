package rtp

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
)

// Units that end anywhere near the end of a packet come out as they went in.
func TestRoundTripSizes(t *testing.T) {
	obus := func(t *testing.T, key *av.Frame, sizes ...int) []byte {
		all, err := splitOBUs(key, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range sizes {
			all = append(all, append([]byte{15 << 3}, bytes.Repeat([]byte{1}, size)...)) // padding
		}
		payload, _, err := joinOBUs(all)
		if err != nil {
			t.Fatal(err)
		}
		return payload
	}
	nals := func(header ...byte) func(*testing.T, *av.Frame, ...int) []byte {
		return func(_ *testing.T, key *av.Frame, sizes ...int) []byte {
			payload := bytes.Clone(key.Payload)
			for _, size := range sizes {
				nal := append(bytes.Clone(header), bytes.Repeat([]byte{1}, size)...)
				payload = append(binary.BigEndian.AppendUint32(payload, uint32(len(nal))), nal...)
			}
			return payload
		}
	}
	for _, tt := range []struct {
		file  string
		build func(t *testing.T, key *av.Frame, sizes ...int) []byte
	}{
		{"av1.flv", obus},
		{"bframes.flv", nals(0x0C)},     // filler data
		{"hevc.flv", nals(38<<1, 0x01)}, // filler data
	} {
		t.Run(tt.file, func(t *testing.T) {
			key := footage(t, tt.file)[0][0]
			for size := 1; size < 1500; size++ {
				f := &av.Frame{Track: key.Track, Key: true, Payload: tt.build(t, key, size, 4000, size)}
				packets, m := packetsOf(t, []*av.Frame{f})
				out, ignored := demuxAll(t, m, packets)
				if ignored != 0 || len(out) != 1 || !bytes.Equal(plainPayload(t, out[0]), plainPayload(t, f)) {
					t.Errorf("a unit of %d bytes: %d frames, %d ignored", size, len(out), ignored)
				}
			}
		})
	}
}

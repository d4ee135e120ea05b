package rtp

import (
	"fmt"

	mcav1 "github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
	prtp "github.com/pion/rtp"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/av1"
)

// OBU types (AV1 specification, 6.2.2).
const (
	obuSequenceHeader    = 1
	obuTemporalDelimiter = 2
	obuTileList          = 8
)

func obuType(obu []byte) byte { return obu[0] >> 3 & 0x0F }

// sequenceHeader returns the sequence header OBU of a configuration record,
// without size field; nil if the record leaves it to the frames.
func sequenceHeader(config []byte) ([]byte, error) {
	if len(config) == 0 {
		return nil, nil
	}
	c, err := av1.ParseConfig(config)
	if err != nil || c.Sequence == nil {
		return nil, err
	}
	return append([]byte{obuSequenceHeader << 3}, c.Sequence...), nil
}

// splitOBUs returns the OBUs of f without size fields, those left out that RTP
// must not have (RTP payload format for AV1, 5), and before a key frame the
// sequence header opening.
func splitOBUs(f *av.Frame, opening []byte) ([][]byte, error) {
	var all mcav1.Bitstream
	if err := all.Unmarshal(f.Payload); err != nil {
		return nil, fmt.Errorf("av1: %w", err)
	}
	var obus [][]byte
	if f.Key && opening != nil && !av1.HasSequenceHeader(f.Payload) {
		obus = append(obus, opening)
	}
	for _, obu := range all {
		if t := obuType(obu); t != obuTemporalDelimiter && t != obuTileList {
			obus = append(obus, obu)
		}
	}
	return obus, nil
}

// Bits of the aggregation header of AV1 (RTP payload format for AV1, 4.4): the
// first element goes on from the packet before, the last one in the packet after,
// and here a coded video sequence begins.
const (
	av1FromBefore = 1 << 7
	av1GoesOn     = 1 << 6
	av1Begins     = 1 << 3
)

// packOBUs makes the packets of a temporal unit, with payloads of most bytes at
// most. It is our own: the library's marks OBUs that end with a packet as going on.
func packOBUs(obus [][]byte, payloadType uint8, most int) (packets []*prtp.Packet) {
	const sizeLen = 2 // of an element, which is shorter than 1<<14
	left := 1
	for _, obu := range obus {
		left += sizeLen + len(obu)
	}
	var b []byte
	begin := func(flags byte) {
		b = append(make([]byte, 0, min(left, most)), flags)
		packets = append(packets, &prtp.Packet{Header: prtp.Header{Version: 2, PayloadType: payloadType}})
	}
	end := func(flags byte) {
		b[0] |= flags
		packets[len(packets)-1].Payload = b
	}
	begin(0)
	for _, obu := range obus {
		if len(b)+sizeLen >= most {
			end(0)
			begin(0)
		}
		for room := most - len(b) - sizeLen; len(obu) > room; room = most - len(b) - sizeLen {
			b = append(appendElementSize(b, room), obu[:room]...)
			obu, left = obu[room:], left-room
			end(av1GoesOn)
			begin(av1FromBefore)
		}
		b = append(appendElementSize(b, len(obu)), obu...)
		left -= sizeLen + len(obu)
	}
	end(0)
	if mcav1.IsRandomAccess2(obus) {
		packets[0].Payload[0] |= av1Begins
	}
	packets[len(packets)-1].Marker = true
	return packets
}

// appendElementSize appends n in LEB128.
func appendElementSize(b []byte, n int) []byte {
	if n < 1<<7 {
		return append(b, byte(n))
	}
	return append(b, byte(n)|1<<7, byte(n>>7))
}

// joinOBUs does the opposite of splitOBUs, and returns the sequence header, if
// there is one.
func joinOBUs(obus [][]byte) (tu, header []byte, err error) {
	kept := obus[:0]
	for _, obu := range obus {
		if len(obu) == 0 {
			continue
		}
		switch obuType(obu) {
		case obuTemporalDelimiter:
			continue
		case obuSequenceHeader:
			header = obu
		}
		kept = append(kept, obu)
	}
	tu, err = mcav1.Bitstream(kept).Marshal()
	return tu, header, err
}

// av1Track returns the track of a sequence header OBU without size field.
func av1Track(id int, header []byte) (*av.Track, error) {
	config, err := av1.BuildConfig(header[1:])
	if err != nil {
		return nil, fmt.Errorf("av1 sequence header: %w", err)
	}
	return av1.TrackFromConfig(id, config)
}

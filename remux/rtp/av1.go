package rtp

import (
	"fmt"

	mcav1 "github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"

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

// joinOBUs does the opposite, and returns the sequence header, if there is one.
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

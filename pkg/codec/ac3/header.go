// Package ac3 reads the syncframe headers of AC-3 and E-AC-3.
package ac3

import (
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/ac3"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/eac3"

	"github.com/weirmedia/weir/pkg/av"
)

// Header is the start of a syncframe (ETSI TS 102 366, 4.3 and E.1.2).
type Header struct {
	// SampleRate is in Hz, 16000 to 48000.
	SampleRate int
	// Channels counts those of the first syncframe, the low frequency one
	// included, 1 to 6; dependent substreams of E-AC-3 may add to them.
	Channels int
}

// ParseHeader reads the header at the start of frame, whose codec is av.AC3 or
// av.EAC3.
func ParseHeader(codec av.Codec, frame []byte) (Header, error) {
	if codec == av.EAC3 {
		var s eac3.SyncInfo
		if err := s.Unmarshal(frame); err != nil {
			return Header{}, fmt.Errorf("e-ac-3 header: %w", err)
		}
		return Header{SampleRate: s.SampleRate(), Channels: s.ChannelCount()}, nil
	}
	var s ac3.SyncInfo
	if err := s.Unmarshal(frame); err != nil {
		return Header{}, fmt.Errorf("ac-3 header: %w", err)
	}
	const syncInfoSize = 5
	var b ac3.BSI
	if err := b.Unmarshal(frame[syncInfoSize:]); err != nil {
		return Header{}, fmt.Errorf("ac-3 header: %w", err)
	}
	return Header{SampleRate: s.SampleRate(), Channels: b.ChannelCount()}, nil
}

// Track describes the track of codec that frames with this header belong to.
func (h Header) Track(id int, codec av.Codec) *av.Track {
	return &av.Track{ID: id, Kind: av.Audio, Codec: codec, SampleRate: h.SampleRate, Channels: h.Channels}
}

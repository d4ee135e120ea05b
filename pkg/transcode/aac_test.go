//go:build !noaac

package transcode

import (
	goaac "github.com/tphakala/go-aac"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/aac"
)

// aacSourceEncoder is an encoder at the rate of a source.
type aacSourceEncoder struct {
	*aacEncoder
	rate int
}

func (e aacSourceEncoder) sink() sink {
	s := e.aacEncoder.sink()
	s.rate = e.rate
	return s
}

// newAACSource returns an encoder as a publisher has it: at 44.1 kHz too, and
// with many bits.
func newAACSource(rate, channels int) (encoder, *av.Track, error) {
	config := goaac.EncoderConfig{SampleRate: rate, Channels: channels, Bitrate: 128_000 * channels}
	g, err := goaac.NewEncoder(config)
	if err != nil {
		return nil, nil, err
	}
	t, err := aac.TrackFromConfig(1, lcConfig(rate, channels))
	return aacSourceEncoder{&aacEncoder{goaac: g, config: config, channels: channels}, rate}, t, err
}

// lcConfig is the AudioSpecificConfig of AAC-LC.
func lcConfig(rate, channels int) []byte {
	index := 0
	for i, r := range goaac.SampleRates {
		if r == rate {
			index = i
		}
	}
	const lc = 2
	v := lc<<11 | index<<7 | channels<<3
	return []byte{byte(v >> 8), byte(v)}
}

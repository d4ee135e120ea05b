package transcode

import (
	"fmt"

	"github.com/thesyncim/gopus"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/opus"
)

const (
	rateOpus = 48000
	// frameOpus makes packets of 20 ms, which WebRTC uses and Opus is tuned for.
	frameOpus = rateOpus / 50
	// longestOpus is how many samples a packet may have (RFC 6716, 3.4: 120 ms).
	longestOpus = rateOpus * 120 / 1000
	// bitrateOpus, for each channel, is transparent for most (RFC 7587, 3.1.1).
	bitrateOpus = 64_000
	// largestOpus is the size of a packet that holds any frame of 20 ms.
	largestOpus = 1275
	// complexityOpus is the least that is within 1 dB of libopus at its best: 9
	// and 10 give the same sound, 7 is 1.4 dB worse for music. All cost 0.9 % of a
	// core for stereo (BenchmarkComplexity, TestFullQuality).
	complexityOpus = 8
)

// Places in the identification header (RFC 7845, 5.1.1).
const (
	streamsAt = 19
	coupledAt = 20
	mappingAt = 21
)

func opusSource(t *av.Track) (source, error) {
	h, err := opus.ParseHeader(t.Config)
	if err != nil {
		return source{}, unsupported("opus cannot be decoded: %w", err)
	}
	if h.Channels > stereo && (h.Family != 1 || h.Channels > maxChannels) {
		return source{}, unsupported("opus with %d channels in mapping family %d cannot be mixed to stereo", h.Channels, h.Family)
	}
	return source{rateOpus, h.Channels}, nil
}

// packetDecoder is what gopus has for one stream and for several.
type packetDecoder interface {
	Decode(data []byte, pcm []float32) (int, error)
	SetGain(q8 int) error
	Reset()
}

type opusDecoder struct {
	gopus    packetDecoder
	channels int
	out      []float32
}

// newOpusDecoder makes the decoder of t, of which opusSource approves.
func newOpusDecoder(t *av.Track) (decoder, error) {
	h, err := opus.ParseHeader(t.Config)
	if err != nil {
		return nil, err
	}
	d := &opusDecoder{channels: h.Channels, out: make([]float32, longestOpus*h.Channels)}
	if h.Family == 0 {
		d.gopus, err = gopus.NewDecoder(gopus.DefaultDecoderConfig(rateOpus, h.Channels))
	} else {
		c := t.Config
		d.gopus, err = gopus.NewMultistreamDecoder(rateOpus, h.Channels, int(c[streamsAt]), int(c[coupledAt]), c[mappingAt:mappingAt+h.Channels])
	}
	if err != nil {
		return nil, unsupported("opus cannot be decoded: %w", err)
	}
	if err := d.gopus.SetGain(int(h.Gain)); err != nil {
		return nil, unsupported("opus cannot be decoded: gain of %d/256 dB: %w", h.Gain, err)
	}
	return d, nil
}

func (d *opusDecoder) decode(frame []byte) ([]float32, error) {
	n, err := d.gopus.Decode(frame, d.out)
	if err != nil {
		return nil, fmt.Errorf("opus: %w", err)
	}
	return d.out[:n*d.channels], nil
}

func (d *opusDecoder) reset() error {
	d.gopus.Reset()
	return nil
}

type opusEncoder struct {
	gopus    *gopus.Encoder
	channels int
	packet   [largestOpus]byte
}

func newOpusEncoder(id, channels, bitrate int) (encoder, *av.Track, error) {
	e, err := gopus.NewEncoder(gopus.EncoderConfig{SampleRate: rateOpus, Channels: channels, Application: gopus.ApplicationAudio})
	if err != nil {
		return nil, nil, unsupported("opus cannot be encoded: %w", err)
	}
	if bitrate == 0 {
		bitrate = bitrateOpus * channels
	}
	if err := e.SetBitrate(bitrate); err != nil {
		return nil, nil, unsupported("opus cannot be encoded with %d bit/s: %w", bitrate, err)
	}
	if err := e.SetComplexity(complexityOpus); err != nil {
		return nil, nil, unsupported("opus cannot be encoded: %w", err)
	}
	// As libopus is run by ffmpeg: with the constraint, music and speech get a
	// fifth fewer bits and are 2 to 4 dB worse.
	e.SetVBRConstraint(false)
	t, err := opus.TrackFromConfig(id, opus.BuildHeader(channels))
	return &opusEncoder{gopus: e, channels: channels}, t, err
}

func (e *opusEncoder) sink() sink {
	return sink{rate: rateOpus, channels: e.channels, frame: frameOpus, ahead: e.gopus.Lookahead()}
}

func (e *opusEncoder) encode(dst []byte, samples []float32) ([]byte, error) {
	n, err := e.gopus.Encode(samples, e.packet[:])
	if err != nil {
		return dst, fmt.Errorf("opus: %w", err)
	}
	return append(dst, e.packet[:n]...), nil
}

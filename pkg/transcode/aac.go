//go:build !noaac

package transcode

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	goaac "github.com/tphakala/go-aac"
	"github.com/tphakala/go-aac/pcm"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/aac"
	"github.com/weirmedia/weir/pkg/reason"
)

const (
	rateAAC    = 48000
	frameAAC   = goaac.FrameSize
	bitrateAAC = 64_000 // for each channel
	// largestAAC is how many bytes a frame of two channels may have (ISO/IEC
	// 14496-3, 4.5.3.1), and then some.
	largestAAC = 4 << 10
	// bytesAAC is what the decoder writes for one sample.
	bytesAAC = 2
)

// aacBuilt says why there is no AAC.
func aacBuilt() error { return nil }

func aacSource(t *av.Track) (source, error) {
	c, err := aac.ParseConfig(t.Config)
	switch {
	case err != nil:
		return source{}, unsupported("AAC cannot be decoded: %w", err)
	case c.Profile() != "LC":
		return source{}, unsupported("%s cannot be decoded, only AAC-LC; set the encoder to AAC-LC", aacName(c))
	case c.FrameLength != frameAAC:
		return source{}, unsupported("AAC with %d samples in a frame cannot be decoded, only %d", c.FrameLength, frameAAC)
	case c.Channels != mono && c.Channels != stereo:
		return source{}, unsupported("AAC with channel configuration %d cannot be decoded, only mono and stereo", c.ChannelConfiguration)
	case !slices.Contains(goaac.SampleRates[:], c.SampleRate):
		return source{}, unsupported("AAC at %d Hz cannot be decoded, only at the rates that have an index", c.SampleRate)
	}
	return source{c.SampleRate, c.Channels}, nil
}

// aacName returns "HE-AAC" or "AAC Main".
func aacName(c aac.Config) string {
	if c.SBR || c.PS {
		return c.Profile()
	}
	return "AAC " + c.Profile()
}

// aacDecoder feeds the library's stream decoder with one frame at a time: each
// Read of the size of a frame's samples asks for one.
type aacDecoder struct {
	pcm      *pcm.Decoder
	config   []byte
	channels int
	input    oneFrame
	bytes    [frameAAC * stereo * bytesAAC]byte
	out      [frameAAC * stereo]float32
}

// newAACDecoder makes the decoder of t, of which aacSource approves.
func newAACDecoder(t *av.Track, s source) (decoder, error) {
	d := &aacDecoder{config: t.Config, channels: s.channels}
	var err error
	if d.pcm, err = pcm.NewDecoder(&d.input, pcm.WithRawStream(t.Config)); err != nil {
		return nil, unsupported("AAC cannot be decoded: %w", err)
	}
	return d, nil
}

func (d *aacDecoder) decode(frame []byte) ([]float32, error) {
	if len(frame) > largestAAC {
		return nil, fmt.Errorf("aac: frame of %d bytes, at most %d are possible", len(frame), largestAAC)
	}
	d.input.set(frame)
	b := d.bytes[:frameAAC*d.channels*bytesAAC]
	n, err := d.pcm.Read(b)
	if err == nil && n < len(b) {
		err = fmt.Errorf("aac: %d bytes of samples, want %d", n, len(b))
	}
	if err != nil {
		return nil, errors.Join(d.failure(err), d.reset())
	}
	out := d.out[:frameAAC*d.channels]
	for i := range out {
		out[i] = float32(int16(binary.LittleEndian.Uint16(b[i*bytesAAC:]))) / scale
	}
	return out, nil
}

func (d *aacDecoder) reset() error { return d.pcm.Reset(&d.input, pcm.WithRawStream(d.config)) }

// failure says what the library's error means.
func (d *aacDecoder) failure(err error) error {
	if errors.Is(err, pcm.ErrUnsupported) {
		return unsupported("AAC cannot be decoded, only AAC-LC: %w; set the encoder to AAC-LC", err)
	}
	return reason.Wrap(reason.BadMedia, err)
}

// oneFrame is a reader of a frame with its length before it, as the library
// wants it.
type oneFrame struct {
	buf  [2 + largestAAC]byte
	left []byte
}

var errNoFrame = errors.New("aac: the frame has no samples")

func (o *oneFrame) set(frame []byte) {
	binary.BigEndian.PutUint16(o.buf[:], uint16(len(frame)))
	o.left = o.buf[:2+copy(o.buf[2:], frame)]
}

// Read implements io.Reader. It has no end, as the library would remember that.
func (o *oneFrame) Read(p []byte) (int, error) {
	if len(o.left) == 0 {
		return 0, errNoFrame
	}
	n := copy(p, o.left)
	o.left = o.left[n:]
	return n, nil
}

var _ io.Reader = (*oneFrame)(nil)

type aacEncoder struct {
	goaac    *goaac.Encoder
	config   goaac.EncoderConfig
	channels int
	planes   [stereo][frameAAC]float32
}

func newAACEncoder(id, channels, bitrate int) (encoder, *av.Track, error) {
	if bitrate == 0 {
		bitrate = bitrateAAC * channels
	}
	config := goaac.EncoderConfig{SampleRate: rateAAC, Channels: channels, Bitrate: bitrate, Coder: goaac.CoderFast}
	g, err := goaac.NewEncoder(config)
	if err != nil {
		return nil, nil, unsupported("AAC cannot be encoded: %w", err)
	}
	t, err := aac.TrackFromConfig(id, g.AudioSpecificConfig())
	return &aacEncoder{goaac: g, config: config, channels: channels}, t, err
}

// sink: a frame goes out when the one after it is there. Its samples overlap with
// those of the frame before, and only with both a decoder gives them: the earlier
// half of what the frame says.
func (e *aacEncoder) sink() sink {
	return sink{rate: rateAAC, channels: e.channels, frame: frameAAC, ahead: frameAAC + goaac.EncoderDelay}
}

func (e *aacEncoder) encode(dst []byte, samples []float32) ([]byte, error) {
	var planes [stereo][]float32
	for c := range e.channels {
		planes[c] = e.planes[c][:]
		for i := range planes[c] {
			planes[c][i] = samples[i*e.channels+c]
		}
	}
	out, err := e.goaac.EncodeFrame(dst, planes[:e.channels])
	if err != nil {
		return dst, errors.Join(fmt.Errorf("aac: %w", err), e.goaac.Reset(e.config))
	}
	return out, nil
}

package transcode

import (
	"math/bits"

	"github.com/weirmedia/weir/pkg/av"
)

const (
	rateG711 = 8000
	// frameG711 makes packets of 20 ms, the usual length (RFC 3551, 4.2).
	frameG711 = rateG711 / 50
	// scale is full scale of 16-bit samples.
	scale = 1 << 15
)

func g711Source(t *av.Track) (source, error) {
	if t.Channels > stereo {
		return source{}, unsupported("G.711 with %d channels cannot be decoded, only mono and stereo", t.Channels)
	}
	return source{rateG711, max(t.Channels, mono)}, nil
}

// g711Decoder looks samples up.
type g711Decoder struct {
	table [256]float32
	out   []float32
}

func newG711Decoder(t *av.Track) *g711Decoder {
	d := &g711Decoder{}
	expand := expandULaw
	if t.Codec == av.G711A {
		expand = expandALaw
	}
	for b := range d.table {
		d.table[b] = float32(expand(byte(b))) / scale
	}
	return d
}

func (d *g711Decoder) decode(frame []byte) ([]float32, error) {
	d.out = d.out[:0]
	for _, b := range frame {
		d.out = append(d.out, d.table[b])
	}
	return d.out, nil
}

func (d *g711Decoder) reset() error { return nil }

type g711Encoder struct{ compress func(int) byte }

func newG711Encoder(id int, codec av.Codec) (encoder, *av.Track, error) {
	e := &g711Encoder{compressULaw}
	if codec == av.G711A {
		e.compress = compressALaw
	}
	return e, &av.Track{ID: id, Kind: av.Audio, Codec: codec, SampleRate: rateG711, Channels: mono}, nil
}

func (e *g711Encoder) sink() sink { return sink{rate: rateG711, channels: mono, frame: frameG711} }

func (e *g711Encoder) encode(dst []byte, samples []float32) ([]byte, error) {
	for _, s := range samples {
		dst = append(dst, e.compress(int(min(max(s*scale, -scale), scale-1))))
	}
	return dst, nil
}

// What follows is ITU-T G.711, tables 1 and 2, in 16 bits: a code word has a
// sign, a segment whose number is the exponent, and 4 bits of mantissa. On the
// wire A-law has its even bits inverted, µ-law all of them.
const (
	signG711 = 0x80
	evenBits = 0x55
	// biasULaw is what µ-law adds so that each segment begins at a power of two.
	biasULaw = 33 << 2
)

func expandALaw(b byte) int {
	b ^= evenBits
	segment, v := int(b>>4&7), int(b&15)<<4+8
	if segment > 0 {
		v = (v + 1<<8) << (segment - 1)
	}
	if b&signG711 == 0 {
		return -v
	}
	return v
}

func compressALaw(v int) byte {
	sign := byte(signG711)
	if v < 0 {
		sign, v = 0, -v-1
	}
	segment := max(bits.Len(uint(v))-8, 0) // the first two segments are alike
	return (sign | byte(segment<<4) | byte(v>>max(segment+3, 4)&15)) ^ evenBits
}

func expandULaw(b byte) int {
	b = ^b
	v := (int(b&15)<<3+biasULaw)<<(b>>4&7) - biasULaw
	if b&signG711 != 0 {
		return -v
	}
	return v
}

func compressULaw(v int) byte {
	sign := byte(0)
	if v < 0 {
		sign, v = signG711, -v-1
	}
	v = min(v+biasULaw, scale-1)
	segment := bits.Len(uint(v)) - 8
	return ^(sign | byte(segment<<4) | byte(v>>(segment+3)&15))
}

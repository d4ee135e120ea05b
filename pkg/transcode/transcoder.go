package transcode

import (
	"fmt"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// Transcoder turns the frames of one track into those of another. It is used by
// one goroutine at a time.
type Transcoder interface {
	// Track describes the frames that come out. It has the ID of the track that
	// goes in, and stays the same.
	Track() *av.Track
	// Transcode takes the next frame of the track, which is immutable, and calls
	// emit with frames of Track that are ready, if any, in order: those need not
	// be of f. Their DTS never decreases; Layout is not set. A frame that cannot
	// be decoded is a gap and no error: an error, a *reason.Error, is final.
	//
	// A transcoder that works on its own, such as an external process, takes f
	// without waiting and emits what it has by now.
	Transcode(f *av.Frame, emit func(*av.Frame)) error
	// Close frees what the transcoder holds. It may be called after an error.
	Close() error
}

// Maker makes the Transcoder for a track. It fails with a *reason.Error, of
// Unsupported if the track cannot be transcoded.
type Maker func(in *av.Track) (Transcoder, error)

// Format is what a transcoder makes.
type Format struct {
	// Codec is av.Opus, av.AAC, av.G711A or av.G711U.
	Codec av.Codec
	// Bitrate is in bit/s for all channels, 6000 to 512000; 0 is a good one for
	// the number of channels. G.711 has 64000 always.
	Bitrate int
}

const (
	minBitrate = 6_000
	maxBitrate = 512_000
)

// Check says whether New can make f of in; the error is New's.
func (f Format) Check(in *av.Track) error {
	if _, err := sourceOf(in); err != nil {
		return err
	}
	switch f.Codec {
	case av.Opus, av.G711A, av.G711U:
	case av.AAC:
		if err := aacBuilt(); err != nil {
			return err
		}
	default:
		return unsupported("audio cannot be made %v", f.Codec)
	}
	if f.Bitrate != 0 && (f.Bitrate < minBitrate || f.Bitrate > maxBitrate) {
		return unsupported("an audio bitrate of %d bit/s is not between %d and %d", f.Bitrate, minBitrate, maxBitrate)
	}
	return nil
}

// New makes the Transcoder of this package from in to f. It fails with a
// *reason.Error of Unsupported whose text says what of in is out of reach. Some
// of that, such as spectral band replication (HE-AAC) that only the frames tell
// of, is found later: then Transcode fails with such an error.
func (f Format) New(in *av.Track) (Transcoder, error) {
	if err := f.Check(in); err != nil {
		return nil, err
	}
	c, err := newConverter(in, f)
	if err != nil {
		return nil, err
	}
	return c, nil
}

var _ Maker = Format{}.New

// source is what a decoder gives for the frames of a track.
type source struct {
	rate, channels int
}

// sourceOf says what the decoder of t gives, or why there is none.
func sourceOf(t *av.Track) (source, error) {
	switch t.Codec {
	case av.AAC:
		return aacSource(t)
	case av.Opus:
		return opusSource(t)
	case av.G711A, av.G711U:
		return g711Source(t)
	}
	return source{}, unsupported("%v audio cannot be decoded", t.Codec)
}

// decoder turns frames into samples. A decoder that failed goes on with the next
// frame.
type decoder interface {
	// decode returns the samples of a frame, interleaved, full scale being 1.
	// They are valid until the next call.
	decode(frame []byte) ([]float32, error)
	// reset forgets the frames so far: the next one does not follow them.
	reset() error
}

func newDecoder(t *av.Track, s source) (decoder, error) {
	switch t.Codec {
	case av.AAC:
		return newAACDecoder(t, s)
	case av.Opus:
		return newOpusDecoder(t)
	}
	return newG711Decoder(t), nil
}

// encoder turns samples into frames.
type encoder interface {
	// sink describes what the encoder takes and how it delays that.
	sink() sink
	// encode appends the frame of the next sink.frame samples, interleaved, to
	// dst. It adds nothing if the encoder wants to see more first.
	encode(dst []byte, samples []float32) ([]byte, error)
}

// sink is what an encoder takes.
type sink struct {
	rate, channels int // of the samples
	frame          int // samples for one frame, for each channel
	// ahead is how many samples lie between the first that a decoder gives for a
	// frame and the first given to the encode that returned the frame: that much
	// earlier than the newest input its frames are due.
	ahead int
}

// newEncoder returns the encoder of f for a source of so many channels, and the
// track that it makes.
func newEncoder(f Format, id, channels int) (encoder, *av.Track, error) {
	switch f.Codec {
	case av.Opus:
		return newOpusEncoder(id, min(channels, stereo), f.Bitrate)
	case av.AAC:
		return newAACEncoder(id, min(channels, stereo), f.Bitrate)
	}
	return newG711Encoder(id, f.Codec)
}

const (
	mono   = 1
	stereo = 2
)

func unsupported(format string, args ...any) error {
	return reason.Wrap(reason.Unsupported, fmt.Errorf(format, args...))
}

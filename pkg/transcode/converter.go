package transcode

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

const (
	// patience is how many frames in a row may be broken before the track is
	// given up: about a second. Less would give up a track for lost packets.
	patience = 50
	// fadeTime is how long sound takes to go and to come at a gap: short, but
	// without a click.
	fadeTime = 5 * time.Millisecond
	// frameChunk is how many frames are allocated at a time.
	frameChunk = 32
)

// converter is the Transcoder of this package: decode, mix, keep the time,
// resample, encode. Before the resampler, sound has the channels of the encoder
// and the rate of the decoder; there gaps are filled and drift is corrected.
type converter struct {
	track   *av.Track
	decoder decoder
	encoder encoder
	sink    sink
	mixer   *mixer
	rate    *resampler

	clock   clock
	began   bool
	fadeIn  bool
	bad     int   // frames in a row that could not be decoded
	block   int64 // duration of the newest frame
	sound   []float32
	slipped []float32
	tail    []float32 // the newest fadeTime of sound

	ready   []float32 // samples that wait for the encoder
	encoded ticks     // samples that the encoder was given since the anchor

	scratch []byte
	memory  *av.Allocator
	frames  []av.Frame
}

func newConverter(in *av.Track, f Format) (c *converter, err error) {
	defer contain(&err)
	from, err := sourceOf(in)
	if err != nil {
		return nil, err
	}
	c = &converter{memory: new(av.Pool).NewAllocator()}
	if c.decoder, err = newDecoder(in, from); err != nil {
		return nil, err
	}
	if c.encoder, c.track, err = newEncoder(f, in.ID, from.channels); err != nil {
		return nil, err
	}
	c.sink = c.encoder.sink()
	c.mixer = newMixer(from.channels, c.sink.channels)
	c.rate = newResampler(from.rate, c.sink.rate, c.sink.channels)
	c.clock.count.rate = int64(from.rate)
	c.encoded.rate = int64(c.sink.rate)
	return c, nil
}

// Track implements Transcoder.
func (c *converter) Track() *av.Track { return c.track }

// Close implements Transcoder.
func (c *converter) Close() error { return nil }

// Transcode implements Transcoder.
func (c *converter) Transcode(f *av.Frame, emit func(*av.Frame)) (err error) {
	defer contain(&err)
	if !c.began {
		c.begin(f.PTS)
	}
	verdict, late := c.clock.judge(f.PTS, c.block)
	switch verdict {
	case gap:
		c.fill(late)
	case jump:
		// What the encoder still holds goes out before, followed by silence.
		held := ticks{int64(c.sink.ahead + c.sink.frame), int64(c.sink.rate)}
		c.fill(held.duration())
		c.encode(f.Arrival, emit)
		c.begin(f.PTS)
		if err := c.decoder.reset(); err != nil {
			return reason.Wrap(reason.InternalError, err)
		}
	}
	samples, err := c.decoder.decode(f.Payload)
	if err != nil {
		if c.bad++; c.bad >= patience {
			return reason.Wrap(reason.Of(err, reason.BadMedia), fmt.Errorf("%d frames in a row are broken: %w", c.bad, err))
		}
		return nil // the next good frame finds a gap
	}
	c.bad = 0
	if verdict != overlaps {
		c.add(samples)
		c.encode(f.Arrival, emit)
	}
	return nil
}

// contain, deferred, turns a panic into an error: the libraries read foreign
// bytes.
func contain(err *error) {
	if p := recover(); p != nil {
		*err = reason.Wrap(reason.InternalError, fmt.Errorf("transcoding: panic: %v\n%s", p, debug.Stack()))
	}
}

// begin makes the next sample the one at time pts.
func (c *converter) begin(pts int64) {
	c.began, c.fadeIn = true, true
	c.clock.anchor, c.clock.count.n, c.clock.drift = pts, 0, 0
	c.encoded.n = 0
	c.ready = c.ready[:0]
	c.rate.reset()
}

// add takes the samples of a frame.
func (c *converter) add(samples []float32) {
	channels := c.sink.channels
	sound := c.mixer.mix(c.sound[:0], samples)
	c.sound = sound
	n := len(sound) / channels
	c.block = ticks{int64(n), c.clock.count.rate}.duration()
	if slip := c.clock.slip(); slip != 0 && n > 1 {
		c.slipped = stretch(c.slipped[:0], sound, channels, n+slip)
		sound = c.slipped
	}
	if c.fadeIn {
		c.fadeIn = false
		ramp(sound[:min(len(sound), c.fade()*channels)], channels)
	}
	c.tail = append(c.tail[:0], sound[max(0, len(sound)-c.fade()*channels):]...)
	c.push(sound)
}

// fill adds silence of duration d, in which the sound so far dies away: backwards,
// so that there is no click.
func (c *converter) fill(d int64) {
	channels := c.sink.channels
	n := int(d * c.clock.count.rate / int64(time.Second))
	ramp(c.tail, channels)
	sound := c.sound[:0]
	for i := len(c.tail) - channels; i >= 0 && len(sound) < n*channels; i -= channels {
		sound = append(sound, c.tail[i:i+channels]...)
	}
	for len(sound) < n*channels {
		sound = append(sound, 0)
	}
	c.sound, c.tail = sound, c.tail[:0]
	c.clock.drift = 0
	c.fadeIn = true
	c.push(sound)
}

// ramp lets samples rise from silence.
func ramp(samples []float32, channels int) {
	n := len(samples) / channels
	for i := range samples {
		samples[i] *= float32(i/channels) / float32(n)
	}
}

// fade returns fadeTime in samples.
func (c *converter) fade() int {
	return int(int64(fadeTime) * c.clock.count.rate / int64(time.Second))
}

// push counts sound and hands it on to the encoder's side.
func (c *converter) push(sound []float32) {
	c.clock.count.n += int64(len(sound) / c.sink.channels)
	c.ready = c.rate.process(c.ready, sound)
}

// encode emits the frames that are ready, as having arrived at that time.
func (c *converter) encode(arrival int64, emit func(*av.Frame)) {
	size := c.sink.frame * c.sink.channels
	rest := c.ready
	for ; len(rest) >= size; rest = rest[size:] {
		at := ticks{c.encoded.n - int64(c.sink.ahead), c.encoded.rate}
		c.encoded.n += int64(c.sink.frame)
		var err error
		c.scratch, err = c.encoder.encode(c.scratch[:0], rest[:size])
		pts := c.clock.anchor + at.duration()
		if err != nil || len(c.scratch) == 0 || pts < 0 { // before the stream begins lies nothing
			continue
		}
		emit(c.frame(pts, arrival))
	}
	c.ready = c.ready[:copy(c.ready, rest)]
}

// frame returns the frame of what was encoded.
func (c *converter) frame(pts, arrival int64) *av.Frame {
	if len(c.frames) == 0 {
		c.frames = make([]av.Frame, frameChunk)
	}
	f := &c.frames[0]
	c.frames = c.frames[1:]
	payload, _ := c.memory.Make(len(c.scratch))
	copy(payload, c.scratch)
	f.Track, f.DTS, f.PTS, f.Arrival, f.Payload = c.track, pts, pts, arrival, payload
	return f
}

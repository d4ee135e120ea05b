package bench

import (
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/h264"
	"github.com/weirmedia/weir/remux/flv"
)

const (
	// A gap is a step of a track's timestamps that is longer than this many
	// usual ones, and longer than gapFloor, in milliseconds: two lost pictures of
	// 25 a second are found, jitter in whole milliseconds is not.
	gapSteps, gapFloor = 2.5, 60
	// gapWarmup is how many steps tell what is usual.
	gapWarmup = 8
	// usualOver is over how many steps the usual one is averaged, so that a
	// stream that changes its frame rate is soon usual again.
	usualOver = 32
	// clockTolerance is how far ahead of this machine's clock a marker may be
	// before latencies mean nothing.
	clockTolerance = time.Millisecond
)

// findings is what a verifier found.
type findings struct {
	Frames          uint64 // pictures and sounds
	Gaps            uint64 // places where some are missing
	Lost            uint64 // marked pictures that are missing
	TimestampErrors uint64 // timestamps of a track that go back
	ClockAhead      uint64 // markers from the future
}

func (f *findings) add(o findings) {
	f.Frames += o.Frames
	f.Gaps += o.Gaps
	f.Lost += o.Lost
	f.TimestampErrors += o.TimestampErrors
	f.ClockAhead += o.ClockAhead
}

// verifier looks at all that one player receives. It is not safe for concurrent
// use.
type verifier struct {
	findings
	latency      *histogram // of marked pictures
	video, audio track
	frames       *av.Track // of H.264, that the last frame without a tag had
	lengthSize   int       // of the NAL units, 0 while unknown
	since        time.Time // of the first tag
	stamped      bool
	next         uint64 // stamp number expected
}

// track is what a verifier knows of one track.
type track struct {
	steps uint64
	begun bool
	last  uint32
	usual float64 // ms
}

// observe looks at a tag that arrived at now.
func (v *verifier) observe(tag flv.Tag, now time.Time) content {
	if v.since.IsZero() {
		v.since = now
	}
	what := contentOf(tag)
	if record, ok := avcConfig(tag); ok {
		v.configure(record)
	}
	if what.media {
		au, _ := avcPicture(tag)
		v.media(what, tag.Timestamp, au, now)
	}
	return what
}

// observeFrame looks at a frame of a format that has no tags.
func (v *verifier) observeFrame(f *av.Frame, now time.Time) content {
	if v.since.IsZero() {
		v.since = now
	}
	what := content{media: true, video: f.Track.Kind == av.Video, key: f.Key}
	var au []byte
	if f.Track.Codec == av.H264 {
		if v.frames != f.Track {
			v.frames = f.Track
			v.configure(f.Track.Config)
		}
		au = f.Payload
	}
	v.media(what, uint32(f.DTS/int64(time.Millisecond)), au, now)
	return what
}

// configure takes the AVCDecoderConfigurationRecord in force.
func (v *verifier) configure(record []byte) {
	if config, err := h264.ParseConfig(record); err == nil {
		v.lengthSize = config.LengthSize
	}
}

// media looks at a picture or sound; au is the access unit of H.264, if it is
// one.
func (v *verifier) media(what content, timestamp uint32, au []byte, now time.Time) {
	v.Frames++
	t := &v.audio
	if what.video {
		t = &v.video
	}
	back, gap := t.step(timestamp)
	if back {
		v.TimestampErrors++
	}
	if missing := v.stamp(au, now); missing > 0 {
		v.Lost += missing
		gap = true
	}
	if gap {
		v.Gaps++
	}
}

// step takes the next timestamp, in milliseconds modulo 2^32.
func (t *track) step(timestamp uint32) (back, gap bool) {
	step := float64(int32(timestamp - t.last))
	t.last = timestamp
	if !t.begun {
		t.begun = true
		return false, false
	}
	if step < 0 {
		return true, false
	}
	gap = t.steps >= gapWarmup && step > gapFloor && step > gapSteps*t.usual
	t.steps++
	t.usual += (step - t.usual) / float64(min(t.steps, usualOver))
	return false, gap
}

// stamp reads the picture's marker, if it has one, and returns how many marked
// pictures are missing before it.
func (v *verifier) stamp(au []byte, now time.Time) (missing uint64) {
	if len(au) == 0 || v.lengthSize == 0 {
		return 0
	}
	s, ok := findStamp(au, v.lengthSize)
	if !ok {
		return 0
	}
	if v.stamped && s.Number > v.next { // a lower one is of a new publisher
		missing = s.Number - v.next
	}
	v.stamped, v.next = true, s.Number+1
	sent := time.Unix(0, s.Time)
	switch late := now.Sub(sent); {
	case sent.Before(v.since): // part of what a new player gets at once
	case late < -clockTolerance:
		v.ClockAhead++
	default:
		v.latency.add(late)
	}
	return missing
}

package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
)

// streamFamilies show the bus.
type streamFamilies struct {
	streams, ringBytes, ringFrames       *family
	frames, bytes                        *family
	framesEarly, clockJumps, framesFixed *family
	transcoded, transcodeTime            *family
}

func newStreamFamilies(c *catalogue) streamFamilies {
	return streamFamilies{
		streams:       c.add(gauge, "streams", "Streams by state: live with a publisher, grace while waiting for its return.", "state"),
		frames:        c.add(counter, "stream_frames_total", "Frames that streams took in, by kind of media.", "kind"),
		bytes:         c.add(counter, "stream_bytes_total", "Payload bytes that streams took in."),
		framesEarly:   c.add(counter, "frames_early_total", "Video frames dropped because no key frame came before them."),
		clockJumps:    c.add(counter, "clock_jumps_total", "Jumps of publishers' clocks that were smoothed out."),
		framesFixed:   c.add(counter, "frames_corrected_total", "Frames whose decoding time ran backwards and was raised."),
		transcoded:    c.add(counter, "transcoded_frames_total", "Frames of sound that came in to be turned into another codec.", "from", "to"),
		transcodeTime: c.add(counter, "transcode_seconds_total", "Time that this took; its rate is the share of a processor.", "from", "to"),
		ringBytes:     c.add(gauge, "ring_bytes", "Bytes of the frames that the rings of all views hold."),
		ringFrames:    c.add(gauge, "ring_frames", "Frames that the rings of all views hold."),
	}
}

func (f *streamFamilies) collect(out chan<- prometheus.Metric, b *bus.Bus) {
	t := b.Totals()
	emit(out, f.streams, t.Live, string(bus.Live))
	emit(out, f.streams, t.Grace, string(bus.Grace))
	for kind, n := range t.FramesByKind {
		emit(out, f.frames, n, av.Kind(kind).String())
	}
	emit(out, f.bytes, t.Bytes)
	emit(out, f.framesEarly, t.FramesEarly)
	emit(out, f.clockJumps, t.ClockJumps)
	emit(out, f.framesFixed, t.FramesCorrected)
	emit(out, f.ringBytes, t.RingBytes)
	emit(out, f.ringFrames, t.RingFrames)
	for _, w := range b.Work().Totals() {
		emit(out, f.transcoded, w.Frames, w.From.String(), w.To.String())
		emit(out, f.transcodeTime, w.Time.Seconds(), w.From.String(), w.To.String())
	}
}

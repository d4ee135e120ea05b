package metrics

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/fanout"
)

// pumpLoop is the loop label of all viewers that have a goroutine of their own.
const pumpLoop = "pump"

// deliveryFamilies show the wire logs and the delivery loops.
type deliveryFamilies struct {
	viewers, lag         *family
	busy, passes, served *family
	sends, bytes         *family
	parked, parks        *family
	logs, logBytes       *family
	logFrames, leftOut   *family
	written, overruns    *family
}

func newDeliveryFamilies(c *catalogue) deliveryFamilies {
	return deliveryFamilies{
		viewers:   c.add(gauge, "delivery_viewers", "Viewers that the delivery serves from wire logs."),
		lag:       c.add(histogram, "delivery_lag_seconds", "Time from a frame's arrival until the kernel took its last byte for one viewer, catch-up after joins and skips excluded.", "kind"),
		busy:      c.add(counter, "delivery_busy_seconds_total", "Time that a delivery loop spent working; its rate is the loop's share of a processor.", "loop"),
		passes:    c.add(counter, "delivery_passes_total", "Passes of a delivery loop over the viewers of a log.", "loop"),
		served:    c.add(counter, "delivery_pass_viewers_total", "Viewers served in these passes, those whose socket is full left out.", "loop"),
		sends:     c.add(counter, "delivery_sends_total", "Writes to sockets, by delivery loop; pump stands for viewers with a goroutine each.", "loop"),
		bytes:     c.add(counter, "delivery_bytes_total", "Bytes that these writes sent.", "loop"),
		parked:    c.add(gauge, "delivery_parked", "Viewers whose socket is full and that a delivery loop leaves alone until it is not.", "loop"),
		parks:     c.add(counter, "delivery_parks_total", "Times that a viewer's socket was full.", "loop"),
		logs:      c.add(gauge, "logs", "Wire logs, by format.", "format"),
		logBytes:  c.add(gauge, "log_bytes", "Bytes of memory that wire logs hold.", "format"),
		logFrames: c.add(counter, "log_frames_total", "Frames serialised, each once for a log whatever the number of its viewers.", "format"),
		leftOut:   c.add(counter, "log_frames_left_out_total", "Frames of tracks that the format carries which it cannot express, such as one that is too large.", "format"),
		written:   c.add(counter, "log_written_bytes_total", "Bytes serialised into wire logs.", "format"),
		overruns:  c.add(counter, "log_overruns_total", "Times that a wire log was read too seldom and lost frames of its ring.", "format"),
	}
}

func (f *deliveryFamilies) collect(out chan<- prometheus.Metric, d *fanout.Delivery) {
	emit(out, f.viewers, d.Viewers())
	s := d.Stats()
	for _, kind := range []av.Kind{av.Video, av.Audio} {
		f.collectLag(out, kind, s.Lag(kind))
	}
	last := len(s.Loops) - 1
	for i := range s.Loops[:last] {
		f.collectLoop(out, strconv.Itoa(i), &s.Loops[i])
	}
	// Pumps block instead of parking and make no passes: the rest has no meaning.
	f.collectWrites(out, pumpLoop, &s.Loops[last])
	for format, c := range s.Formats() {
		emit(out, f.logs, c.Logs.Load(), format)
		emit(out, f.logBytes, c.Held(), format)
		emit(out, f.logFrames, c.Frames.Load(), format)
		emit(out, f.leftOut, c.LeftOut.Load(), format)
		emit(out, f.written, c.Bytes.Load(), format)
		emit(out, f.overruns, c.Overruns.Load(), format)
	}
}

func (f *deliveryFamilies) collectLoop(out chan<- prometheus.Metric, loop string, c *fanout.LoopCounts) {
	emit(out, f.busy, time.Duration(c.Busy.Load()).Seconds(), loop)
	emit(out, f.passes, c.Passes.Load(), loop)
	emit(out, f.served, c.Served.Load(), loop)
	emit(out, f.parked, c.Parked.Load(), loop)
	emit(out, f.parks, c.Parks.Load(), loop)
	f.collectWrites(out, loop, c)
}

func (f *deliveryFamilies) collectWrites(out chan<- prometheus.Metric, loop string, c *fanout.LoopCounts) {
	emit(out, f.sends, c.Sends.Load(), loop)
	emit(out, f.bytes, c.Bytes.Load(), loop)
}

func (f *deliveryFamilies) collectLag(out chan<- prometheus.Metric, kind av.Kind, lag fanout.Lag) {
	emitHistogram(out, f.lag, seconds(fanout.LagBounds[:]), func(i int) uint64 { return lag.Buckets[i] }, lag.Sum, kind.String())
}

package metrics

import (
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/streamname"
)

// perStreamFamilies show single streams. Their names, which publishers choose, are
// labels, so only some have series, and only while they are there.
type perStreamFamilies struct {
	publishers, viewers  *family
	bytes, frames, early *family
	bytesOut, framesOut  *family
	skips, framesSkipped *family
	packetsLost, leftOut *family
}

func newPerStreamFamilies(c *catalogue) perStreamFamilies {
	return perStreamFamilies{
		publishers:    c.add(gauge, "per_stream_publishers", "1 while somebody publishes the stream, 0 while it waits for the publisher's return.", "stream"),
		viewers:       c.add(gauge, "per_stream_viewers", "Viewers of the stream.", "stream"),
		bytes:         c.add(counter, "per_stream_bytes_total", "Payload bytes that the stream took in.", "stream"),
		frames:        c.add(counter, "per_stream_frames_total", "Frames that the stream took in, by kind of media.", "stream", "kind"),
		early:         c.add(counter, "per_stream_frames_early_total", "Video frames dropped because no key frame came before them.", "stream"),
		bytesOut:      c.add(counter, "per_stream_bytes_sent_total", "Bytes sent to the publisher and the viewers, without TLS and TCP.", "stream"),
		framesOut:     c.add(counter, "per_stream_frames_sent_total", "Frames sent to the viewers.", "stream"),
		skips:         c.add(counter, "per_stream_skips_total", "Times that a slow viewer was moved on to a newer key frame, by reason.", "stream", "reason"),
		framesSkipped: c.add(counter, "per_stream_frames_skipped_total", "Frames that slow viewers missed by skips.", "stream"),
		packetsLost:   c.add(counter, "per_stream_packets_lost_total", "RTP packets that did not arrive: from the publisher, and by their own reports at viewers.", "stream"),
		leftOut:       c.add(gauge, "per_stream_left_out", "Streams that have no series because metrics.streams others have been there for longer."),
	}
}

// labelable reports whether a name can be the value of a label. Names of publishers
// that came through a protocol can.
func labelable(name string) bool {
	return len(name) <= streamname.MaxBytes && utf8.ValidString(name)
}

// collect shows the n oldest streams.
func (f *perStreamFamilies) collect(out chan<- prometheus.Metric, b *bus.Bus, sessions *session.Registry, n int) {
	streams, leftOut := b.Oldest(n)
	names := make([]string, 0, len(streams))
	for _, s := range streams {
		names = append(names, s.Name)
	}
	totals := sessions.StreamTotals(names)
	for i := range streams {
		if !labelable(streams[i].Name) {
			leftOut++
			continue
		}
		f.collectIn(out, &streams[i])
		if t := totals[streams[i].Name]; t != nil {
			f.collectOut(out, streams[i].Name, t)
		} else {
			f.collectOut(out, streams[i].Name, &session.StreamTotals{})
		}
	}
	emit(out, f.leftOut, leftOut)
}

// collectIn shows what a stream took in.
func (f *perStreamFamilies) collectIn(out chan<- prometheus.Metric, s *bus.StreamTotals) {
	publishers := 0
	if s.State == bus.Live {
		publishers = 1
	}
	emit(out, f.publishers, publishers, s.Name)
	emit(out, f.bytes, s.Bytes, s.Name)
	for kind, n := range s.FramesByKind {
		if n > 0 {
			emit(out, f.frames, n, s.Name, av.Kind(kind).String())
		}
	}
	emit(out, f.early, s.FramesEarly, s.Name)
}

// collectOut shows what its sessions moved.
func (f *perStreamFamilies) collectOut(out chan<- prometheus.Metric, name string, t *session.StreamTotals) {
	viewers := 0
	for _, n := range t.Viewers {
		viewers += n
	}
	emit(out, f.viewers, viewers, name)
	emit(out, f.bytesOut, t.BytesOut, name)
	emit(out, f.framesOut, t.FramesOut, name)
	for why, n := range t.Skips {
		emit(out, f.skips, n, name, string(why))
	}
	emit(out, f.framesSkipped, t.FramesSkipped, name)
	if t.Network.PacketsIn+t.Network.PacketsOut > 0 {
		emit(out, f.packetsLost, t.Network.PacketsLost, name)
	}
}

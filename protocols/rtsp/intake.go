package rtsp

import (
	"fmt"
	"strings"

	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/pion/rtcp"
	prtp "github.com/pion/rtp"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/remux/rtp"
)

// intake turns what comes in the media of one session into frames, all of them
// on one timeline. It is not safe for concurrent use.
type intake struct {
	clock  rtp.Clock
	inlets []*inlet
}

// inlet is a track on its way in.
type inlet struct {
	media   *description.Media
	format  format.Format
	demuxer *rtp.Demuxer
	timing  *rtp.Timing
	told    *av.Track // that the bus knows
}

// open finds the media that can be used. For each it says why it is left out;
// nothing if it is not.
func (t *intake) open(media []*description.Media) (leftOut []string) {
	next := [av.Kinds]int{av.Video: 0, av.Audio: 1} // as everywhere: even and odd
	for _, m := range media {
		in, why := newInlet(m, &next)
		if in != nil {
			in.timing = t.clock.Track()
			t.inlets = append(t.inlets, in)
		}
		leftOut = append(leftOut, why)
	}
	return leftOut
}

// newInlet returns the inlet for the first format of m that is known, nil and why
// if none is. next are the ids of tracks to come.
func newInlet(m *description.Media, next *[av.Kinds]int) (in *inlet, why string) {
	var causes []string
	for _, f := range m.Formats {
		d, err := rtp.NewDemuxer(next[kindOf(m)], f)
		if err != nil {
			causes = append(causes, err.Error())
			continue
		}
		if d.Kind() != kindOf(m) {
			causes = append(causes, fmt.Sprintf("%s as %s", d.Codec(), m.Type))
			continue
		}
		next[d.Kind()] += 2
		return &inlet{media: m, format: f, demuxer: d}, ""
	}
	if len(causes) == 0 {
		return nil, fmt.Sprintf("%s without a format", m.Type)
	}
	return nil, strings.Join(causes, ", ")
}

func kindOf(m *description.Media) av.Kind {
	switch m.Type {
	case description.MediaTypeVideo:
		return av.Video
	case description.MediaTypeAudio:
		return av.Audio
	}
	return av.Data
}

// packet returns the frames that an RTP packet completes, and in a few words what
// was left out, as rtp.Demuxer does.
func (in *inlet) packet(p *prtp.Packet) (frames []*av.Frame, why string) {
	frames, why = in.demuxer.Demux(p)
	for _, f := range frames {
		f.Arrival = av.Now()
		in.timing.Place(f)
	}
	return frames, why
}

// report takes in an RTCP packet, and tells whether it is a sender report.
func (in *inlet) report(p rtcp.Packet) bool {
	sr, isReport := p.(*rtcp.SenderReport)
	if isReport {
		in.timing.Report(sr.NTPTime, in.demuxer.Time(sr.RTPTime))
	}
	return isReport
}

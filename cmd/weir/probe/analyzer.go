package probe

import (
	"bytes"
	"slices"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/h264"
	"github.com/weirmedia/weir/protocols/rtsp"
	"github.com/weirmedia/weir/protocols/webrtc"
	"github.com/weirmedia/weir/remux/flv"
)

// Facts is what an Analyzer cannot see in tags. Times are counted from the
// start of the probe.
type Facts struct {
	Source, Protocol string
	// Container is "FLV", "MPEG-TS" or "fMP4"; empty if there is none, or if it is
	// that of segments.
	Container string
	// Live tells that media comes at its own time.
	Live bool
	// Header is that of the FLV file, nil if there is none.
	Header *flv.Header
	// Connected is when the TCP connection stood, Ready when media could come; 0
	// if not known.
	Connected, Ready time.Duration
	// Recording is what a file says that weir wrote, nil if it is none.
	Recording *Recording

	hls  *hlsLog            // nil if it is not HLS
	rtsp *rtsp.PlayClient   // nil if it is not RTSP
	whep *webrtc.PlayClient // nil if it is not WHEP
}

const (
	// maxFrames bounds what an Analyzer remembers: 64 bytes each, and enough for
	// an hour of 120 video and 47 audio frames a second.
	maxFrames = 600_000
	// maxTracks bounds what is told about tracks; Enhanced RTMP allows 256 of a
	// kind, real streams have at most six.
	maxTracks = 16
	// maxPause is how far timestamps may go on at once to count as media that
	// passed, as in the server.
	maxPause = 3 * time.Second
)

// sample is what is remembered of a frame. Times are in nanoseconds.
type sample struct {
	dts, pts int64
	at       int64 // media time since the start, without jumps
	arrival  int64 // since the start of the probe
	seq      int   // over all tracks
	size     int
	key      bool // the tag says so
	idr      bool // the frame itself says so, as far as one can see
}

// track is what is known of a track while tags come.
type track struct {
	av      *av.Track
	changes int // of the configuration
	// sync tells whether an access unit is one at which decoding can start; nil
	// if that cannot be seen for the codec.
	sync    func(payload []byte) bool
	samples []sample
	jumps   []Jump
}

// Analyzer turns tags or frames into a Report. It reads no clock and does no
// input or output: the same input with the same arrival times gives the same
// report. It is not safe for concurrent use.
type Analyzer struct {
	facts   Facts
	demuxer flv.Demuxer
	tracks  []*track // in the order in which they came
	frames  int
	newest  int64 // DTS of the last frame
	media   time.Duration

	meta av.Metadata // of the first onMetaData
	// newestTrack is, by id, what frames without tags came with last.
	newestTrack map[int]*av.Track
	ignored     map[string]int
	broken      int
	brokenBy    error // the first
	end         error
}

// NewAnalyzer returns an Analyzer for one stream.
func NewAnalyzer(f Facts) *Analyzer {
	return &Analyzer{facts: f, newestTrack: map[int]*av.Track{}, ignored: map[string]int{}}
}

// Take takes the next piece of the stream, as Add does.
func (a *Analyzer) Take(in Input, arrival time.Duration) bool {
	switch {
	case in.Tag != nil:
		return a.Add(*in.Tag, arrival)
	case in.Frame != nil:
		if a.newestTrack[in.Frame.Track.ID] != in.Frame.Track {
			a.newestTrack[in.Frame.Track.ID] = in.Frame.Track
			a.configure(in.Frame.Track)
		}
		a.frame(in.Frame, arrival)
	case in.Ignored != "":
		a.ignored[in.Ignored]++
	}
	return a.frames < maxFrames
}

// Add takes the next tag, which arrived when so much time had passed since the
// start of the probe. It keeps nothing of the body. It returns false if no more
// can be taken in.
func (a *Analyzer) Add(tag flv.Tag, arrival time.Duration) bool {
	packets, err := a.demuxer.Decode(tag.Type, tag.Timestamp, tag.Body)
	for _, p := range packets {
		a.packet(p, arrival)
	}
	if err != nil {
		if a.broken++; a.brokenBy == nil {
			a.brokenBy = err
		}
	}
	return a.frames < maxFrames
}

// End tells that the stream ended before the probe did, and why.
func (a *Analyzer) End(err error) { a.end = err }

// Media returns how much media has passed: of live streams and files alike,
// without jumps.
func (a *Analyzer) Media() time.Duration { return a.media }

func (a *Analyzer) packet(p flv.Packet, arrival time.Duration) {
	switch p.Kind {
	case flv.IgnoredPacket:
		a.ignored[p.Why]++
	case flv.MetadataPacket:
		if a.meta == nil {
			a.meta = p.Metadata
		}
	case flv.ConfigPacket, flv.FramePacket:
		if p.Track != nil {
			a.configure(p.Track)
		}
		if p.Frame != nil {
			a.frame(p.Frame, arrival)
		}
	}
}

// find returns the track with this id, nil if there is none.
func (a *Analyzer) find(id int) *track {
	for _, t := range a.tracks {
		if t.av.ID == id {
			return t
		}
	}
	return nil
}

func (a *Analyzer) configure(t *av.Track) {
	known := a.find(t.ID)
	if known == nil {
		if len(a.tracks) == maxTracks {
			return
		}
		known = &track{}
		a.tracks = append(a.tracks, known)
	} else if len(known.samples) > 0 && differs(known.av, t) {
		known.changes++
	}
	known.av, known.sync = t, syncTest(t)
}

// differs tells whether decoders must be set up anew.
func differs(x, y *av.Track) bool {
	return x.Codec != y.Codec || !bytes.Equal(x.Config, y.Config) || x.Width != y.Width || x.Height != y.Height ||
		x.SampleRate != y.SampleRate || x.Channels != y.Channels
}

func (a *Analyzer) frame(f *av.Frame, arrival time.Duration) {
	t := a.find(f.Track.ID)
	if t == nil {
		return
	}
	if d := time.Duration(f.DTS - a.newest); a.frames > 0 && d > 0 && d < maxPause {
		a.media += d
	}
	a.newest = f.DTS
	s := sample{
		dts: f.DTS, pts: f.PTS, arrival: int64(arrival), seq: a.frames, size: len(f.Payload),
		key: f.Key, idr: f.Key,
	}
	if t.sync != nil {
		s.idr = t.sync(f.Payload)
	}
	t.samples = append(t.samples, s)
	a.frames++
}

// first returns the first track of a kind that has frames, nil if there is
// none.
func (a *Analyzer) first(k av.Kind) *track {
	var best *track
	for _, t := range a.tracks {
		if t.av.Kind == k && len(t.samples) > 0 && (best == nil || t.av.ID < best.av.ID) {
			best = t
		}
	}
	return best
}

// pacer returns the track whose arrivals tell the pace: video, else audio.
func (a *Analyzer) pacer() *track {
	if t := a.first(av.Video); t != nil {
		return t
	}
	return a.first(av.Audio)
}

// syncTest returns what tells whether an access unit of t is one at which any
// decoder can start, nil if that is not known for the codec.
func syncTest(t *av.Track) func([]byte) bool {
	switch {
	case t.Codec == av.H264:
		c, err := h264.ParseConfig(t.Config)
		if err != nil {
			return nil
		}
		return func(au []byte) bool { return h264.IsIDR(au, c.LengthSize) }
	case t.Codec == av.H265 && len(t.Config) > hvccLengthSize:
		size := int(t.Config[hvccLengthSize]&3) + 1
		return func(au []byte) bool { return isIRAP(au, size) }
	}
	return nil
}

// hvccLengthSize is where an HEVCDecoderConfigurationRecord has the number of
// bytes of NAL lengths, minus one, in the lower two bits (ISO/IEC 14496-15,
// 8.3.3.1).
const hvccLengthSize = 21

// isIRAP reports whether an access unit of H.265 has an intra random access
// point picture: NAL unit types 16 to 21 (ITU-T H.265, table 7-1).
func isIRAP(au []byte, lengthSize int) bool {
	for nal := range h264.NALs(au, lengthSize) { // framed as H.264 is
		if t := nal[0] >> 1 & 0x3F; t >= 16 && t <= 21 {
			return true
		}
	}
	return false
}

// Report returns what the tags so far tell.
func (a *Analyzer) Report() *Report {
	a.straighten()
	slices.SortStableFunc(a.tracks, func(x, y *track) int { return x.av.ID - y.av.ID })
	r := &Report{
		Source: a.facts.Source, Protocol: a.facts.Protocol, Container: a.facts.Container, Live: a.facts.Live, Recording: a.facts.Recording,
		Tracks: []Track{}, Verdicts: []Verdict{}, Findings: []Finding{},
	}
	if a.end != nil {
		r.End = a.end.Error()
	}
	for _, t := range a.tracks {
		if len(t.samples) > 0 {
			r.Tracks = append(r.Tracks, t.describe())
		}
	}
	r.Jumps = a.jumps()
	switch {
	case a.facts.hls != nil: // frames have the pace of segments
		r.Join = a.join(a.burst())
		r.Sync = a.synchrony(burst{})
		r.HLS = a.facts.hls.report(a)
	case a.facts.Live:
		burst := a.burst()
		r.Join = a.join(burst)
		r.Pace = a.pace(burst)
		r.Sync = a.synchrony(burst)
	default:
		r.Sync = a.synchrony(burst{})
	}
	if a.facts.rtsp != nil {
		r.RTSP = reportRTSP(a.facts.rtsp)
	}
	if a.facts.whep != nil {
		r.WHEP = reportWHEP(a.facts.whep)
	}
	r.Timeline, r.Seconds = a.timeline()
	r.Verdicts = verdicts(r.Tracks)
	r.Findings = a.findings(r)
	return r
}

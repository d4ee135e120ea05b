package probe

import (
	"slices"
	"strings"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/mime"
	"github.com/weirmedia/weir/protocols/hls/hlsclient"
)

// HLS is what the playlists of a stream tell, and how they came.
type HLS struct {
	// LowLatency says that there are parts, CanBlock that the server offers to
	// answer when there is something new. Both are about the playlist that came
	// last, and so are the durations and numbers up to Window.
	LowLatency bool `json:"low_latency"`
	CanBlock   bool `json:"can_block_reload"`
	// Format is that of the segments: "fmp4" or "ts".
	Format         string  `json:"format"`
	TargetDuration float64 `json:"target_duration_seconds"`
	PartTarget     float64 `json:"part_target_seconds,omitempty"`
	HoldBack       float64 `json:"hold_back_seconds,omitempty"`
	PartHoldBack   float64 `json:"part_hold_back_seconds,omitempty"`
	// Window is how much media the playlist has, in WindowSegments segments.
	Window         float64 `json:"window_seconds"`
	WindowSegments int     `json:"window_segments"`
	// Ended says that the playlist is complete.
	Ended bool `json:"ended"`

	// Variants are those of the multivariant playlist, Played is the index of the
	// one that was played; -1 if there is no multivariant playlist.
	Variants []Variant `json:"variants"`
	Played   int       `json:"played_variant"`
	// Codecs names what came as RFC 6381 does.
	Codecs []string `json:"content_codecs"`

	Segments  Segments  `json:"segments"`
	Playlists Playlists `json:"playlists"`
}

// Variant is one entry of a multivariant playlist.
type Variant struct {
	Bandwidth        uint64   `json:"bandwidth"`
	AverageBandwidth uint64   `json:"average_bandwidth,omitempty"`
	Codecs           []string `json:"codecs,omitempty"`
	Width            int      `json:"width,omitempty"`
	Height           int      `json:"height,omitempty"`
	FrameRate        float64  `json:"frame_rate,omitempty"`
	// SeparateAudio says that its sound is a rendition of its own.
	SeparateAudio bool `json:"separate_audio,omitempty"`
}

// Segments tells of the segments that were read from beginning to end, of the
// variant without separate sound unless it says otherwise.
type Segments struct {
	Count int `json:"count"`
	// Durations are those that the playlist says.
	Shortest float64 `json:"shortest_seconds"`
	Mean     float64 `json:"mean_seconds"`
	Longest  float64 `json:"longest_seconds"`
	// Sizes are those that came.
	Smallest  int64 `json:"smallest_bytes"`
	MeanBytes int64 `json:"mean_bytes"`
	Largest   int64 `json:"largest_bytes"`
	// PeakBitRate is the greatest of one segment of at least half the target
	// duration, container and separate sound included.
	PeakBitRate int `json:"peak_bit_rate"`
	// Load is the share of its duration that loading a segment took, on average.
	Load float64 `json:"load"`
	// WithoutKey begin without a key frame. Gaps are marked as such in the
	// playlist. Failed could not be read. Missed left the playlist too early.
	WithoutKey int    `json:"without_key_frame"`
	Gaps       int    `json:"gaps"`
	Failed     int    `json:"failed"`
	Missed     uint64 `json:"missed"`
	// Discontinuities counts those between segments that were read.
	Discontinuities int `json:"discontinuities"`
	// TooLong and PartsTooLong are longer than the playlist allows.
	TooLong      int `json:"too_long"`
	PartsTooLong int `json:"parts_too_long"`
}

// Playlists tells how requests for media playlists were answered.
type Playlists struct {
	Requests int `json:"requests"`
	Failed   int `json:"failed"`
	// Bytes is the size of the last one, without compression.
	Bytes int `json:"bytes"`
	// Answer is the median time until the whole answer was there, Worst the
	// longest, of requests that did not ask the server to wait.
	Answer float64 `json:"answer_seconds"`
	Worst  float64 `json:"worst_answer_seconds"`
	// Blocking counts requests that asked the server to wait until there is
	// something new, BlockingNew how many of these were answered with something
	// new.
	Blocking    int `json:"blocking_requests"`
	BlockingNew int `json:"blocking_answered_new"`
	// Still is the longest time without anything new.
	Still float64 `json:"still_seconds"`
	// Age is how far the newest media in a playlist was behind this machine's
	// clock when it came, the median; nil if the playlist has no times.
	Age *float64 `json:"age_seconds,omitempty"`
	// Restarts counts how often it began anew with lower numbers.
	Restarts int `json:"restarts"`
}

// maxLoads bounds what is remembered of requests: an hour of parts.
const maxLoads = 50_000

// hlsLog collects what a client of HLS tells. A nil one takes nothing.
type hlsLog struct {
	multivariant *hlsclient.Multivariant
	variant      *hlsclient.Variant
	newest       *hlsclient.Media // of the variant
	changed      time.Time        // when something new came
	still        time.Duration
	answers      []int64 // that were not waited for
	ages         []int64
	playlists    Playlists
	missed       uint64
	segments     []hlsclient.SegmentLoad // read to the end, of the variant
	peaks        [2]float64              // by rendition, in bits per second
	failed, gaps int
	failure      error // the first
}

func (l *hlsLog) playlist(p hlsclient.PlaylistLoad) {
	if p.Rendition != 0 {
		return
	}
	s := &l.playlists
	s.Requests++
	if p.Err != nil {
		s.Failed++
		return
	}
	came := p.Sent.Add(p.Took)
	l.newest, s.Bytes, l.missed = p.Media, p.Bytes, l.missed+p.Missed
	if p.Restarted {
		s.Restarts++
	}
	switch {
	case p.Blocking:
		s.Blocking++
		if p.New > 0 {
			s.BlockingNew++
		}
	case len(l.answers) < maxLoads:
		l.answers = append(l.answers, int64(p.Took))
	}
	if p.New == 0 && !l.changed.IsZero() {
		return
	}
	if !l.changed.IsZero() {
		l.still = max(l.still, came.Sub(l.changed))
	}
	l.changed = came
	if newest := p.Media.Newest(); !newest.IsZero() && len(l.ages) < maxLoads {
		l.ages = append(l.ages, int64(came.Sub(newest)))
	}
}

func (l *hlsLog) segment(s hlsclient.SegmentLoad) {
	switch {
	case s.Err != nil:
		if l.failed++; l.failure == nil {
			l.failure = s.Err
		}
		return
	case s.Segment.Gap:
		l.gaps++
		return
	case s.Segment.Open || s.Segment.Duration == 0:
		return // the rest of it has left the playlist
	}
	if s.Segment.Duration >= l.newest.TargetDuration/2 {
		l.peaks[s.Rendition] = max(l.peaks[s.Rendition], float64(s.Bytes)*8/s.Segment.Duration.Seconds())
	}
	if s.Rendition == 0 && len(l.segments) < maxLoads {
		l.segments = append(l.segments, s)
	}
}

// end tells when the probe ended.
func (l *hlsLog) end(now time.Time) {
	if l != nil && !l.changed.IsZero() && !l.newest.Ended {
		l.still = max(l.still, now.Sub(l.changed))
	}
}

// report says what was found out about a stream whose frames a has.
func (l *hlsLog) report(a *Analyzer) *HLS {
	m := l.newest
	if m == nil {
		return nil
	}
	h := &HLS{
		LowLatency: m.LowLatency(), CanBlock: m.CanBlock, Ended: m.Ended, WindowSegments: len(m.Segments),
		TargetDuration: seconds(int64(m.TargetDuration)), PartTarget: seconds(int64(m.PartTarget)),
		HoldBack: seconds(int64(m.HoldBack)), PartHoldBack: seconds(int64(m.PartHoldBack)),
		Variants: []Variant{}, Played: -1, Codecs: a.codecs(), Playlists: l.playlists,
	}
	var window time.Duration
	for _, s := range m.Segments {
		window += s.Duration
	}
	h.Window = seconds(int64(window))
	if l.multivariant != nil {
		for i := range l.multivariant.Variants {
			v := &l.multivariant.Variants[i]
			h.Variants = append(h.Variants, Variant{v.Bandwidth, v.AverageBandwidth, v.Codecs, v.Width, v.Height, v.FrameRate, v.Audio != "" && l.peaks[1] > 0})
			if v == l.variant {
				h.Played = i
			}
		}
	}
	h.Segments = l.describe(h)
	p := &h.Playlists
	p.Answer, p.Worst, p.Still = seconds(median(l.answers)), seconds(quantile(l.answers, 1)), seconds(int64(l.still))
	if len(l.ages) > 0 {
		age := seconds(median(l.ages))
		p.Age = &age
	}
	return h
}

// describe sums the segments up.
func (l *hlsLog) describe(h *HLS) Segments {
	s := Segments{Count: len(l.segments), Gaps: l.gaps, Failed: l.failed, Missed: l.missed, PeakBitRate: int(l.peaks[0] + l.peaks[1])}
	var length, took time.Duration
	var bytes int64
	for i, load := range l.segments {
		d := load.Segment.Duration
		h.Format = string(load.Format)
		if i == 0 {
			s.Shortest, s.Smallest = seconds(int64(d)), load.Bytes
		}
		s.Shortest, s.Longest = min(s.Shortest, seconds(int64(d))), max(s.Longest, seconds(int64(d)))
		s.Smallest, s.Largest = min(s.Smallest, load.Bytes), max(s.Largest, load.Bytes)
		length, took, bytes = length+d, took+load.Took, bytes+load.Bytes
		if load.Video && !load.Key {
			s.WithoutKey++
		}
		if i > 0 && load.Segment.Epoch != l.segments[i-1].Segment.Epoch {
			s.Discontinuities++
		}
		if d.Round(time.Second) > l.newest.TargetDuration { // 4.4.3.1
			s.TooLong++
		}
		for _, part := range load.Segment.Parts {
			const rounding = time.Millisecond
			if part.Duration > l.newest.PartTarget+rounding {
				s.PartsTooLong++
			}
		}
	}
	if s.Count > 0 {
		s.Mean, s.MeanBytes = seconds(int64(length)/int64(s.Count)), bytes/int64(s.Count)
		s.Load = round3(took.Seconds() / length.Seconds())
	}
	return s
}

// codecs names the first video and the first audio track.
func (a *Analyzer) codecs() []string {
	out := []string{}
	for _, k := range []av.Kind{av.Video, av.Audio} {
		if t := a.first(k); t != nil {
			if name, ok := mime.Codec(t.av); ok {
				out = append(out, name)
			}
		}
	}
	return out
}

// sameCodec compares a name in a playlist with that of what came: exactly, or
// only as far as which codec it is. Of names that differ only in where parameter
// sets are, both mean the same.
func sameCodec(said, came string) (exactly, roughly bool) {
	normal := func(name string) string {
		name = strings.ToLower(name)
		for _, pair := range [][2]string{{"avc3", "avc1"}, {"hev1", "hvc1"}, {"mp4a.6b", "mp4a.40.34"}, {"mp4a.69", "mp4a.40.34"}} {
			name = strings.Replace(name, pair[0], pair[1], 1)
		}
		return name
	}
	said, came = normal(said), normal(came)
	family := func(name string) string {
		first, _, _ := strings.Cut(name, ".")
		return first
	}
	return said == came, family(said) == family(came)
}

// matching returns how well one of the names in a playlist matches what came.
func matching(said []string, came string) (exactly, roughly bool) {
	exactly = slices.ContainsFunc(said, func(s string) bool { e, _ := sameCodec(s, came); return e })
	roughly = slices.ContainsFunc(said, func(s string) bool { _, r := sameCodec(s, came); return r })
	return exactly, roughly
}

package probe

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/weirmedia/weir/pkg/av"
)

// From where on something is worth a finding, in seconds or as a share.
const (
	// longGOP is what viewers notice when they join; beyond brokenGOP segmented
	// formats do not work, whose segments begin with key frames and should last 6
	// seconds (HTTP Live Streaming authoring guide, 1.2).
	longGOP   = 4
	brokenGOP = 10
	// unevenGOP is the ratio of the longest to the shortest.
	unevenGOP = 2
	// lateAudio is how long the server waits until a stream counts as settled;
	// what comes later is a change of tracks for every viewer.
	lateAudio = 1
	// farApart is more than players buffer to bring audio and video together.
	farApart = 0.5
	// offSpeed is more than jitter explains in ten seconds.
	offSpeed = 0.05
	// someJitter is felt by players that keep little delay, muchJitter by those
	// of HTTP-FLV too, which keep about half a second.
	someJitter, muchJitter = 0.1, 0.4
	// slowStart is when people think that it does not work.
	slowStart = 3
	// offRate is how far frame rates may differ: 29.97 for 30 is no lie.
	offRate = 0.1
	// enoughMedia is how much must have been seen before something counts as
	// missing, and rates as measured.
	enoughMedia = 2
)

// notes collects findings.
type notes struct{ list []Finding }

func (n *notes) wrong(code, fix, format string, args ...any) {
	n.list = append(n.list, Finding{Wrong, code, fmt.Sprintf(format, args...), fix})
}

func (n *notes) advise(code, fix, format string, args ...any) {
	n.list = append(n.list, Finding{Advice, code, fmt.Sprintf(format, args...), fix})
}

// findings judges what r tells.
func (a *Analyzer) findings(r *Report) []Finding {
	n := &notes{list: []Finding{}}
	a.judgeInput(n, r)
	r.Recording.judge(n)
	a.judgeHeaders(n, r)
	a.judgeMetadata(n, r)
	for _, t := range a.tracks {
		if len(t.samples) > 0 {
			t.judge(n)
		}
	}
	if r.Jumps.Count > 0 {
		first := r.Jumps.List[0]
		n.wrong("timestamp_jump", "let the encoder keep one clock, without pauses",
			"timestamps jump %d times, first at %.3f s by %+.3f s in track %d", r.Jumps.Count, first.At, first.By, first.Track)
	}
	judgeSync(n, r.Sync)
	judgeDelivery(n, r)
	if r.HLS != nil {
		a.facts.hls.judgeHLS(n, r.HLS)
	}
	if r.RTSP != nil {
		judgeRTSP(n, r)
	}
	if r.WHEP != nil {
		judgeWHEP(n, r)
	}
	slices.SortStableFunc(n.list, func(x, y Finding) int {
		return strings.Compare(string(y.Severity), string(x.Severity)) // "wrong" first
	})
	return n.list
}

// uselessTags are ignored by everybody and mean nothing.
var uselessTags = []string{"empty body", "unchanged codec configuration", "video command frame"}

// lostPackets is what MPEG-TS shows of bytes that did not arrive, or were mixed
// up on their way.
var lostPackets = []string{"packets lost", "lost sync"}

// judgeInput is about what could not be read.
func (a *Analyzer) judgeInput(n *notes, r *Report) {
	if len(r.Tracks) == 0 {
		n.wrong("no_media", "", "no audio or video that could be read")
	}
	switch {
	case errors.Is(a.end, io.EOF):
		n.advise("ended", "", "the stream ended while it was probed")
	case a.end != nil:
		n.wrong("broken_off", "", "the stream broke off: %v", a.end)
	}
	if a.broken > 0 {
		n.wrong("broken_tags", "", "%d tags are broken, the first: %v", a.broken, a.brokenBy)
	}
	for _, why := range slices.Sorted(maps.Keys(a.ignored)) {
		count := a.ignored[why]
		switch {
		case slices.Contains(uselessTags, why):
		case slices.Contains(lostPackets, why):
			n.wrong("packets_lost", "", "%d times: %s", count, why)
		case strings.HasPrefix(why, "unsupported"), why == "unknown FourCC":
			n.wrong("unsupported", "", "%d %s cannot be used: %s", count, a.pieces(), why)
		case strings.HasPrefix(why, "no codec configuration"):
			n.wrong("no_configuration", "send the codec header (sequence header) first", "%d frames came before the codec header of their track", count)
		default:
			n.advise("ignored", "", "%d %s were ignored: %s", count, a.pieces(), why)
		}
	}
	if a.frames >= maxFrames {
		n.advise("too_much", "", "only the first %d frames were looked at", maxFrames)
	}
}

// pieces is what the stream consists of.
func (a *Analyzer) pieces() string {
	if a.facts.hls != nil || a.facts.rtsp != nil || a.facts.Container == containerTS {
		return "packets"
	}
	return "tags"
}

// judge is about one track by itself.
func (t *track) judge(n *notes) {
	if t.changes > 0 {
		n.advise("configuration_changed", "keep size and codec settings while you stream",
			"the codec configuration of %s track %d changed %d times", t.av.Kind, t.av.ID, t.changes)
	}
	if t.av.Kind != av.Video {
		return
	}
	t.judgeKeys(n)
	g := gops(t.samples)
	const fix = "set a key frame interval of 2 s (OBS: Keyframe Interval 2; ffmpeg: -g, in frames)"
	longest := max(g.Longest, g.Unfinished)
	switch {
	case longest > brokenGOP:
		n.wrong("gop_long", fix, "key frames are up to %.1f s apart", longest)
	case longest > longGOP:
		n.advise("gop_long", fix, "key frames are up to %.1f s apart: so long a viewer may wait for a picture", longest)
	case g.Complete > 1 && g.Longest > unevenGOP*g.Shortest:
		n.advise("gop_uneven", "switch scene cut detection off (x264: scenecut=0)", "key frames are %.2f to %.2f s apart", g.Shortest, g.Longest)
	}
	measured := frameRate(t.samples)
	if declared := t.av.FrameRate; declared > 0 && span(t.samples) > int64(enoughMedia*1e9) && differ(declared, measured, offRate) {
		n.advise("declared_frame_rate", "", "the codec configuration says %.4g frames a second, %.4g come", declared, measured)
	}
}

// judgeKeys compares key flags with the frames.
func (t *track) judgeKeys(n *notes) {
	keys, lies, unflagged := 0, 0, 0
	for _, s := range t.samples {
		switch {
		case s.key && s.idr:
			keys++
		case s.key:
			lies++
		case s.idr:
			unflagged++
		}
	}
	if lies > 0 {
		n.wrong("key_without_idr", "send IDR frames (x264: open-gop=0, no intra refresh)",
			"%d frames are flagged as key frames but have no IDR picture, so that decoders cannot start there", lies)
	}
	if unflagged > 0 {
		n.wrong("idr_without_key", "", "%d IDR pictures are not flagged as key frames, so that viewers cannot start there", unflagged)
	}
	if keys == 0 && lies == 0 {
		n.wrong("no_key_frame", "set a key frame interval of 2 s", "no key frame came within %.1f s", seconds(span(t.samples)))
	}
}

func judgeSync(n *notes, s *Sync) {
	if s == nil {
		return
	}
	if s.AudioLate > lateAudio {
		n.wrong("audio_late", "start audio and video together, or send silence", "the first audio came after %.1f s of video", s.AudioLate)
	}
	if max(s.Offset, -s.Offset) > farApart {
		n.wrong("av_offset", "let audio and video use one clock", "audio is %+.3f s from the video it comes with", s.Offset)
	}
}

// judgeDelivery is about live sources.
func judgeDelivery(n *notes, r *Report) {
	if j := r.Join; j != nil && j.FirstPicture > slowStart {
		n.advise("slow_start", "", "it took %.1f s until there was something to play", j.FirstPicture)
	}
	p := r.Pace
	if p == nil {
		return
	}
	const upload = "send fewer bits, or find a better line between encoder and server"
	switch {
	case p.Speed > 0 && p.Speed < 1-offSpeed:
		n.wrong("too_slow", upload, "media comes at %.2f times real time: players must stop again and again", p.Speed)
	case p.Speed > 1+offSpeed:
		n.wrong("too_fast", "let the encoder send in real time (ffmpeg: -re)", "media comes at %.2f times real time: delay grows", p.Speed)
	case p.Jitter > muchJitter:
		n.wrong("jitter", upload, "frames come up to %.3f s off their time", p.Jitter)
	case p.Jitter > someJitter:
		n.advise("jitter", upload, "frames come up to %.3f s off their time", p.Jitter)
	}
}

// differ reports whether a and b differ by more than a share of b.
func differ(a, b, share float64) bool { return max(a-b, b-a) > share*b }

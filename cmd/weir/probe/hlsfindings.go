package probe

import (
	"fmt"
	"strings"
)

const (
	// stillTargets is how many target durations a playlist may stay as it is: it
	// has to change within one and a half (6.2.2), and requests have their
	// distance.
	stillTargets = 2.5
	// bandwidthSlack is by how much a segment may exceed BANDWIDTH (HTTP Live
	// Streaming authoring guide, 1.32).
	bandwidthSlack = 1.1
	// busyLoad is the share of their duration that loading segments may take:
	// beyond that, any disturbance stops the picture.
	busyLoad = 0.7
	// someBlocking is how many answers tell whether the server waits.
	someBlocking = 3
)

// judgeHLS is about playlists and segments.
func (l *hlsLog) judgeHLS(n *notes, h *HLS) {
	l.judgeVariant(n, h)
	l.judgePlaylists(n, h)
	s := &h.Segments
	if s.TooLong > 0 {
		n.wrong("segment_long", "set EXT-X-TARGETDURATION to the longest segment, rounded, or cut at key frames that come more often",
			"%d of %d segments are longer than the target duration of %g s, up to %.3f s", s.TooLong, s.Count, h.TargetDuration, s.Longest)
	}
	if s.PartsTooLong > 0 {
		n.wrong("part_long", "", "%d parts are longer than the part target of %g s", s.PartsTooLong, h.PartTarget)
	}
	switch {
	case s.WithoutKey > 0 && l.newest.Independent:
		n.wrong("segment_without_key", "cut segments at key frames", "%d of %d segments begin without a key frame, but EXT-X-INDEPENDENT-SEGMENTS claims that they do not", s.WithoutKey, s.Count)
	case s.WithoutKey > 0:
		n.advise("segment_without_key", "cut segments at key frames", "%d of %d segments begin without a key frame: players join and switch late there", s.WithoutKey, s.Count)
	}
	if s.Discontinuities > 0 {
		n.advise("discontinuity", "", "the stream was interrupted: %d discontinuities", s.Discontinuities)
	}
	if s.Gaps > 0 {
		n.wrong("segment_gap", "", "%d segments are gaps without media", s.Gaps)
	}
	if s.Failed > 0 {
		n.wrong("segment_failed", "", "%d segments could not be read, the first: %v", s.Failed, l.failure)
	}
	if s.Missed > 0 {
		n.wrong("segment_missed", "keep more segments in the playlist", "%d segments left the playlist before they could be loaded", s.Missed)
	}
	if s.Load > busyLoad && !h.Ended {
		n.wrong("slow_segments", "send fewer bits, or find a better line to the server", "loading segments took %.0f %% of their duration", 100*s.Load)
	}
}

func (l *hlsLog) judgePlaylists(n *notes, h *HLS) {
	p := &h.Playlists
	if p.Failed > 0 {
		n.wrong("playlist_failed", "", "%d of %d requests for the playlist failed", p.Failed, p.Requests)
	}
	if limit := stillTargets * h.TargetDuration; !h.Ended && p.Still > limit {
		n.wrong("playlist_stuck", "", "the playlist had nothing new for %.1f s, with a target duration of %g s", p.Still, h.TargetDuration)
	}
	if p.Restarts > 0 {
		n.wrong("playlist_restarted", "go on with the media sequence number after a restart", "the playlist began anew with lower numbers %d times", p.Restarts)
	}
	switch {
	case p.Blocking >= someBlocking && 2*p.BlockingNew < p.Blocking:
		n.wrong("blocking_reload", "", "the server promises to answer when there is something new, but %d of %d answers had nothing", p.Blocking-p.BlockingNew, p.Blocking)
	case h.LowLatency && !h.CanBlock:
		n.wrong("blocking_reload", "", "there are parts, but the server does not offer to answer when there is a new one (CAN-BLOCK-RELOAD)")
	}
	if h.LowLatency && h.PartHoldBack == 0 {
		n.wrong("part_hold_back", "", "there are parts, but no PART-HOLD-BACK")
	}
}

// judgeVariant compares what the multivariant playlist says with what came.
func (l *hlsLog) judgeVariant(n *notes, h *HLS) {
	if h.Played < 0 {
		return
	}
	v := &h.Variants[h.Played]
	if peak := float64(h.Segments.PeakBitRate); peak > bandwidthSlack*float64(v.Bandwidth) {
		n.wrong("bandwidth_low", "", "BANDWIDTH says %s, but a segment has %s: players choose a variant that their line cannot carry",
			bits(int(v.Bandwidth)), bits(h.Segments.PeakBitRate))
	}
	for i := range h.Variants {
		if len(h.Variants[i].Codecs) == 0 {
			n.advise("codecs_missing", "", "a variant has no CODECS: players must load a segment to know whether they can play it")
			break
		}
	}
	if len(v.Codecs) == 0 {
		return
	}
	for _, came := range h.Codecs {
		exactly, roughly := matching(v.Codecs, came)
		text := fmt.Sprintf("CODECS says %s, but %s came", strings.Join(v.Codecs, ","), came)
		switch {
		case exactly:
		case roughly:
			n.advise("codecs_differ", "", "%s", text)
		default:
			n.wrong("codecs_differ", "", "%s", text)
		}
	}
}

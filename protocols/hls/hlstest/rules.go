package hlstest

import (
	"fmt"
	"time"
)

// rounding is what durations, which are written in microseconds, may differ by
// for each that is added.
const rounding = time.Microsecond

// stamp is what two times of day, written in milliseconds, may differ by.
const stamp = 2 * time.Millisecond

// Check returns what is wrong with a playlist alone.
func (l *Playlist) Check() (problems []string) {
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if l.TargetDuration < time.Second {
		wrong("target duration %v", l.TargetDuration)
	}
	for _, s := range l.Segments {
		if s.Duration.Round(time.Second) > l.TargetDuration { // 4.4.3.1
			wrong("segment %d lasts %v, the target duration is %v", s.Number, s.Duration, l.TargetDuration)
		}
		if s.Map != "" && l.Version < 6 { // 8
			wrong("EXT-X-MAP in version %d", l.Version)
		}
	}
	l.checkTimes(wrong)
	l.checkParts(wrong)
	return problems
}

// checkTimes compares times of day with durations (4.4.4.6).
func (l *Playlist) checkTimes(wrong func(string, ...any)) {
	segments := l.Segments
	if l.Open != nil {
		segments = append(segments[:len(segments):len(segments)], *l.Open)
	}
	for i := 1; i < len(segments); i++ {
		before, s := segments[i-1], segments[i]
		if before.Time.IsZero() || s.Time.IsZero() {
			continue
		}
		off := s.Time.Sub(before.Time.Add(before.Duration))
		if off < -stamp || off > stamp && !s.Discontinuity {
			wrong("segment %d begins %v after the end of the one before", s.Number, off)
		}
	}
}

// checkParts looks at what low latency demands (4.4.3.7, 4.4.3.8, 4.4.4.9).
func (l *Playlist) checkParts(wrong func(string, ...any)) {
	if l.PartTarget == 0 {
		if l.Open != nil || l.Hint != "" || l.CanBlock {
			wrong("parts without a part target")
		}
		return
	}
	switch {
	case !l.CanBlock:
		wrong("the playlist cannot be waited for")
	case l.HoldBack < 3*l.TargetDuration:
		wrong("hold-back %v, target duration %v", l.HoldBack, l.TargetDuration)
	case l.PartHoldBack < 2*l.PartTarget:
		wrong("part hold-back %v, part target %v", l.PartHoldBack, l.PartTarget)
	case l.Ended == (l.Hint != ""):
		wrong("ended %v with hint %q", l.Ended, l.Hint)
	}
	var after time.Duration
	for i := len(l.Segments) - 1; i >= 0; i-- {
		s := l.Segments[i]
		l.checkPartsOf(s, true, wrong)
		if len(s.Parts) > 0 && after >= 3*l.TargetDuration { // 4.4.4.9: should be gone
			wrong("segment %d lists parts, %v before the end", s.Number, after)
		}
		after += s.Duration
	}
	if l.Open != nil {
		l.checkPartsOf(*l.Open, false, wrong)
	}
}

func (l *Playlist) checkPartsOf(s Segment, complete bool, wrong func(string, ...any)) {
	var sum time.Duration
	gaps := 0
	for i, p := range s.Parts {
		sum += p.Duration
		if p.Gap {
			gaps++
		}
		last := complete && i == len(s.Parts)-1
		beforeGap := i+1 < len(s.Parts) && s.Parts[i+1].Gap
		if p.Duration > l.PartTarget {
			wrong("part %s lasts %v, the target is %v", p.URI, p.Duration, l.PartTarget)
		}
		if p.Duration*100 < l.PartTarget*85 && !last && !p.Independent && !p.Gap && !beforeGap {
			wrong("part %s lasts only %v, the target is %v", p.URI, p.Duration, l.PartTarget)
		}
	}
	if media := gaps < len(s.Parts); complete && len(s.Parts) > 0 && media == s.Gap || !complete && s.Gap { // 4.4.4.7
		wrong("segment %d: a gap: %v, but %d of its %d parts are, complete: %v", s.Number, s.Gap, gaps, len(s.Parts), complete)
	}
	if n := time.Duration(len(s.Parts) + 1); complete && n > 1 && (sum-s.Duration).Abs() > n*rounding {
		wrong("segment %d lasts %v, its parts %v", s.Number, s.Duration, sum)
	}
}

// CheckAfter returns what is wrong with l if before was the same playlist some
// time ago (6.2.1, 6.2.2).
func (l *Playlist) CheckAfter(before *Playlist) (problems []string) {
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	switch {
	case l.TargetDuration != before.TargetDuration:
		wrong("the target duration changed from %v to %v", before.TargetDuration, l.TargetDuration)
	case l.PartTarget != before.PartTarget:
		wrong("the part target changed from %v to %v", before.PartTarget, l.PartTarget)
	case l.Independent && !before.Independent:
		wrong("segments became independent")
	case l.Sequence < before.Sequence:
		wrong("the sequence number fell from %d to %d", before.Sequence, l.Sequence)
	case before.Ended && !l.Ended:
		wrong("the playlist goes on after its end")
	}
	discontinuities := before.DiscontinuitySequence
	for _, old := range before.Segments {
		if old.Number < l.Sequence {
			if old.Discontinuity {
				discontinuities++
			}
			continue
		}
		i := int(old.Number - l.Sequence)
		if i >= len(l.Segments) {
			wrong("segment %d is gone from the end", old.Number)
			continue
		}
		if now := l.Segments[i]; now.URI != old.URI || now.Duration != old.Duration || now.Discontinuity != old.Discontinuity ||
			now.Gap != old.Gap || now.Map != old.Map || !now.Time.Equal(old.Time) {
			wrong("segment %d changed from %+v to %+v", old.Number, old, now)
		}
	}
	// Segments that came and went between the two are not known.
	known := before.Sequence + uint64(len(before.Segments))
	if l.Sequence <= known && l.DiscontinuitySequence != discontinuities {
		wrong("discontinuity sequence %d, want %d", l.DiscontinuitySequence, discontinuities)
	}
	if l.Sequence > before.Sequence && l.Duration() < 3*l.TargetDuration {
		wrong("segments were removed from a playlist that is %v long now", l.Duration())
	}
	l.checkOpenAfter(before, wrong)
	return problems
}

// checkOpenAfter checks that the segment that was open became what it promised.
func (l *Playlist) checkOpenAfter(before *Playlist, wrong func(string, ...any)) {
	if before.Hint != "" {
		l.checkHinted(before, wrong)
	}
	if before.Open == nil {
		return
	}
	now := l.Open
	if i := int(before.Open.Number) - int(l.Sequence); i >= 0 && i < len(l.Segments) {
		now = &l.Segments[i]
	}
	if now == nil || now.Number != before.Open.Number || len(now.Parts) == 0 {
		return // it lies too far back
	}
	for i, old := range before.Open.Parts {
		if i >= len(now.Parts) || now.Parts[i] != old {
			wrong("part %s changed", old.URI)
		}
	}
	if i := len(before.Open.Parts); i < len(now.Parts) && before.Hint != "" && now.Parts[i].URI != before.Hint {
		wrong("part %s was hinted at as %s", now.Parts[i].URI, before.Hint)
	}
}

// checkHinted checks that a discontinuity was told together with the hint at its
// first part: players number what is hinted at, and give up if the number changes.
func (l *Playlist) checkHinted(before *Playlist, wrong func(string, ...any)) {
	told := before.Open != nil && before.Open.Discontinuity
	next := before.Sequence + uint64(len(before.Segments))
	for _, s := range l.Segments {
		if s.Number == next && s.Discontinuity != told {
			wrong("segment %d: a discontinuity: %v, when it was hinted at: %v", next, s.Discontinuity, told)
		}
	}
	if l.Open != nil && l.Open.Number == next && l.Open.Discontinuity != told {
		wrong("open segment %d: a discontinuity: %v, when it was hinted at: %v", next, l.Open.Discontinuity, told)
	}
}

// Duration returns the sum of the complete segments.
func (l *Playlist) Duration() (d time.Duration) {
	for _, s := range l.Segments {
		d += s.Duration
	}
	return d
}

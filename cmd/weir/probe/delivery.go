package probe

import (
	"slices"
	"time"

	"github.com/weirmedia/weir/pkg/av"
)

const (
	// settle is how long after the first frame a burst can last. Servers send
	// what they have at once; on a slow line it takes longer, and then the burst
	// shows as speed.
	settle = int64(2 * time.Second)
	// leastBurst is the least that counts as one; ordinary jitter is below.
	leastBurst = int64(100 * time.Millisecond)
	// nearFloor is how close to its pace a stream has come when its burst is
	// over: less than the time of a frame, or the last ones would count as late.
	nearFloor = int64(20 * time.Millisecond)
	// leastPicture is the time to the first picture, in seconds, if it is too short
	// to be told: 0 means that there was none.
	leastPicture = 0.001
	// Pace needs so many frames over so long, or it would be chance.
	paceFrames = 10
	paceSpan   = int64(time.Second)
)

// burst is what came at once at the start.
type burst struct {
	ahead int64 // how much more media than time
	// after is the sequence number of the first frame that came at its own pace.
	after int
}

// burst finds how far the first frames ran ahead. Delay below is arrival minus
// media time: in a burst it falls, afterwards it stays what it is.
func (a *Analyzer) burst() burst {
	t := a.pacer()
	if t == nil {
		return burst{}
	}
	first := t.samples[0]
	floor := first.delay()
	for _, s := range t.samples {
		if s.arrival-first.arrival <= settle {
			floor = min(floor, s.delay())
		}
	}
	if first.delay()-floor < leastBurst {
		return burst{}
	}
	for _, s := range t.samples {
		if s.delay() <= floor+nearFloor {
			return burst{ahead: first.delay() - floor, after: s.seq}
		}
	}
	return burst{} // not reached: one sample has the floor
}

func (s *sample) delay() int64 { return s.arrival - s.at }

// join tells how the stream began, nil if no media came.
func (a *Analyzer) join(b burst) *Join {
	t := a.pacer()
	if t == nil {
		return nil
	}
	connected, ready := int64(a.facts.Connected), int64(a.facts.Ready)
	media := t.samples[0].arrival
	j := &Join{
		Connect: seconds(connected), Handshake: seconds(ready - connected), Wait: seconds(media - ready),
		Burst: seconds(b.ahead),
	}
	for _, s := range t.samples {
		if s.idr || t.av.Kind != av.Video {
			j.FirstPicture, j.GOP = max(seconds(s.arrival), leastPicture), seconds(s.arrival-media)
			break
		}
	}
	for _, t := range a.tracks {
		for _, s := range t.samples {
			if s.seq >= b.after {
				break
			}
			j.BurstFrames++
			j.BurstBytes += s.size
		}
	}
	return j
}

// pace tells how evenly frames came after the burst.
func (a *Analyzer) pace(b burst) *Pace {
	t := a.pacer()
	if t == nil {
		return nil
	}
	steady := t.since(b.after)
	if len(steady) < paceFrames || span(steady) < paceSpan {
		return nil
	}
	delays := delaysOf(steady)
	// Quarters rather than ends, which may lie before or behind a stall: from the
	// middle of the first to that of the last are three quarters.
	quarter := len(delays) / 4
	drift := median(slices.Clone(delays[len(delays)-quarter:])) - median(slices.Clone(delays[:quarter]))
	usual := median(slices.Clone(delays))
	for i, d := range delays {
		delays[i] = max(d-usual, usual-d)
	}
	p := &Pace{Jitter: seconds(quantile(delays, 0.95)), Worst: seconds(quantile(delays, 1))}
	if media := span(steady) / 4 * 3; media+drift > 0 {
		p.Speed = round3(float64(media) / float64(media+drift))
	}
	return p
}

func delaysOf(samples []sample) []int64 {
	delays := make([]int64, len(samples))
	for i, s := range samples {
		delays[i] = s.delay()
	}
	return delays
}

// since returns the samples from a sequence number on.
func (t *track) since(seq int) []sample {
	for i, s := range t.samples {
		if s.seq >= seq {
			return t.samples[i:]
		}
	}
	return nil
}

// synchrony compares audio and video, nil if one of them is missing. Frames
// that came in a burst are left out, since servers send tracks one after the
// other there.
func (a *Analyzer) synchrony(b burst) *Sync {
	video, audio := a.first(av.Video), a.first(av.Audio)
	if video == nil || audio == nil {
		return nil
	}
	s := &Sync{Start: seconds(audio.samples[0].dts - video.samples[0].dts)}
	begin := audio.samples[0].seq
	for _, v := range video.samples {
		if v.seq > begin {
			break
		}
		s.AudioLate = seconds(v.at - video.samples[0].at)
	}
	var offsets []int64
	worst, next := int64(0), 0
	for _, v := range video.since(b.after) {
		for next < len(audio.samples) && audio.samples[next].seq < v.seq {
			next++
		}
		if next == 0 {
			continue
		}
		d := audio.samples[next-1].dts - v.dts
		if max(d, -d) > max(worst, -worst) {
			worst = d
		}
		offsets = append(offsets, d)
	}
	s.Offset, s.Worst = seconds(median(offsets)), seconds(worst)
	return s
}

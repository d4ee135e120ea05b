package bus

import (
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/h264"
)

// meterBuckets seconds are what a rate is measured over.
const meterBuckets = 4

// meter measures a rate over the last few seconds.
type meter struct {
	second  int64
	buckets [meterBuckets + 1]int64 // the current second and the full ones before
	since   int64                   // ns of the first count
	counted bool
}

func (m *meter) add(now, n int64) {
	if !m.counted {
		m.counted, m.since, m.second = true, now, now/int64(time.Second)
	}
	m.advance(now)
	m.buckets[0] += n
}

func (m *meter) advance(now int64) {
	second := now / int64(time.Second)
	for steps := min(second-m.second, meterBuckets+1); steps > 0; steps-- {
		copy(m.buckets[1:], m.buckets[:meterBuckets])
		m.buckets[0] = 0
	}
	m.second = max(m.second, second)
}

// perSecond returns the rate at now.
func (m *meter) perSecond(now int64) float64 {
	if !m.counted {
		return 0
	}
	m.advance(now)
	var sum int64
	for _, n := range m.buckets {
		sum += n
	}
	span := min(now-m.since, now%int64(time.Second)+meterBuckets*int64(time.Second))
	return float64(sum) / max(time.Duration(span).Seconds(), 1)
}

type trackStats struct {
	id            int
	bytes, frames meter
	late          meter // frames shown before one that came earlier
	needed        meter // of these, pictures of H.264 to which others refer
	newest        int64 // PTS
}

// stats counts what one stream took in. Stream.mu guards it.
type stats struct {
	bytes, frames uint64
	framesByKind  [av.Kinds]uint64
	early         uint64 // frames before the first key frame
	tracks        []*trackStats
	lastKey       int64
	keys          uint64
	gop           time.Duration
	lastArrival   int64
}

func (st *stats) count(f *av.Frame) {
	n := len(f.Payload)
	st.bytes += uint64(n)
	st.frames++
	st.framesByKind[f.Track.Kind]++
	st.lastArrival = f.Arrival
	t := st.track(f.Track.ID)
	if t == nil {
		t = &trackStats{id: f.Track.ID, newest: f.PTS}
		st.tracks = append(st.tracks, t)
	}
	t.bytes.add(f.Arrival, int64(n))
	t.frames.add(f.Arrival, 1)
	if f.PTS < t.newest {
		t.late.add(f.Arrival, 1)
		if f.Track.Codec == av.H264 && !h264.Disposable(f.Payload, h264.LengthSize(f.Track.Config)) {
			t.needed.add(f.Arrival, 1)
		}
	}
	t.newest = max(t.newest, f.PTS)
	if f.Track.Kind == av.Video && f.Key && f.Layout.Leads(f.Track) {
		if st.keys > 0 {
			st.gop = time.Duration(f.DTS - st.lastKey)
		}
		st.keys++
		st.lastKey = f.DTS
	}
}

// track returns what was counted of the track with that id, or nil.
func (st *stats) track(id int) *trackStats {
	for _, t := range st.tracks {
		if t.id == id {
			return t
		}
	}
	return nil
}

// TrackInfo is a track with what was measured of it.
type TrackInfo struct {
	*av.Track
	// Bitrate is payload bits per second, FrameRate frames per second, both
	// over the last few seconds.
	Bitrate, FrameRate float64
	// LateRate is how many of these frames are shown before one that came
	// earlier: B-frames.
	LateRate float64
	// NeededRate is how many of those are pictures of H.264 to which others refer,
	// so that they cannot be left out.
	NeededRate float64
}

// Info is a snapshot of a stream.
type Info struct {
	Name    string
	State   State
	Since   time.Time
	Session string // of the publisher; empty without one
	Layout  *av.Layout
	Tracks  []TrackInfo
	Bitrate float64       // payload bits per second, all tracks
	GOP     time.Duration // between the two newest key frames, 0 if unknown
	// Time is the stream's time now: the newest DTS plus the time since that
	// frame arrived. It means nothing before the first frame.
	Time time.Duration
	// LastFrame is how long ago the newest frame arrived; negative if none did.
	LastFrame time.Duration

	BytesIn, FramesIn uint64
	FramesByKind      [av.Kinds]uint64
	FramesEarly       uint64 // dropped before a first key frame
	ClockJumps        uint64 // treated by the timeline
	FramesCorrected   uint64 // DTS clamped
	RingBytes         int64
	RingFrames        uint64
}

// Info returns a snapshot of the stream.
func (s *Stream) Info() Info { return s.info(av.Now()) }

func (s *Stream) info(now int64) Info {
	s.mu.Lock()
	i := s.infoLocked(now)
	s.mu.Unlock()
	v := s.plain
	v.mu.Lock()
	i.RingBytes, i.RingFrames = v.ring.bytes, v.ring.head-v.ring.tail
	v.mu.Unlock()
	return i
}

// infoLocked returns a snapshot without what the ring holds. The caller locks.
func (s *Stream) infoLocked(now int64) Info {
	i := Info{
		Name: s.name, State: s.state, Since: s.since, Session: s.session, Layout: s.layout.Load(),
		GOP: s.stats.gop, LastFrame: -1,
		BytesIn: s.stats.bytes, FramesIn: s.stats.frames, FramesByKind: s.stats.framesByKind,
		FramesEarly: s.stats.early, ClockJumps: s.timeline.jumps, FramesCorrected: s.timeline.corrected,
	}
	if s.stats.frames > 0 {
		i.LastFrame = time.Duration(now - s.stats.lastArrival)
		i.Time = time.Duration(s.timeline.newest + now - s.timeline.newestAt)
	}
	for _, t := range i.Layout.Tracks {
		info := TrackInfo{Track: t}
		if m := s.stats.track(t.ID); m != nil {
			info.Bitrate, info.FrameRate, info.LateRate = 8*m.bytes.perSecond(now), m.frames.perSecond(now), m.late.perSecond(now)
			info.NeededRate = m.needed.perSecond(now)
		}
		i.Bitrate += info.Bitrate
		i.Tracks = append(i.Tracks, info)
	}
	return i
}

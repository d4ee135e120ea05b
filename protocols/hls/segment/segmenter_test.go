package segment

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

const (
	ms  = int64(time.Millisecond)
	sec = int64(time.Second)
)

// config is of x264: 64x36, baseline.
var config = []byte{
	1, 0x42, 0xC0, 0x0A, 0xFF, 0xE1, 0, 22,
	0x67, 0x42, 0xC0, 0x0A, 0xDA, 0x11, 0x2E, 0x78, 0x40, 0, 0, 3, 0, 0x40, 0, 0, 0x0C, 0x83, 0xC4, 0x89, 0xA8, 0,
	1, 0, 4, 0x68, 0xCE, 0x0F, 0xC8,
}

func videoTrack() *av.Track {
	return &av.Track{ID: 0, Kind: av.Video, Codec: av.H264, Config: config, Width: 64, Height: 36}
}

func audioTrack() *av.Track {
	return &av.Track{ID: 1, Kind: av.Audio, Codec: av.AAC, Config: []byte{0x12, 0x10}, SampleRate: 44100, Channels: 2}
}

// piece is a segment as the sink got it.
type piece struct {
	Head
	parts  []*Part
	length time.Duration
	gap    bool
}

// recorder is a sink that keeps everything.
type recorder struct {
	t        *testing.T
	segments []*piece
	open     bool
	overlong int
}

func (r *recorder) Begin(h Head) {
	if r.open {
		r.t.Error("a segment within a segment")
	}
	r.open = true
	r.segments = append(r.segments, &piece{Head: h})
}

func (r *recorder) last() *piece { return r.segments[len(r.segments)-1] }

func (r *recorder) Part(p *Part) {
	if !r.open {
		r.t.Fatal("a part outside of segments")
	}
	r.last().parts = append(r.last().parts, p)
	r.last().length += p.Duration
}

func (r *recorder) End() { r.open = false }

func (r *recorder) Gap(h Head, d time.Duration) {
	if r.open {
		r.t.Error("a gap within a segment")
	}
	r.segments = append(r.segments, &piece{Head: h, length: d, gap: true})
}

func (r *recorder) Overlong(time.Duration) { r.overlong++ }

// source makes frames of known payloads.
type source struct {
	t      *testing.T
	s      *Segmenter
	layout *av.Layout
	made   map[int][]*av.Frame // by track
}

func newSource(t *testing.T, o Options, tracks ...*av.Track) (*source, *recorder) {
	r := &recorder{t: t}
	return &source{t: t, s: New(o, r), layout: &av.Layout{Tracks: tracks, Ready: true}, made: make(map[int][]*av.Frame)}, r
}

func (s *source) push(track *av.Track, dts int64, key, start bool) {
	s.t.Helper()
	n := len(s.made[track.ID])
	f := &av.Frame{Track: track, Layout: s.layout, DTS: dts, PTS: dts, Key: key, Payload: fmt.Appendf([]byte{0, 0, 0, 12, 0x65}, "%02d %08d", track.ID, n)}
	s.made[track.ID] = append(s.made[track.ID], f)
	if err := s.s.Push(f, s.layout, start); err != nil {
		s.t.Fatal(err)
	}
}

// play pushes seconds of picture and sound; at(n) is the DTS of picture n in ns.
func (s *source) play(seconds, gop int, at func(n int) int64) {
	s.t.Helper()
	video, audio := s.layout.First(av.Video), s.layout.First(av.Audio)
	sound := 0
	for n := 0; ; n++ {
		dts := at(n)
		if dts-at(0) >= int64(seconds)*sec {
			return
		}
		for audio != nil && int64(sound)*1024*sec/44100 <= dts-at(0) {
			s.push(audio, at(0)+int64(sound)*1024*1000/44100*ms, false, false)
			sound++
		}
		s.push(video, dts, n%gop == 0, n%gop == 0)
	}
}

// fps returns the times of a clock of milliseconds, as RTMP has it.
func fps(num, den int) func(n int) int64 {
	return func(n int) int64 { return int64(n) * int64(den) * 1000 / int64(num) * ms }
}

// check looks at what the specification demands of parts and segments.
func (r *recorder) check(s *Segmenter) {
	r.t.Helper()
	target, part := s.Target(), s.PartTarget()
	for i, seg := range r.segments {
		closed := i < len(r.segments)-1 || !r.open
		if closed && seg.length.Round(time.Second) > target {
			r.t.Errorf("segment %d: %v, target %v", i, seg.length, target)
		}
		if i > 0 && !seg.Discontinuity {
			if before := r.segments[i-1]; seg.Start != before.Start+int64(before.length) {
				r.t.Errorf("segment %d begins at %d, the one before ended at %d", i, seg.Start, before.Start+int64(before.length))
			}
		}
		for n, p := range seg.parts {
			final := closed && n == len(seg.parts)-1
			beforeGap := n+1 < len(seg.parts) && seg.parts[n+1].Gap
			if part == 0 {
				continue
			}
			if p.Duration > part || p.Duration <= 0 {
				r.t.Errorf("segment %d part %d: %v, target %v", i, n, p.Duration, part)
			}
			if p.Duration*100 < part*minPart && !final && !p.Independent && !p.Gap && !beforeGap {
				r.t.Errorf("segment %d part %d: %v is too short for %v", i, n, p.Duration, part)
			}
			if p.Gap != (len(p.Bytes) == 0) {
				r.t.Errorf("segment %d part %d: gap %v with %d bytes", i, n, p.Gap, len(p.Bytes))
			}
		}
	}
}

// sample is what a reader finds.
type sample struct {
	dts, duration uint64
	payload       string
}

// samples returns what a reader of fragmented MP4 finds, by track.
func (r *recorder) samples() map[int][]sample {
	r.t.Helper()
	out := make(map[int][]sample)
	for _, seg := range r.segments {
		for _, p := range seg.parts {
			if p.Gap {
				continue
			}
			var parts fmp4.Parts
			if err := parts.Unmarshal(p.Bytes); err != nil {
				r.t.Fatal(err)
			}
			for _, fragment := range parts {
				for _, track := range fragment.Tracks {
					at := track.BaseTime
					for _, x := range track.Samples {
						out[track.ID] = append(out[track.ID], sample{at, uint64(x.Duration), string(x.Payload)})
						at += uint64(x.Duration)
					}
				}
			}
		}
	}
	return out
}

// compare checks that each frame that was pushed is there, once and in order,
// and that within a track nothing overlaps; gaps only where they are allowed.
func (s *source) compare(r *recorder, gaps bool) {
	s.t.Helper()
	found := r.samples()
	for id, frames := range s.made {
		got := found[id+1]
		if len(got) != len(frames) {
			s.t.Errorf("track %d: %d frames, want %d", id, len(got), len(frames))
			continue
		}
		for i, x := range got {
			if x.payload != string(frames[i].Payload) {
				s.t.Fatalf("track %d frame %d: %q, want %q", id, i, x.payload, frames[i].Payload)
			}
			if i == 0 {
				continue
			}
			if end := got[i-1].dts + got[i-1].duration; x.dts < end || (x.dts > end && !gaps) {
				s.t.Errorf("track %d frame %d at %d, the one before ended at %d", id, i, x.dts, end)
			}
		}
	}
}

func lowLatency() Options {
	return Options{Format: FMP4, Segment: 2 * time.Second, MaxSegment: 6 * time.Second, Part: 200 * time.Millisecond}
}

func TestSteady(t *testing.T) {
	tests := []struct {
		name     string
		num, den int
		gop      int
		target   time.Duration
		part     time.Duration
		segments int // that have ended after 20 s
	}{
		{"25 fps", 25, 1, 50, 2 * time.Second, 200 * time.Millisecond, 9},
		{"30 fps", 30, 1, 60, 2 * time.Second, 200 * time.Millisecond, 9},
		{"29.97 fps", 30000, 1001, 60, 2 * time.Second, 201 * time.Millisecond, 9},
		{"23.976 fps", 24000, 1001, 48, 2 * time.Second, 209 * time.Millisecond, 9},
		{"59.94 fps", 60000, 1001, 120, 2 * time.Second, 201 * time.Millisecond, 9},
		{"5 fps", 5, 1, 10, 2 * time.Second, 200 * time.Millisecond, 9},
		{"2 fps", 2, 1, 4, 2 * time.Second, 500 * time.Millisecond, 9},
		{"GOP of 1 s", 25, 1, 25, 2 * time.Second, 200 * time.Millisecond, 9},
		{"GOP of 3.2 s", 25, 1, 80, 4 * time.Second, 200 * time.Millisecond, 6},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, r := newSource(t, lowLatency(), videoTrack(), audioTrack())
			s.play(20, tt.gop, fps(tt.num, tt.den))
			if got := s.s.Target(); got != tt.target {
				t.Errorf("target duration %v, want %v", got, tt.target)
			}
			if got := s.s.PartTarget(); got < tt.part-time.Millisecond || got > tt.part+time.Millisecond {
				t.Errorf("part target %v, want %v", got, tt.part)
			}
			if got := len(r.segments) - 1; got != tt.segments {
				t.Errorf("%d segments, want %d", got, tt.segments)
			}
			if r.overlong > 0 {
				t.Errorf("%d segments were too long", r.overlong)
			}
			for i, seg := range r.segments[:len(r.segments)-1] {
				if !seg.parts[0].Independent || seg.parts[0].Gap {
					t.Errorf("segment %d does not begin with a key frame", i)
				}
			}
			if err := s.s.Break(); err != nil {
				t.Fatal(err)
			}
			r.check(s.s)
			s.compare(r, false)
		})
	}
}

// TestDisturbed: frames that are lost, that jitter and that are silent for long
// leave the rules of parts in force and lose no frame.
func TestDisturbed(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	jitter := make([]int64, 2000)
	lossy := make([]int64, 2000)
	for i := range jitter {
		jitter[i] = int64(i)*33*ms + random.Int64N(15)*ms
		lossy[i] = int64(i) * 40 * ms
		if i > 0 && random.IntN(10) == 0 {
			lossy[i] += random.Int64N(600) * ms
		}
		lossy[i] = max(lossy[i], lossy[max(i-1, 0)]+40*ms)
	}
	tests := map[string]func(n int) int64{
		"jitter": func(n int) int64 { return jitter[n] },
		"losses": func(n int) int64 { return lossy[n] },
		"silence": func(n int) int64 {
			at := int64(n) * 40 * ms
			if n >= 110 {
				at += 9300 * ms
			}
			return at
		},
	}
	for name, at := range tests {
		for _, part := range []time.Duration{0, 200 * time.Millisecond} {
			t.Run(fmt.Sprint(name, part), func(t *testing.T) {
				o := lowLatency()
				o.Part = part
				s, r := newSource(t, o, videoTrack())
				s.play(30, 50, at)
				if err := s.s.Break(); err != nil {
					t.Fatal(err)
				}
				r.check(s.s)
				s.compare(r, false)
			})
		}
	}
}

func TestSilenceIsGaps(t *testing.T) {
	s, r := newSource(t, lowLatency(), videoTrack())
	s.play(20, 50, func(n int) int64 {
		at := int64(n) * 40 * ms
		if n >= 110 {
			at += 9300 * ms
		}
		return at
	})
	gaps := 0
	for _, seg := range r.segments {
		for _, p := range seg.parts {
			if p.Gap {
				gaps++
			}
		}
	}
	if want := 9300/200 - 2; gaps < want {
		t.Errorf("%d gap parts, want %d", gaps, want)
	}
	r.check(s.s)
}

func TestOverlongGOP(t *testing.T) {
	s, r := newSource(t, lowLatency(), videoTrack(), audioTrack())
	s.play(31, 250, fps(25, 1))
	if got, want := s.s.Target(), 6*time.Second; got != want {
		t.Errorf("target %v, want %v", got, want)
	}
	if r.overlong == 0 {
		t.Error("nobody was told")
	}
	independent := 0
	for _, seg := range r.segments {
		if seg.parts[0].Independent {
			independent++
		}
	}
	if independent != 4 || len(r.segments) < 7 {
		t.Errorf("%d of %d segments begin with a key frame", independent, len(r.segments))
	}
	if err := s.s.Break(); err != nil {
		t.Fatal(err)
	}
	r.check(s.s)
	s.compare(r, false)
}

// TestUnevenGOPs: every segment begins with a key frame as long as no GOP is
// longer than those at the start. The target duration leaves no more room than it
// must, for players stay away from the end by multiples of it.
func TestUnevenGOPs(t *testing.T) {
	const fps = 25
	for _, tt := range []struct {
		name   string
		keys   []int // pictures from one key frame to the next, again and again
		target time.Duration
	}{
		{"open GOP", []int{50, 50, 49, 48, 52, 49, 50, 47}, 2 * time.Second},
		{"scene cuts", []int{50, 20, 50, 7, 50, 50, 38, 11, 11, 11, 50, 50}, 2 * time.Second},
		{"a scene cut at once", []int{10, 50, 50, 24, 26, 50}, 3 * time.Second},
		{"shorter than segments", []int{30, 30, 12, 30, 2, 30}, 3 * time.Second},
		{"longer than segments", []int{90, 90, 30, 15, 90, 60}, 4 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, r := newSource(t, lowLatency(), videoTrack(), audioTrack())
			video, next, n := s.layout.Tracks[0], 0, 0
			for i := range 60 * fps {
				key := i == next
				if key {
					next += tt.keys[n%len(tt.keys)]
					n++
				}
				s.push(video, int64(i)*sec/fps, key, key)
				s.push(s.layout.Tracks[1], int64(i)*sec/fps, false, false)
			}
			if got := s.s.Target(); got != tt.target {
				t.Errorf("target duration %v, want %v", got, tt.target)
			}
			if r.overlong > 0 {
				t.Errorf("%d segments were cut without key frame", r.overlong)
			}
			for i, seg := range r.segments[:len(r.segments)-1] {
				if !seg.parts[0].Independent || seg.length < Shortest {
					t.Errorf("segment %d, %v long, begins with a key frame: %v", i, seg.length, seg.parts[0].Independent)
				}
			}
			if err := s.s.Break(); err != nil {
				t.Fatal(err)
			}
			r.check(s.s)
			s.compare(r, false)
		})
	}
}

func TestAudioOnly(t *testing.T) {
	for _, f := range []Format{FMP4, TS} {
		t.Run(string(f), func(t *testing.T) {
			o := lowLatency()
			o.Format = f
			s, r := newSource(t, o, audioTrack())
			for n := range 900 {
				s.push(s.layout.Tracks[0], int64(n)*1024*1000/44100*ms, false, n%43 == 0)
			}
			if got := s.s.Target(); got != 2*time.Second {
				t.Errorf("target %v", got)
			}
			if got := s.s.PartTarget(); got < 208*time.Millisecond || got > 210*time.Millisecond {
				t.Errorf("part target %v", got)
			}
			if r.overlong > 0 || len(r.segments) < 10 {
				t.Errorf("%d segments, %d too long", len(r.segments), r.overlong)
			}
			for i, seg := range r.segments {
				for n, p := range seg.parts {
					if !p.Independent {
						t.Errorf("segment %d part %d is not independent", i, n)
					}
				}
			}
			if err := s.s.Break(); err != nil {
				t.Fatal(err)
			}
			r.check(s.s)
			if f == FMP4 {
				s.compare(r, false)
			}
		})
	}
}

// TestReturn: a publisher leaves and another comes after a while, with pictures
// of the same size or of another.
func TestReturn(t *testing.T) {
	for name, width := range map[string]int{"the same": 64, "other": 128} {
		t.Run(name, func(t *testing.T) { testReturn(t, width) })
	}
}

func testReturn(t *testing.T, width int) {
	s, r := newSource(t, lowLatency(), videoTrack(), audioTrack())
	s.play(5, 50, fps(25, 1))
	if err := s.s.Break(); err != nil {
		t.Fatal(err)
	}
	ended := len(r.segments)
	end := s.s.End()
	if !s.s.Broken() {
		t.Error("what comes next is said to continue what the publisher sent")
	}
	if end < 5*sec-40*ms || end > 5*sec+40*ms {
		t.Errorf("ended at %v", time.Duration(end))
	}
	if err := s.s.Gap(end + 5*sec); err != nil {
		t.Fatal(err)
	}
	if err := s.s.Gap(end + 5*sec); err != nil { // nothing more
		t.Fatal(err)
	}
	if gaps := len(r.segments) - ended; gaps != 2 {
		t.Fatalf("%d gaps, want 2", gaps)
	}
	video, init := videoTrack(), 0
	if video.Width != width {
		video.Width, init = width, 1
	}
	s.layout = &av.Layout{Epoch: 2, Tracks: []*av.Track{video, audioTrack()}, Ready: true}
	s.play(5, 50, func(n int) int64 { return end + 5500*ms + int64(n)*40*ms })
	// The gaps go on up to the return, and the first one is the discontinuity.
	for i, length := range []time.Duration{2 * time.Second, 2 * time.Second, 1500 * time.Millisecond} {
		if g := r.segments[ended+i]; !g.gap || g.length != length || g.Discontinuity != (i == 0) || i < 2 && g.Init.Number != 0 {
			t.Errorf("gap %d: %+v, %v long", i, g.Head, g.length)
		}
	}
	if back := r.segments[ended+3]; back.gap || back.Discontinuity || back.Init.Number != init || back.Start != end+5500*ms {
		t.Errorf("after the gap: %+v", back.Head)
	}
	if err := s.s.Break(); err != nil {
		t.Fatal(err)
	}
	r.check(s.s)
	s.compare(r, true)
}

// TestLayouts: what is not a change of tracks changes nothing.
func TestLayouts(t *testing.T) {
	video, audio := videoTrack(), audioTrack()
	s, r := newSource(t, lowLatency(), video)
	s.play(3, 50, fps(25, 1))
	s.layout = &av.Layout{Epoch: 2, Tracks: []*av.Track{video}, Ready: true, Metadata: av.Metadata{{Name: "title", Value: "x"}}}
	s.play(1, 50, func(n int) int64 { return 3*sec + int64(n)*40*ms })
	if r.segments[len(r.segments)-1].Discontinuity {
		t.Error("metadata made a discontinuity")
	}
	s.layout = &av.Layout{Epoch: 3, Tracks: []*av.Track{video, audio}, Ready: true}
	s.push(audio, 4*sec, false, false)
	s.play(1, 50, func(n int) int64 { return 4*sec + int64(n)*40*ms })
	if last := r.segments[len(r.segments)-1]; !last.Discontinuity || last.Init.Number != 1 {
		t.Errorf("a new track: %+v", last.Head)
	}
	if err := s.s.Break(); err != nil {
		t.Fatal(err)
	}
	r.check(s.s)
	s.compare(r, true)
}

func TestNothingToCarry(t *testing.T) {
	r := &recorder{t: t}
	g711 := &av.Track{ID: 1, Kind: av.Audio, Codec: av.G711A, SampleRate: 8000, Channels: 1}
	err := New(lowLatency(), r).Push(&av.Frame{Track: g711}, &av.Layout{Tracks: []*av.Track{g711}, Ready: true}, true)
	if reason.Of(err, "") != reason.Unsupported {
		t.Errorf("error %v", err)
	}
	s := New(lowLatency(), r)
	if err := s.Gap(5 * sec); err != nil || len(r.segments) > 0 {
		t.Errorf("a gap before all: %v, %d segments", err, len(r.segments))
	}
	video := videoTrack()
	l := &av.Layout{Tracks: []*av.Track{video}, Ready: true}
	if err := s.Push(&av.Frame{Track: video, Key: true, Payload: []byte{0, 0, 0, 1, 0x65}}, l, true); err != nil {
		t.Fatal(err)
	}
	if err := s.Gap(5 * sec); !errors.Is(err, errOpen) {
		t.Errorf("a gap within a segment: %v", err)
	}
}

// TestSoundWithoutKeyFrames: while no segment can begin, for the encoder sends no
// key frame, sound is not piled up; the segment begins with sound of its time.
func TestSoundWithoutKeyFrames(t *testing.T) {
	s, r := newSource(t, lowLatency(), videoTrack(), audioTrack())
	video, audio := s.layout.Tracks[0], s.layout.Tracks[1]
	for at := int64(0); at < 60*sec; at += 20 * ms {
		s.push(video, at, false, false)
		s.push(audio, at, false, false)
		if n := len(s.s.queues[1].frames); n > 100 {
			t.Fatalf("%d frames of sound wait after %v", n, time.Duration(at))
		}
	}
	for at := 60 * sec; at < 70*sec; at += 20 * ms {
		key := at%(2*sec) == 0
		s.push(video, at, key, key)
		s.push(audio, at, false, false)
	}
	r.check(s.s)
	if r.segments[0].Start != 60*sec {
		t.Errorf("the first segment begins at %v", time.Duration(r.segments[0].Start))
	}
	first := r.samples()[2][0]
	if begins := time.Duration(first.dts) * time.Second / 44100; begins < 69*time.Second || begins > 70*time.Second { // shifted by 10 s
		t.Errorf("the sound begins at %v", begins)
	}
}

func TestLeftOut(t *testing.T) {
	video, sound := videoTrack(), audioTrack()
	more, g711 := *sound, &av.Track{ID: 3, Kind: av.Audio, Codec: av.G711A, SampleRate: 8000}
	more.ID = 5
	l := &av.Layout{Tracks: []*av.Track{video, sound, g711, &more}, Ready: true}
	for _, f := range []Format{FMP4, TS} {
		got := f.LeftOut(l)
		if len(got) != 2 || got[0].Codec != "G.711 A-law" || got[1].Kind != av.Audio || got[1].Why != "only the first track of a kind is in segments" {
			t.Errorf("%s: got %+v", f, got)
		}
	}
}

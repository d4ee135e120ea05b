package fmp4

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"

	"github.com/weirmedia/weir/pkg/av"
)

// Golden bytes of a fragment with two tracks and a B-frame, checked by hand
// against ISO/IEC 14496-12, 8.8.
func TestAppendFragment(t *testing.T) {
	video, audio := videoTrack(t), audioTrack(t)
	got := AppendFragment([]byte("x"), 7,
		Run{Track: video, End: 80 * ms, Frames: []*av.Frame{
			{Track: video, DTS: 0, PTS: 80 * ms, Key: true, Payload: []byte{1, 2, 3}},
			{Track: video, DTS: 40 * ms, PTS: 20 * ms, Payload: []byte{4, 5}},
		}},
		Run{Track: video, End: 80 * ms}, // left out
		Run{Track: audio, End: 33 * ms, Frames: []*av.Frame{{Track: audio, DTS: 10 * ms, PTS: 10 * ms, Payload: []byte{6}}}},
	)
	want := unhex(t, "78"+
		"000000c0 6d6f6f66"+
		"00000010 6d666864 00000000 00000007"+
		"00000060 74726166"+
		"00000010 74666864 00020000 00000001"+
		"00000014 74666474 01000000 00000000000dbba0"+ // 10 s
		"00000034 7472756e 01000f01 00000002 000000c8"+
		"00000e10 00000003 02000000 00001c20"+
		"00000e10 00000002 01010000 fffff8f8"+ // -20 ms
		"00000048 74726166"+
		"00000010 74666864 00020000 00000002"+
		"00000014 74666474 01000000 000000000006bc61"+ // 10.01 s
		"0000001c 7472756e 01000301 00000001 000000cd"+
		"000003f6 00000001"+
		"0000000e 6d646174 0102030405 06")
	if !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
}

func TestAppendFragmentOfNothing(t *testing.T) {
	if got := AppendFragment([]byte("x"), 1, Run{Track: videoTrack(t)}); string(got) != "x" {
		t.Errorf("%x", got)
	}
}

func TestUnits(t *testing.T) {
	for _, c := range []struct {
		ns    int64
		scale uint32
		want  uint64
	}{
		{0, 90000, 900000},
		{1e9, 44100, 485100},
		{-1, 90000, 900000},
		{-10e9, 90000, 0},
		{-11e9, 90000, 0},
		{math.MinInt64, 192000, 0},
		{5555, 90000, 900000}, // just below half a unit
		{5556, 90000, 900001},
		{-5556, 90000, 899999},
		{100 * 366 * 24 * 3600 * 1e9, 655350, (100*366*24*3600 + 10) * 655350},
		{math.MaxInt64, 90000, 830103484216930},
	} {
		if got := units(c.ns, c.scale); got != c.want {
			t.Errorf("%d ns at %d: %d, want %d", c.ns, c.scale, got, c.want)
		}
	}
}

// However frames jitter and however they are cut into fragments, decode times
// go on without gap or overlap, and frames keep their times.
func TestDecodeTimesAddUp(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 5))
		track := audioTrack(t)
		track.SampleRate = []int{8000, 44100, 48000, 96000}[rng.IntN(4)]
		if seed%2 == 0 {
			track = videoTrack(t)
		}
		frames := jitter(rng, track, 300)
		var media []byte
		for sequence, rest := uint32(1), frames; len(rest) > 1; sequence++ {
			n := 1 + rng.IntN(min(20, len(rest)-1))
			media = AppendFragment(media, sequence, Run{Track: track, Frames: rest[:n], End: rest[n].DTS})
			rest = rest[n:]
		}
		checkTimes(t, media, frames)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// jitter makes frames as RTMP has them: times of a steady clock rounded to
// milliseconds, sometimes with a gap, from before or long after 0.
func jitter(rng *rand.Rand, track *av.Track, n int) []*av.Frame {
	at := rng.Float64()*2e15 - 9e9
	if rng.IntN(2) == 0 {
		at = -9e9 * rng.Float64()
	}
	step := 1e9 * (0.002 + 0.05*rng.Float64())
	frames := make([]*av.Frame, n)
	for i := range frames {
		dts := int64(math.Round(at/1e6)) * ms
		frames[i] = &av.Frame{Track: track, DTS: dts, PTS: dts + int64(rng.IntN(200)-100)*ms, Key: i%50 == 0, Payload: []byte{byte(i), byte(i >> 8)}}
		at += step
		if rng.IntN(40) == 0 {
			at += 1e9 * rng.Float64()
		}
	}
	return frames
}

// checkTimes checks what another reader finds in the fragments of one track.
func checkTimes(t *testing.T, media []byte, frames []*av.Frame) {
	t.Helper()
	var parts fmp4.Parts
	if err := parts.Unmarshal(media); err != nil {
		t.Fatal(err)
	}
	scale := Timescale(frames[0].Track)
	i, next := 0, units(frames[0].DTS, scale)
	for n, part := range parts {
		if part.SequenceNumber != uint32(n+1) || len(part.Tracks) != 1 {
			t.Errorf("fragment %d: number %d, %d tracks", n, part.SequenceNumber, len(part.Tracks))
		}
		run := part.Tracks[0]
		if run.BaseTime != next {
			t.Errorf("fragment %d begins at %d, want %d", n, run.BaseTime, next)
		}
		for _, s := range run.Samples {
			f := frames[i]
			if next != units(f.DTS, scale) || !bytes.Equal(s.Payload, f.Payload) {
				t.Errorf("frame %d is at %d with %x", i, next, s.Payload)
			}
			if f.Track.Kind == av.Video && (int64(next)+int64(s.PTSOffset) != int64(units(f.PTS, scale)) || s.IsNonSyncSample == f.Key) {
				t.Errorf("frame %d: %+v", i, s)
			}
			next += uint64(s.Duration)
			i++
		}
	}
	if i != len(frames)-1 || next != units(frames[i].DTS, scale) {
		t.Errorf("%d frames end at %d", i, next)
	}
}

// A run whose frames go back in time, which the bus rules out, gives durations
// of 0 and not of 13 hours.
func TestDecodeTimesNeverGoBack(t *testing.T) {
	video := videoTrack(t)
	media := AppendFragment(nil, 1, Run{Track: video, End: 0, Frames: []*av.Frame{
		{DTS: 40 * ms, PTS: 40 * ms, Payload: []byte{1}}, {DTS: 20 * ms, PTS: 20 * ms, Payload: []byte{2}},
	}})
	var parts fmp4.Parts
	if err := parts.Unmarshal(media); err != nil {
		t.Fatal(err)
	}
	for _, s := range parts[0].Tracks[0].Samples {
		if s.Duration != 0 {
			t.Errorf("%+v", s)
		}
	}
	if s := parts[0].Tracks[0].Samples[1]; s.PTSOffset != -1800 {
		t.Errorf("%+v", s)
	}
}

func TestTimescale(t *testing.T) {
	for _, c := range []struct {
		track av.Track
		want  uint32
	}{
		{av.Track{Kind: av.Video, Codec: av.AV1}, 90000},
		{av.Track{Kind: av.Audio, Codec: av.AAC, SampleRate: 22050}, 22050},
		{av.Track{Kind: av.Audio, Codec: av.Opus, SampleRate: 16000}, 48000},
		{av.Track{Kind: av.Audio, Codec: av.Opus}, 48000},
	} {
		if got := Timescale(&c.track); got != c.want || !Carries(&c.track) {
			t.Errorf("%+v: %d", c.track, got)
		}
	}
}

func TestAppendFragmentDoesNotAllocate(t *testing.T) {
	runs, dst := benchRuns(t), make([]byte, 0, 1<<20)
	if n := testing.AllocsPerRun(100, func() { AppendFragment(dst, 1, runs...) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// benchRuns is a part of 200 ms: 5 frames of 4 kB and 9 of sound.
func benchRuns(t testing.TB) []Run {
	video, audio := videoTrack(t), audioTrack(t)
	v, a := Run{Track: video, End: 200 * ms}, Run{Track: audio, End: 207 * ms}
	for i := range int64(5) {
		v.Frames = append(v.Frames, &av.Frame{Track: video, DTS: i * 40 * ms, PTS: i * 40 * ms, Payload: make([]byte, 4000)})
	}
	for i := range int64(9) {
		a.Frames = append(a.Frames, &av.Frame{Track: audio, DTS: i * 23 * ms, PTS: i * 23 * ms, Payload: make([]byte, 200)})
	}
	return []Run{v, a}
}

func BenchmarkAppendFragment(b *testing.B) {
	runs, dst := benchRuns(b), make([]byte, 0, 1<<20)
	b.SetBytes(int64(len(AppendFragment(dst, 1, runs...))))
	b.ReportAllocs()
	for b.Loop() {
		AppendFragment(dst, 1, runs...)
	}
}

package bus

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/av"
)

// moment is one frame offered to a timeline, all times in milliseconds.
type moment struct {
	track   *av.Track
	arrival int64
	dts     int64
	want    int64
}

func TestTimeline(t *testing.T) {
	const day = 86_400_000
	v, a := video, audio
	tests := []struct {
		name  string
		in    []moment
		jumps uint64
		fixed uint64 // frames whose DTS was clamped
	}{
		{name: "times of the first publisher are kept", in: []moment{
			{v, 0, 5000, 5000}, {a, 1, 5010, 5010}, {v, 40, 5040, 5040}, {a, 41, 5033, 5033},
		}},
		{name: "times beyond 32 bits of milliseconds are kept", in: []moment{
			{v, 0, 1<<32 - 20, 1<<32 - 20}, {v, 40, 1<<32 + 20, 1<<32 + 20},
		}},
		{name: "negative times are kept", in: []moment{{v, 0, -80, -80}, {v, 40, -40, -40}, {v, 80, 0, 0}}},
		{name: "a burst is kept", in: []moment{{v, 0, 0, 0}, {v, 0, 40, 40}, {v, 0, 80, 80}, {v, 0, 2000, 2000}}},
		{name: "a pause of the source is kept", in: []moment{{v, 0, 0, 0}, {v, 40, 2900, 2900}}},
		{name: "a pause as long as wall time is kept", in: []moment{{v, 0, 0, 0}, {v, 60_000, 61_000, 61_000}}},
		{name: "late audio is kept", in: []moment{{v, 0, 20_000, 20_000}, {v, 40, 20_040, 20_040}, {a, 50, 12_000, 12_000}}},
		{name: "a track with another clock goes to the edge", in: []moment{
			{v, 0, day, day}, {a, 30, 0, day + 30}, {v, 40, day + 40, day + 40}, {a, 53, 23, day + 53},
		}, jumps: 1},
		{name: "disorder is clamped", in: []moment{
			{v, 0, 0, 0}, {v, 40, 40, 40}, {v, 80, 20, 40}, {v, 120, 80, 80}, {a, 120, 30, 30},
		}, fixed: 1},
		{name: "jump forward", in: []moment{
			{v, 0, 0, 0}, {a, 10, 10, 10}, {v, 40, day, 40}, {a, 50, day + 10, 50}, {v, 80, day + 40, 80},
		}, jumps: 1},
		{name: "jump back", in: []moment{
			{v, 0, day, day}, {a, 10, day + 10, day + 10}, {v, 40, 0, day + 40}, {a, 50, 10, day + 50}, {v, 80, 40, day + 80},
		}, jumps: 1},
		{name: "a jump while nothing arrives continues after wall time", in: []moment{
			{v, 0, day, day}, {v, 7000, 0, day + 7000}, {v, 7040, 40, day + 7040},
		}, jumps: 1},
		{name: "a jump in a burst goes on at once", in: []moment{{v, 0, day, day}, {v, 0, 0, day + 1}, {v, 0, 40, day + 41}}, jumps: 1},
		{name: "32-bit wrap, audio and video interleaved", in: []moment{
			{v, 0, 1<<32 - 30, 1<<32 - 30},
			{a, 0, 1<<32 - 30, 1<<32 - 30},
			{a, 23, 1<<32 - 7, 1<<32 - 7},
			{v, 40, 10, 1<<32 + 10}, // video wraps first
			{a, 41, 1<<32 + 11, 1<<32 + 11},
			{a, 69, 39, 1<<32 + 39},
			{v, 80, 50, 1<<32 + 50},
		}, jumps: 1},
		{name: "isolated glitch frame", in: []moment{
			{v, 0, 0, 0}, {a, 10, 10, 10}, {v, 40, day, 40}, {a, 50, 50, 50}, {v, 80, 80, 80}, {a, 90, 90, 90}, {v, 120, 120, 120},
		}, jumps: 1},
		{name: "glitch after glitch", in: []moment{
			{v, 0, 1000, 1000}, {v, 35, day, 1035}, {v, 70, 1080, 1080}, {v, 125, 9 * day, 1135}, {v, 160, 1160, 1160}, {v, 190, 5 * day, 1190}, {v, 240, 1240, 1240},
		}, jumps: 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var line timeline
			for i, m := range test.in {
				f := &av.Frame{Track: m.track, DTS: ms(m.dts), PTS: ms(m.dts + 80), Arrival: ms(m.arrival)}
				line.place(f)
				if f.DTS != ms(m.want) {
					t.Fatalf("frame %d: DTS %v, want %d ms", i, time.Duration(f.DTS), m.want)
				}
				if shift := f.PTS - f.DTS; shift != ms(80) && line.corrected == 0 {
					t.Errorf("frame %d: PTS is %v after DTS", i, time.Duration(shift))
				}
			}
			if line.jumps != test.jumps || line.corrected != test.fixed {
				t.Errorf("%d jumps and %d corrections, want %d and %d", line.jumps, line.corrected, test.jumps, test.fixed)
			}
		})
	}
}

func TestTimelineOfClampedFrames(t *testing.T) {
	tests := []struct {
		name                      string
		dts, pts, wantDTS, wantPT int64
	}{
		{"audio is shown when it is decoded", 900, 900, 1000, 1000},
		{"a picture that is shown later keeps its time", 900, 1080, 1000, 1080},
		{"a picture is not shown before it is decoded", 900, 940, 1000, 1000},
		{"a source that shows before it decodes is left alone", 900, 860, 1000, 860},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var line timeline
			line.place(&av.Frame{Track: video, DTS: ms(1000), PTS: ms(1000)})
			f := &av.Frame{Track: video, DTS: ms(test.dts), PTS: ms(test.pts)}
			line.place(f)
			if f.DTS != ms(test.wantDTS) || f.PTS != ms(test.wantPT) {
				t.Errorf("DTS %v, PTS %v, want %d and %d ms", time.Duration(f.DTS), time.Duration(f.PTS), test.wantDTS, test.wantPT)
			}
		})
	}
}

func TestTimelineOfSucceedingPublishers(t *testing.T) {
	tests := []struct {
		name  string
		after int64 // ms between the last frame of the one and the first of the other
		begin int64 // ms on the clock of the other
		want  int64
	}{
		{"restarts at zero", 3000, 0, 4000},
		{"goes on with its clock, which agrees by chance", 3000, 1100, 4000},
		{"takeover at once", 0, 0, 1001},
		{"a clock far ahead", 12_000, 1 << 40, 13_000},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var line timeline
			line.newPublisher() // the very first changes nothing
			place := func(track *av.Track, arrival, dts int64) int64 {
				f := &av.Frame{Track: track, DTS: ms(dts), PTS: ms(dts), Arrival: ms(arrival)}
				line.place(f)
				return f.DTS
			}
			place(audio, 0, 980)
			place(video, 20, 1000)
			line.newPublisher()
			at := 20 + test.after
			if got := place(video, at, test.begin); got != ms(test.want) {
				t.Errorf("first frame at %v, want %d ms", time.Duration(got), test.want)
			}
			if got := place(audio, at, test.begin+7); got != ms(test.want+7) {
				t.Errorf("audio at %v, want 7 ms after video", time.Duration(got))
			}
			if got := place(video, at+40, test.begin+40); got != ms(test.want+40) {
				t.Errorf("second frame at %v, want %d ms", time.Duration(got), test.want+40)
			}
		})
	}
}

// However often a publisher's clock is set, audio and video of one setting stay
// as far apart as the publisher had them once both use it, even if they change
// over at different times.
func TestTimelineKeepsAudioWithVideo(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a repeatable test
		var line timeline
		base, old := int64(0), int64(0)
		var begin, lag int64 // when the clock was set, and how much later audio follows
		var videoShift int64
		for at := int64(0); at < 60_000; at += 20 {
			if at%10_000 == 5000 {
				old, begin, lag = base, at, random.Int64N(200)
				for base-old > -15_000 && base-old < 15_000 {
					base = random.Int64N(1<<33) - 1<<32
				}
			}
			if at%40 == 0 {
				f := &av.Frame{Track: video, DTS: ms(base + at), Arrival: ms(at + random.Int64N(15))}
				before := f.DTS
				line.place(f)
				videoShift = f.DTS - before
			}
			clock := base
			if at < begin+lag {
				clock = old
			}
			f := &av.Frame{Track: audio, DTS: ms(clock + at), Arrival: ms(at + 15)}
			before := f.DTS
			line.place(f)
			if shift := f.DTS - before; at > begin+500 && shift != videoShift {
				t.Fatalf("seed %d, at %d ms: audio was moved by %v, video by %v", seed, at, time.Duration(shift), time.Duration(videoShift))
			}
		}
		if line.jumps > 8 {
			t.Errorf("seed %d: %d jumps for 6 settings of the clock", seed, line.jumps)
		}
	}
}

// FuzzTimeline reads six bytes per frame: track and what happens, wall time
// since the frame before, and the change of the publisher's clock.
func FuzzTimeline(f *testing.F) {
	f.Fuzz(func(t *testing.T, script []byte) {
		var line timeline
		var clock, wall int64
		last, arrived := map[int]int64{}, map[int]int64{}
		for ; len(script) >= 6; script = script[6:] {
			track := []*av.Track{video, audio, av.ScriptTrack, video}[script[0]&3]
			scale := []int64{1, 20, 5000, 1 << 20}[script[0]>>2&3]
			if script[0]>>4 == 15 {
				line.newPublisher()
			}
			wall += ms(int64(script[1]))
			clock += ms(int64(int16(binary.BigEndian.Uint16(script[2:]))) * scale)
			f := &av.Frame{Track: track, DTS: clock, PTS: clock + ms(int64(script[4])), Arrival: wall}
			edge := max(line.newest, f.DTS)
			if line.began {
				edge = line.edge(f)
			}
			shown, composition := f.PTS, f.PTS-f.DTS
			corrected := line.corrected
			line.place(f)

			before, seen := last[track.ID]
			switch {
			case seen && f.DTS < before:
				t.Fatalf("%v DTS %d after %d", track.Kind, f.DTS, before)
			case f.PTS < f.DTS:
				t.Fatalf("PTS %d before DTS %d", f.PTS, f.DTS)
			case line.corrected == corrected && f.PTS-f.DTS != composition:
				t.Fatalf("PTS is %d after DTS, was %d", f.PTS-f.DTS, composition)
			case f.PTS-shown != line.offset && line.corrected == corrected:
				t.Fatalf("moved by %d, which is not the common offset %d", f.PTS-shown, line.offset)
			case seen && f.DTS > max(edge, before+maxForward+wall-arrived[track.ID]):
				t.Fatalf("%v runs ahead from %d to %d, edge %d", track.Kind, before, f.DTS, edge)
			case f.DTS > line.newest:
				t.Fatalf("newest is %d, given out %d", line.newest, f.DTS)
			}
			last[track.ID], arrived[track.ID] = f.DTS, wall
		}
	})
}

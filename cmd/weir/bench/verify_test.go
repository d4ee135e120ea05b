package bench

import (
	"testing"
	"time"

	"github.com/weirmedia/weir/remux/flv"
)

func TestContentOf(t *testing.T) {
	for _, test := range []struct {
		name string
		tag  flv.Tag
		want content
	}{
		{"AVC header", videoTag(0, avcHeader), content{}},
		{"AVC key frame", videoTag(0, avcKey), content{media: true, video: true, key: true}},
		{"AVC picture", videoTag(0, avcInter), content{media: true, video: true}},
		{"AVC end", videoTag(0, "\x17\x02\x00\x00\x00"), content{}},
		{"video command", videoTag(0, "\x57\x00"), content{}},
		{"H.263 key frame", videoTag(0, "\x12\x00"), content{media: true, video: true, key: true}},
		{"enhanced header", videoTag(0, "\x90hvc1"), content{}},
		{"enhanced key frame", videoTag(0, "\x91hvc1"), content{media: true, video: true, key: true}},
		{"enhanced picture without composition time", videoTag(0, "\xa3hvc1"), content{media: true, video: true}},
		{"enhanced metadata", videoTag(0, "\x94hvc1"), content{}},
		{"AAC header", audioTag(0, aacHeader), content{}},
		{"AAC", audioTag(0, aacFrame), content{media: true}},
		{"MP3", audioTag(0, "\x2f\xff\xfb"), content{media: true}},
		{"enhanced audio header", audioTag(0, "\x90Opus"), content{}},
		{"enhanced audio", audioTag(0, "\x91Opus"), content{media: true}},
		{"script data", flv.Tag{Type: flv.ScriptTag, Body: []byte("\x02\x00\x0aonMetaData")}, content{}},
		{"empty", videoTag(0, ""), content{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := contentOf(test.tag); got != test.want {
				t.Errorf("%+v, want %+v", got, test.want)
			}
		})
	}
}

// every returns n timestamps, step apart.
func every(from, step uint32, n int) (out []uint32) {
	for i := range uint32(n) {
		out = append(out, from+i*step)
	}
	return out
}

func TestVerifierTimestamps(t *testing.T) {
	for _, test := range []struct {
		name         string
		times        []uint32
		gaps, errors uint64
	}{
		{"steady", every(0, 40, 50), 0, 0},
		{"across the wrap", every(0xFFFFFF00, 40, 50), 0, 0},
		{"jitter", []uint32{0, 40, 81, 119, 160, 200, 240, 281, 320, 361, 440, 480}, 0, 0},
		{"three lost", append(every(0, 40, 20), every(920, 40, 5)...), 1, 0},
		{"back", append(every(0, 40, 20), every(400, 40, 5)...), 0, 1},
		{"equal is allowed", []uint32{0, 0, 40, 40}, 0, 0},
		{"too early to tell", []uint32{0, 40, 500, 540}, 0, 0},
		{"slower from then on", append(every(0, 40, 20), every(960, 200, 60)...), 15, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := verifier{latency: &histogram{}}
			for _, at := range test.times {
				v.observe(videoTag(at, avcInter), time.Now())
			}
			if test.name == "slower from then on" { // until it is usual: some, not all
				if v.Gaps == 0 || v.Gaps > test.gaps {
					t.Errorf("%d gaps, want 1 to %d", v.Gaps, test.gaps)
				}
				return
			}
			if v.Gaps != test.gaps || v.TimestampErrors != test.errors || v.Frames != uint64(len(test.times)) {
				t.Errorf("%+v, want %d gaps and %d errors in %d frames", v.findings, test.gaps, test.errors, len(test.times))
			}
		})
	}
}

func TestVerifierStamps(t *testing.T) {
	begin := time.Unix(1_700_000_000, 0)
	v := verifier{latency: &histogram{}}
	v.observe(videoTag(0, avcHeader), begin)
	send := func(number uint64, sent, arrived time.Duration) {
		au, at, ok := insertMarker([]byte(avcInter)[avcHeaderSize:], 4)
		if !ok {
			t.Fatal("not marked")
		}
		putStamp(au[at:], Stamp{number, begin.Add(sent).UnixNano()})
		v.observe(videoTag(uint32(arrived.Milliseconds()), avcInter[:avcHeaderSize]+string(au)), begin.Add(arrived))
	}
	const ms = time.Millisecond
	send(10, -40*ms, 0)     // kept by the server: no latency
	send(11, 0, 3*ms)       // 3 ms
	send(12, 40*ms, 45*ms)  // 5 ms
	send(15, 60*ms, 70*ms)  // 10 ms, two lost
	send(0, 100*ms, 101*ms) // a new publisher: nothing lost
	send(1, 200*ms, 140*ms) // from the future
	want := findings{Frames: 6, Gaps: 1, Lost: 2, ClockAhead: 1}
	if v.findings != want {
		t.Errorf("%+v, want %+v", v.findings, want)
	}
	if n, longest := v.latency.count.Load(), v.latency.max(); n != 4 || longest != 10*ms {
		t.Errorf("%d latencies, at most %v; want 4, at most 10 ms", n, longest)
	}
}

package probe

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/amf0"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/remux/flv"
)

// wide is a shape without anything wrong.
var wide = shape{frames: 250, gop: 50}

func field(name string, value any) amf0.Property { return amf0.Property{Name: name, Value: value} }

// TestFindings: what is wrong is found, and nothing else.
func TestFindings(t *testing.T) {
	// plays is what most streams do.
	plays := func(s shape) func(*feed) {
		return func(f *feed) { f.headers(); f.regular(s) }
	}
	tells := func(fields ...amf0.Property) func(*feed) {
		return func(f *feed) { f.metadata(fields...); f.headers(); f.regular(wide) }
	}
	late := func(from, by int) func(int) int {
		return func(dts int) int {
			if dts >= from {
				return dts + by
			}
			return dts
		}
	}
	for _, test := range []struct {
		name string
		play func(*feed)
		want string // codes, those that are wrong with a mark
	}{
		{"nothing", func(*feed) {}, "no_media!"},
		{"a good stream", plays(wide), ""},
		{"a good stream that tells the truth", tells(field("width", 640.0), field("height", 360.0), field("framerate", 25.0),
			field("videocodecid", 7.0), field("audiocodecid", 10.0), field("audiosamplerate", 44100.0), field("audiochannels", 2.0)), ""},
		{"codecs by name", tells(field("videocodecid", "avc1"), field("audiocodecid", "mp4a")), ""},
		{"codecs by FourCC", tells(field("videocodecid", float64(0x61766331)), field("audiocodecid", float64(0x6D703461))), ""},

		{"a long GOP", plays(shape{frames: 250, gop: 125}), "gop_long"},
		{"a very long GOP", plays(shape{frames: 300, gop: 1000}), "gop_long!"},
		{"uneven GOPs", func(f *feed) {
			f.headers()
			for i := range 250 {
				key := i%50 == 0 || i == 60
				nal := byte(other)
				if key {
					nal = idr
				}
				f.picture(40*i, 0, 40*i, 1000, key, nal)
				f.sound(40*i, 40*i)
			}
		}, "gop_uneven"},
		{"no key frame", func(f *feed) {
			f.headers()
			for i := range 60 {
				f.picture(40*i, 0, 40*i, 1000, false, other)
				f.sound(40*i, 40*i)
			}
		}, "no_key_frame!"},
		{"keys that are none", func(f *feed) {
			f.headers()
			for i := range 100 {
				f.picture(40*i, 0, 40*i, 1000, i%50 == 0, other)
				f.sound(40*i, 40*i)
			}
		}, "key_without_idr!"},
		{"IDR without flag", func(f *feed) {
			f.headers()
			f.picture(0, 0, 0, 1000, true, idr)
			f.sound(0, 0)
			f.picture(40, 0, 40, 1000, false, idr)
		}, "idr_without_key!"},

		{"a jump ahead", plays(shape{frames: 250, gop: 50, dts: func(i, dts int) int {
			if i >= 100 {
				dts += 5000
			}
			return dts
		}}), "timestamp_jump!"},
		{"a clock that restarts", plays(shape{frames: 250, gop: 50, dts: func(i, dts int) int { return dts % 4000 }}), "timestamp_jump!"},
		{"audio on another clock", plays(shape{frames: 250, gop: 50, audioBy: 900}), "av_offset!"},
		{"late audio", func(f *feed) {
			f.headers()
			for i := range 100 {
				f.picture(40*i, 0, 40*i, 1000, i%50 == 0, map[bool]byte{true: idr, false: other}[i%50 == 0])
				if i > 60 {
					f.sound(40*i, 40*i)
				}
			}
		}, "audio_late!"},
		{"some jitter", plays(shape{frames: 250, gop: 50, arrival: func(dts int) int { return dts + 250*(dts/40%2) }}), "jitter"},
		{"much jitter", plays(shape{frames: 250, gop: 50, arrival: func(dts int) int { return dts - dts%1200 + 1200 }}), "jitter!"},
		{"too slow", plays(shape{frames: 250, gop: 50, arrival: func(dts int) int { return dts * 3 / 2 }}), "too_slow!"},
		{"a late start", plays(shape{frames: 250, gop: 50, arrival: late(0, 3500)}), "slow_start"},

		{"metadata with another size", tells(field("width", 1280.0), field("Height", 720.0)), "metadata_width! metadata_height!"},
		{"metadata with another frame rate", tells(field("framerate", 60.0)), "metadata_framerate"},
		{"metadata with other codecs", tells(field("videocodecid", 2.0), field("audiocodecid", "opus")), "metadata_videocodecid! metadata_audiocodecid!"},
		{"metadata with another sound", tells(field("audiosamplerate", 48000.0), field("audiochannels", 1.0)), "metadata_audiosamplerate! metadata_audiochannels!"},
		{"announced sound that does not come", func(f *feed) {
			f.metadata(field("audiocodecid", 10.0))
			f.facts.Header = &flv.Header{HasVideo: true, HasAudio: true}
			f.videoHeader()
			f.regular(shape{frames: 100, gop: 50, noAudio: true})
		}, "header_flags! missing_track!"},
		{"video without its flag", func(f *feed) {
			f.facts.Header = &flv.Header{HasAudio: true}
			plays(wide)(f)
		}, "header_flags!"},

		{"another picture size on the way", func(f *feed) {
			plays(wide)(f)
			f.tag(flv.AudioTag, 10000, 10000, []byte{0xAF, 0, 0x11, 0x90})
		}, "configuration_changed"},
		{"frames before the header", func(f *feed) {
			f.picture(0, 0, 0, 1000, true, idr)
			plays(wide)(f)
		}, "no_configuration!"},
		{"a broken frame", func(f *feed) {
			plays(wide)(f)
			f.tag(flv.VideoTag, 10000, 10000, []byte{0x27, 1, 0, 0, 0, 0, 0, 0, 99, 1})
		}, "broken_tags!"},
		{"an unknown codec", func(f *feed) {
			plays(wide)(f)
			f.tag(flv.VideoTag, 10000, 10000, []byte{0x14, 1})
		}, "unsupported!"},
		{"a tag of no use", func(f *feed) {
			plays(wide)(f)
			f.tag(flv.ScriptTag, 10000, 10000, []byte{0xFF})
		}, "ignored"},
		{"the end", func(f *feed) { plays(wide)(f); f.End(io.EOF) }, "ended"},
		{"a broken line", func(f *feed) { plays(wide)(f); f.End(errors.New("reset")) }, "broken_off!"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFeed(t, Facts{Live: true})
			test.play(f)
			r := f.Report()
			var got []string
			for _, found := range r.Findings {
				code := found.Code
				if found.Severity == Wrong {
					code += "!"
				}
				got = append(got, code)
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("found %q, want %q: %+v", got, test.want, r.Findings)
			}
			if r.Wrong() != strings.Contains(test.want, "!") {
				t.Errorf("Wrong() = %t", r.Wrong())
			}
		})
	}
}

func TestTracks(t *testing.T) {
	f := newFeed(t, Facts{})
	f.headers()
	f.regular(wide)
	r := f.Report()
	if len(r.Tracks) != 2 {
		t.Fatalf("tracks %+v", r.Tracks)
	}
	v, a := r.Tracks[0], r.Tracks[1]
	// A GOP of 2 s has 4000 and 49 times 1000 bytes.
	const average = (4000 + 49*1000) * 8 / 2
	if v.Codec != "H264" || v.Profile != "Main" || v.Level != "3.1" || v.Width != 640 || v.Height != 360 ||
		v.FrameRate != 25 || v.DeclaredFrameRate != 25 || v.Frames != 250 || v.BitRate != average || v.PeakBitRate != (4000+24*1000)*8 {
		t.Errorf("video %+v", v)
	}
	if *v.GOP != (GOP{4, 2, 2, 2, 50, 50, 1.96}) || *v.Reorder != (Reorder{}) {
		t.Errorf("%+v, %+v", v.GOP, v.Reorder)
	}
	if a.Codec != "AAC" || a.Profile != "LC" || a.SampleRate != 44100 || a.Channels != 2 || a.Frames != 500 || a.BitRate != 80000 || a.GOP != nil {
		t.Errorf("audio %+v", a)
	}
	if r.Join != nil || r.Pace != nil {
		t.Error("a file has neither join nor pace")
	}
}

func TestReordering(t *testing.T) {
	for _, test := range []struct {
		name  string
		shown []int // output positions in decoding order
		want  Reorder
	}{
		{"no B-frames", []int{0, 1, 2, 3, 4, 5}, Reorder{}},
		{"one in a row", []int{0, 2, 1, 4, 3}, Reorder{2, 1, 1}},
		{"three in a row", []int{0, 4, 1, 2, 3, 8, 5, 6, 7}, Reorder{6, 3, 1}},
		{"a pyramid", []int{0, 4, 2, 1, 3, 8, 6, 5, 7}, Reorder{6, 3, 2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFeed(t, Facts{})
			f.videoHeader()
			for i, at := range test.shown {
				key := i == 0
				nal := map[bool]byte{true: idr, false: other}[key]
				f.picture(40*i, 40*(at+2-i), 0, 100, key, nal)
			}
			if got := *f.Report().Tracks[0].Reorder; got != test.want {
				t.Errorf("%+v, want %+v", got, test.want)
			}
		})
	}
}

func TestJoin(t *testing.T) {
	const ready = 30
	f := newFeed(t, Facts{Live: true, Connected: 10e6, Ready: ready * 1e6})
	f.headers()
	// 30 frames (1.2 s) are there at 50 ms, later ones come in time.
	for i := range 150 {
		arrival := max(50, 50+40*(i-29))
		key := i%50 == 2 // two frames too early
		f.picture(40*i, 0, arrival, 1000, key, map[bool]byte{true: idr, false: other}[key])
	}
	r := f.Report()
	// The last frame of the burst counts as the first in time.
	want := Join{FirstPicture: 0.05, Connect: 0.01, Handshake: 0.02, Wait: 0.02, GOP: 0, Burst: 1.16, BurstFrames: 29, BurstBytes: 29000}
	if *r.Join != want {
		t.Errorf("%+v, want %+v", *r.Join, want)
	}
	if *r.Pace != (Pace{Speed: 1}) {
		t.Errorf("pace %+v", *r.Pace)
	}
}

func TestJoinWaitsForAKeyFrame(t *testing.T) {
	f := newFeed(t, Facts{Live: true})
	f.headers()
	for i := range 100 {
		key := i == 45
		f.picture(40*i, 0, 100+40*i, 1000, key, map[bool]byte{true: idr, false: other}[key])
	}
	if j := f.Report().Join; j.Wait != 0.1 || j.GOP != 1.8 || j.FirstPicture != 1.9 || j.Burst != 0 {
		t.Errorf("%+v", j)
	}
}

func TestSync(t *testing.T) {
	f := newFeed(t, Facts{})
	f.headers()
	f.regular(shape{frames: 100, gop: 50, audioBy: -30})
	want := Sync{Start: -0.03, Offset: -0.05, Worst: -0.05}
	if got := *f.Report().Sync; got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestJumps(t *testing.T) {
	f := newFeed(t, Facts{})
	f.videoHeader()
	f.regular(shape{frames: 100, gop: 50, noAudio: true, dts: func(i, dts int) int {
		switch {
		case i >= 75:
			return dts - 1000
		case i >= 50:
			return dts + 2000
		}
		return dts
	}})
	r := f.Report()
	want := "{2 [{0 1.96 2.04} {0 2.96 -2.96}]}"
	if got := fmt.Sprint(r.Jumps); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if r.Seconds != 3.96 || r.Tracks[0].FrameRate != 25 || r.Timeline.Jumps[9] != 1 {
		t.Errorf("%v s, %v frames/s, %v", r.Seconds, r.Tracks[0].FrameRate, r.Timeline.Jumps)
	}
}

func TestVerdicts(t *testing.T) {
	video := func(c av.Codec, profile string, b int) Track {
		return Track{Kind: "video", codec: c, Profile: profile, Reorder: &Reorder{BFrames: b}}
	}
	audio := func(c av.Codec) Track { return Track{Kind: "audio", codec: c, SampleRate: 48000, Channels: 2} }
	for _, test := range []struct {
		name        string
		tracks      []Track
		mse, webRTC string // Chrome, Edge, Firefox, Safari
	}{
		{"H.264 and AAC", []Track{video(av.H264, "High", 0), audio(av.AAC)}, "yes yes yes yes", "no no no no"},
		{"H.264 and Opus", []Track{video(av.H264, "High", 0), audio(av.Opus)}, "yes yes yes maybe", "yes yes yes yes"},
		{"with B-frames", []Track{video(av.H264, "High", 9), audio(av.Opus)}, "yes yes yes maybe", "no no no no"},
		{"10 bits", []Track{video(av.H264, "High 10", 0)}, "maybe maybe no no", "maybe maybe no no"},
		{"HEVC", []Track{video(av.H265, "Main", 0)}, "maybe maybe maybe yes", "maybe maybe no maybe"},
		{"AV1", []Track{video(av.AV1, "Main", 0)}, "yes yes yes maybe", "yes yes yes maybe"},
		{"VP9", []Track{video(av.VP9, "", 0)}, "no no no no", "yes yes yes yes"},
		{"G.711", []Track{audio(av.G711A)}, "no no no no", "yes yes yes yes"},
		{"AC-3", []Track{audio(av.AC3)}, "no no no no", "no no no no"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for i, want := range []string{test.mse, test.webRTC} {
				v := verdicts(test.tracks)[i]
				if got := fmt.Sprint(v.Chrome, " ", v.Edge, " ", v.Firefox, " ", v.Safari); got != want {
					t.Errorf("%s: %s, want %s", v.Way, got, want)
				}
				for _, r := range v.Reasons {
					if r.Text == "" || r.Fix == "" {
						t.Errorf("%s: a reason says nothing: %+v", v.Way, r)
					}
				}
				if (len(v.Reasons) > 0) != (want != "yes yes yes yes") {
					t.Errorf("%s: reasons %+v", v.Way, v.Reasons)
				}
			}
		})
	}
	if len(verdicts(nil)) != 0 {
		t.Error("verdicts on nothing")
	}
}

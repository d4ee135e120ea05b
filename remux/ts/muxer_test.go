package ts

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/aac"
	"github.com/weirmedia/weir/pkg/codec/h264"
	"github.com/weirmedia/weir/pkg/codec/opus"
	"github.com/weirmedia/weir/pkg/reason"
)

const (
	testSPS   = "6742c00dd901519e226c0440000003004000000f03c50a92"
	testPPS   = "68cb83cb20"
	avcRecord = "0142c00d ff e1 0018" + testSPS + "01 0005" + testPPS
)

func videoTrack(t testing.TB, id int) *av.Track {
	t.Helper()
	track, err := h264.TrackFromConfig(id, unhex(t, avcRecord))
	if err != nil {
		t.Fatal(err)
	}
	return track
}

func aacTrack(t testing.TB, id int, config string) *av.Track {
	t.Helper()
	track, err := aac.TrackFromConfig(id, unhex(t, config))
	if err != nil {
		t.Fatal(err)
	}
	return track
}

func layoutOf(tracks ...*av.Track) *av.Layout { return &av.Layout{Ready: true, Tracks: tracks} }

// The tables, headers and clocks here were put together by hand from the
// specification; the two sections are those that other muxers write too.
func TestGolden(t *testing.T) {
	video, audio := videoTrack(t, 0), aacTrack(t, 1, "1210")
	l := layoutOf(video, audio)
	m := new(Muxer)
	key := &av.Frame{Track: video, DTS: 40 * millisecond, PTS: 120 * millisecond, Key: true, Payload: unhex(t, "00000002 6588")}
	out, err := m.AppendFrame(nil, key, l, true)
	if err != nil {
		t.Fatal(err)
	}
	sound := &av.Frame{Track: audio, DTS: 40 * millisecond, PTS: 40 * millisecond, Payload: unhex(t, "2118")}
	if out, err = m.AppendFrame(out, sound, l, false); err != nil {
		t.Fatal(err)
	}
	ff := func(n int) string { return strings.Repeat("ff", n) }
	want := "474000 10 00 00b00d 0001 c1 0000 0001f000 2ab104b2" + ff(167) +
		"475000 10 00 02b017 0001 c1 0000 e100 f000 1b e100 f000 0f e101 f000 2f44b99b" + ff(157) +
		// Random access, clock of 840 ms; times of 1120 and 1040 ms.
		"474100 30 73 50 000093a87e00" + ff(108) + "000001e0 003e 84c00a 3100071381 110005db41" +
		"00000001 09f0 00000001" + testSPS + "00000001" + testPPS + "00000001 6588" +
		"474101 30 a0 00" + ff(159) + "000001c0 0011 848005 210005db41 fff15080013ffc 2118"
	if !bytes.Equal(out, unhex(t, want)) {
		t.Errorf("got\n%x\nwant\n%x", out, unhex(t, want))
	}
}

// Frames of every size around the borders of packets fill them exactly and come
// back whole.
func TestPacketBorders(t *testing.T) {
	video := videoTrack(t, 0)
	l := layoutOf(video)
	m := new(Muxer)
	var out []byte
	var in []*av.Frame
	for size := 1; size < 3*packetSize; size++ {
		nal := append([]byte{0x41}, bytes.Repeat([]byte{0x9A}, size)...)
		f := &av.Frame{Track: video, DTS: int64(size) * 40 * millisecond, PTS: int64(size) * 40 * millisecond, Key: size == 1,
			Payload: append(binary.BigEndian.AppendUint32(nil, uint32(len(nal))), nal...)}
		if f.Key {
			f.Payload[lengthSize] = 0x65
		}
		in = append(in, f)
		before := len(out)
		var err error
		if out, err = m.AppendFrame(out, f, l, f.Key); err != nil {
			t.Fatal(err)
		}
		if n := len(out) - before; n%packetSize != 0 || n == 0 {
			t.Fatalf("size %d: %d bytes", size, n)
		}
	}
	got, _ := demux(t, out)
	if len(got) != len(in) {
		t.Fatalf("%d frames of %d", len(got), len(in))
	}
	for i := range got {
		if !bytes.Equal(got[i].Payload, in[i].Payload) {
			t.Fatalf("frame %d: %x", i, got[i].Payload)
		}
	}
}

// Counters go on over segments, layouts and repeated tables.
func TestContinuity(t *testing.T) {
	frames := footage(t, "multitrack.flv")
	m := new(Muxer)
	var out []byte
	for range 20 {
		out = append(out, muxWith(t, m, frames)...)
	}
	half := *frames[0].Layout // without the first video track, which returns
	half.Tracks = half.Tracks[1:]
	for _, f := range frames {
		f.Layout = &half
	}
	out = append(out, muxWith(t, m, frames)...)
	out = append(out, muxWith(t, m, footage(t, "multitrack.flv"))...)
	next, count := make(map[uint16]uint8), make(map[uint16]int)
	for i, p := range packets(t, out) {
		if p.payload == nil {
			if p.counter != (next[p.pid]-1)&0x0F {
				t.Fatalf("packet %d: counter %d of a packet without payload", i, p.counter)
			}
			continue
		}
		if p.counter != next[p.pid] {
			t.Fatalf("packet %d, pid %#x: counter %d, want %d", i, p.pid, p.counter, next[p.pid])
		}
		next[p.pid] = (p.counter + 1) & 0x0F
		count[p.pid]++
	}
	for _, pid := range []uint16{pidPAT, pidPMT, 0x100, 0x101, 0x102, 0x103} {
		if count[pid] < 17 {
			t.Errorf("pid %#x: %d packets say little", pid, count[pid])
		}
	}
}

// clocks returns the PCRs of a stream in ns.
func clocks(t *testing.T, out []byte) (times []int64, pids map[uint16]bool) {
	pids = make(map[uint16]bool)
	for b := range slices.Chunk(out, packetSize) {
		if b[3]&hasAdaptation == 0 || b[4] == 0 || b[5]&hasPCR == 0 {
			continue
		}
		v := uint64(binary.BigEndian.Uint32(b[6:]))<<16 | uint64(binary.BigEndian.Uint16(b[10:]))
		if v>>9&0x3F != 0x3F {
			t.Fatal("reserved bits")
		}
		times = append(times, int64(v>>15*300+v&0x1FF)*1000/27)
		p, _ := parsePacket(b)
		pids[p.pid] = true
	}
	return times, pids
}

// The clock never goes back and never stays away for more than 100 ms, whatever
// the tracks are like.
func TestClock(t *testing.T) {
	video, audio := videoTrack(t, 0), aacTrack(t, 1, "1210")
	both := layoutOf(video, audio)
	for _, c := range []struct {
		name      string
		layout    *av.Layout
		picture   int64 // ms between frames, 0 for none
		sound     int64
		shift     int64 // of the audio against the video, ms
		jitter    int64 // ms
		pid       uint16
		clockOnly bool // packets with only a clock are expected
	}{
		{name: "usual", layout: both, picture: 40, sound: 23, pid: 0x100},
		{name: "60 fps", layout: both, picture: 17, sound: 23, pid: 0x100},
		{name: "slow video", layout: both, picture: 1000, sound: 23, pid: 0x100, clockOnly: true},
		{name: "slow video, early audio", layout: both, picture: 1000, sound: 23, shift: 5000, pid: 0x100, clockOnly: true},
		{name: "jitter", layout: both, picture: 40, sound: 23, jitter: 9, pid: 0x100},
		{name: "no video", layout: layoutOf(audio), sound: 23, pid: 0x101},
		{name: "video only", layout: layoutOf(video), picture: 33, pid: 0x100},
	} {
		t.Run(c.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			m := new(Muxer)
			var out []byte
			var err error
			nextPicture, nextSound := int64(0), int64(7)
			for at := range int64(20_000) {
				jitter := int64(0)
				if c.jitter > 0 {
					jitter = random.Int64N(c.jitter)
				}
				if c.picture > 0 && at == nextPicture {
					nextPicture += c.picture
					dts := (at + jitter) * millisecond
					out, err = m.AppendFrame(out, &av.Frame{Track: video, DTS: dts, PTS: dts, Key: true, Payload: unhex(t, "00000002 6588")}, c.layout, false)
				}
				if c.sound > 0 && at == nextSound && err == nil {
					nextSound += c.sound
					dts := (at + jitter + c.shift) * millisecond
					out, err = m.AppendFrame(out, &av.Frame{Track: audio, DTS: dts, PTS: dts, Payload: []byte{1}}, c.layout, false)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			times, pids := clocks(t, out)
			if len(pids) != 1 || !pids[c.pid] {
				t.Errorf("clock on %v", pids)
			}
			for i, at := range times[1:] {
				if gap := at - times[i]; gap <= 0 || gap > maxClockGap {
					t.Errorf("clock %d: %d ns after the one before", i+1, gap)
				}
			}
			if want := 19_000 * int64(millisecond); times[len(times)-1]-times[0] < want {
				t.Errorf("the clock went only from %d to %d", times[0], times[len(times)-1])
			}
			only := slices.ContainsFunc(packets(t, out), func(p packet) bool { return p.payload == nil })
			if only != c.clockOnly {
				t.Errorf("packets with only a clock: %v", only)
			}
		})
	}
}

// Times go on over the wrap of 33 bits, after 26.5 hours.
func TestWrap(t *testing.T) {
	const wrap = 1 << timestampBits
	in := footage(t, "bframes.flv")
	shift := nanoseconds(wrap) - timeShift - 300*millisecond
	for _, f := range in {
		f.DTS, f.PTS = f.DTS+shift, f.PTS+shift
	}
	stream := mux(t, in)
	out, _ := demux(t, stream)
	if len(out) != len(in) {
		t.Fatalf("%d frames of %d", len(out), len(in))
	}
	wrapped := 0
	for id, list := range byID(out) {
		for i, f := range list {
			want := byID(in)[id][i]
			if ticks(f.DTS) != ticks(want.DTS+timeShift) || ticks(f.PTS) != ticks(want.PTS+timeShift) {
				t.Errorf("track %d, frame %d: %d %d, want %d %d", id, i, f.DTS, f.PTS, want.DTS+timeShift, want.PTS+timeShift)
			}
			if ticks(f.DTS) >= wrap {
				wrapped++
			}
		}
	}
	if wrapped == 0 || wrapped == len(out) {
		t.Errorf("%d of %d frames are behind the wrap", wrapped, len(out))
	}
	times, _ := clocks(t, stream)
	back := 0
	for i, at := range times[1:] {
		if at < times[i] {
			back++
		}
	}
	if back != 1 {
		t.Errorf("the clock went back %d times, want once", back)
	}
}

// tablesIn counts the PATs and returns the version of each PMT.
func tablesIn(t *testing.T, out []byte) (pats int, versions []uint8) {
	for _, p := range packets(t, out) {
		switch {
		case p.pid == pidPAT:
			pats++
		case p.pid == pidPMT && p.start:
			versions = append(versions, p.payload[6]>>1&0x1F)
		}
	}
	return pats, versions
}

func TestTables(t *testing.T) {
	video, audio := videoTrack(t, 0), aacTrack(t, 1, "1210")
	flac := &av.Track{ID: 3, Kind: av.Audio, Codec: av.FLAC}
	m := new(Muxer)
	l := layoutOf(video, audio)
	frame := func(track *av.Track, ms int64, l *av.Layout, start bool) []byte {
		t.Helper()
		payload := unhex(t, "00000002 4188")
		out, err := m.AppendFrame(nil, &av.Frame{Track: track, DTS: ms * millisecond, PTS: ms * millisecond, Payload: payload}, l, start)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	change := func(from, to *av.Layout) []byte {
		t.Helper()
		out, err := m.AppendChange(nil, from, to, 0)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	expect := func(what string, out []byte, want ...uint8) {
		t.Helper()
		pats, versions := tablesIn(t, out)
		if pats != len(want) || !slices.Equal(versions, want) {
			t.Errorf("%s: %d PATs, PMT versions %v, want %v", what, pats, versions, want)
		}
	}
	expect("first frame", frame(video, 0, l, false), 0)
	expect("next frame", frame(video, 40, l, false))
	expect("start", frame(video, 80, l, true), 0)
	expect("499 ms later", frame(audio, 579, l, false))
	expect("500 ms later", frame(audio, 580, l, false), 0)
	if out := frame(flac, 590, l, true); len(out) != 0 {
		t.Errorf("a track that is not in the layout: %x", out)
	}
	expect("after a start that did not go out", frame(audio, 600, l, false), 0)

	same := *video // a new configuration; it goes out in band
	expect("same streams", change(l, layoutOf(&same, audio)))
	expect("a track that cannot be carried", change(l, layoutOf(&same, audio, flac)))
	expect("without audio", change(l, layoutOf(&same)), 1)
	expect("with audio", change(layoutOf(&same), l), 2)
	expect("no call for the change", frame(video, 640, layoutOf(video), false), 3)
	expect("a publisher that has said nothing yet", change(l, &av.Layout{}))
	expect("it returns", frame(video, 680, layoutOf(video), false))
	out, err := m.AppendTables(nil, layoutOf(video))
	if err != nil {
		t.Fatal(err)
	}
	expect("on demand", out, 3)
	for i := range 40 { // five bits
		version := uint8(4+i) & 0x1F
		l := layoutOf(video)
		if i%2 == 0 {
			l = layoutOf(video, audio)
		}
		expect("change", change(l, l), version)
	}
}

// Parameter sets precede key frames that lack them, and no others.
func TestParameterSets(t *testing.T) {
	const aud, setsWant = "00000001 09f0", "00000001" + testSPS + "00000001" + testPPS
	for _, c := range []struct {
		name, payload string
		key           bool
		want          string
	}{
		{"key frame", "00000002 6588", true, aud + setsWant + "00000001 6588"},
		{"other frame", "00000002 4188", false, aud + "00000001 4188"},
		{"SEI first", "00000002 0605 00000002 6588", true, aud + setsWant + "00000001 0605 00000001 6588"},
		{"in band", "00000002 6742 00000002 68cb 00000002 6588", true, aud + "00000001 6742 00000001 68cb 00000001 6588"},
		{"SPS in band only", "00000002 6742 00000002 6588", true, aud + setsWant + "00000001 6742 00000001 6588"},
		{"delimiter in band", "00000002 0910 00000002 4188", false, aud + "00000001 4188"},
		{"delimiter alone", "00000002 0910", false, ""},
		{"empty units", "00000000 00000000", false, ""},
		{"nothing", "", false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			video := videoTrack(t, 0)
			f := &av.Frame{Track: video, Key: c.key, Payload: unhex(t, c.payload)}
			m := new(Muxer)
			tables, err := m.AppendTables(nil, layoutOf(video))
			if err != nil {
				t.Fatal(err)
			}
			out, err := m.AppendFrame(tables, f, layoutOf(video), false)
			if err != nil {
				t.Fatal(err)
			}
			var got []byte
			for _, p := range packets(t, out[len(tables):]) {
				if p.pid == firstPID {
					got = append(got, p.payload...)
				}
			}
			if c.want == "" {
				if len(out) > len(tables) {
					t.Errorf("got %x", got)
				}
				return
			}
			const head = pesHead + pesFlags + timestampSize
			if want := unhex(t, c.want); !bytes.Equal(got[head:], want) {
				t.Errorf("got  %x\nwant %x", got[head:], want)
			}
		})
	}
}

// A picture that PES_packet_length cannot express has none.
func TestLargePicture(t *testing.T) {
	video := videoTrack(t, 0)
	for _, size := range []int{maxPES - 30, maxPES, 1 << 20} {
		nal := append([]byte{0x65}, bytes.Repeat([]byte{0x5A}, size)...)
		in := &av.Frame{Track: video, Key: true, Layout: layoutOf(video), Payload: append(binary.BigEndian.AppendUint32(nil, uint32(len(nal))), nal...)}
		out, _ := demux(t, mux(t, []*av.Frame{in, in}))
		if len(out) != 2 || !bytes.Equal(out[0].Payload, in.Payload) || !bytes.Equal(out[1].Payload, in.Payload) {
			t.Errorf("%d bytes: %d frames", size, len(out))
		}
	}
}

func TestUnsupported(t *testing.T) {
	vp9 := &av.Track{ID: 0, Codec: av.VP9}
	flac := &av.Track{ID: 1, Kind: av.Audio, Codec: av.FLAC}
	audio := aacTrack(t, 1, "1210")
	settling := layoutOf(vp9)
	settling.Ready = false
	for _, c := range []struct {
		name   string
		layout *av.Layout
		want   string
	}{
		{"nothing yet", &av.Layout{}, ""},
		{"no tracks", layoutOf(), ""},
		{"settling", settling, ""},
		{"one of two", layoutOf(vp9, audio), ""},
		{"none", layoutOf(vp9, flac), "mpeg-ts cannot carry video track 0 (no stream type for VP9), audio track 1 (no stream type for FLAC)"},
		{"id beyond the PIDs", layoutOf(videoTrack(t, maxTrackID+1)), "mpeg-ts cannot carry video track 3840 (track id 3840 is not 0 to 3839)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, x := new(Muxer), []byte("x")
			out1, err1 := m.AppendPrelude(x, c.layout, 0)
			out2, err2 := m.AppendChange(x, layoutOf(audio), c.layout, 0)
			out3, err3 := m.AppendTables(x, c.layout)
			for i, err := range []error{err1, err2, err3} {
				if c.want == "" && err != nil || c.want != "" && (err == nil || err.Error() != c.want || reason.Of(err, "") != reason.Unsupported) {
					t.Errorf("call %d: error %v", i, err)
				}
			}
			if string(out1) != "x" || c.want != "" && (string(out2) != "x" || string(out3) != "x") {
				t.Errorf("%x, %x, %x", out1, out2, out3)
			}
		})
	}
}

func TestCarries(t *testing.T) {
	surround := opus.BuildHeader(6)
	odd := append(slices.Clone(surround[:21]), 5, 4, 3, 2, 1, 0)
	for _, c := range []struct {
		name string
		t    *av.Track
		want bool
	}{
		{"AAC LC", &av.Track{Codec: av.AAC, Config: unhex(t, "1190")}, true},
		{"HE-AAC", &av.Track{Codec: av.AAC, Config: unhex(t, "2b920800")}, true},
		{"AAC 7.1", &av.Track{Codec: av.AAC, Config: unhex(t, "11b8")}, true},
		{"AAC with 960 samples", &av.Track{Codec: av.AAC, Config: unhex(t, "1194")}, false},
		{"AAC ELD", &av.Track{Codec: av.AAC, Config: unhex(t, "f8e85000")}, false},
		{"AAC of 50 kHz", &av.Track{Codec: av.AAC, Config: unhex(t, "178061a8 10")}, false},
		{"AAC with the elements in the frames", &av.Track{Codec: av.AAC, Config: unhex(t, "1180")}, true},
		{"AAC with the elements in the configuration", &av.Track{Codec: av.AAC, Config: unhex(t, "118004c844002000c40c4c61766335392e33372e31303056e500")}, false},
		{"AAC without configuration", &av.Track{Codec: av.AAC}, false},
		{"MP3", &av.Track{Codec: av.MP3, SampleRate: 44100}, true},
		{"Opus stereo", &av.Track{Codec: av.Opus, Config: opus.BuildHeader(2)}, true},
		{"Opus 5.1", &av.Track{Codec: av.Opus, Config: surround}, true},
		{"Opus with channels in another order", &av.Track{Codec: av.Opus, Config: odd}, false},
		{"AV1", &av.Track{Codec: av.AV1}, false},
		{"G.711", &av.Track{Codec: av.G711A}, false},
		{"H.264 without configuration", &av.Track{Codec: av.H264}, false},
		{"script data", av.ScriptTrack, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := newStream(c.t)
			if got := Carries(c.t); got != c.want {
				t.Errorf("%v (%v)", got, err)
			}
		})
	}
}

// Audio that its headers cannot express is an error and leaves nothing behind.
func TestAudioTooLarge(t *testing.T) {
	for _, c := range []struct {
		track *av.Track
		limit int
	}{
		{aacTrack(t, 1, "1210"), maxADTS - adtsSize},
		{&av.Track{ID: 1, Kind: av.Audio, Codec: av.AC3}, 65522},
		{&av.Track{ID: 1, Kind: av.Audio, Codec: av.Opus, Config: opus.BuildHeader(2)}, 65522 - 2 - 65522/255},
	} {
		m, l := new(Muxer), layoutOf(c.track)
		f := &av.Frame{Track: c.track, Payload: make([]byte, c.limit)}
		if _, err := m.AppendFrame(nil, f, l, true); err != nil {
			t.Errorf("%s: %v", c.track.Codec, err)
		}
		f.Payload = make([]byte, c.limit+1)
		out, err := m.AppendFrame([]byte("x"), f, l, true)
		if !errors.Is(err, av.ErrLeftOut) || string(out) != "x" {
			t.Errorf("%s: %d bytes, error %v", c.track.Codec, len(out), err)
		}
	}
}

func TestAppendFrameDoesNotAllocate(t *testing.T) {
	for _, name := range []string{"bframes.flv", "hevc.flv", "opus.flv", "ac3.flv", "mp3.flv"} {
		frames := footage(t, name)
		m, dst := new(Muxer), muxWith(t, new(Muxer), frames)
		muxWith(t, m, frames)
		allocs := testing.AllocsPerRun(100, func() {
			dst = dst[:0]
			for _, f := range frames {
				var err error
				if dst, err = m.AppendFrame(dst, f, f.Layout, starts(f)); err != nil {
					t.Fatal(err)
				}
			}
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}

func BenchmarkAppendFrame(b *testing.B) {
	video, audio := videoTrack(b, 0), aacTrack(b, 1, "1210")
	l := layoutOf(video, audio)
	nal := append([]byte{0x41}, bytes.Repeat([]byte{0x5A}, 20<<10)...)
	for _, c := range []struct {
		name string
		f    av.Frame
	}{
		{"picture of 20 KB", av.Frame{Track: video, Payload: append(binary.BigEndian.AppendUint32(nil, uint32(len(nal))), nal...)}},
		{"sound of 400 B", av.Frame{Track: audio, Payload: make([]byte, 400)}},
	} {
		b.Run(c.name, func(b *testing.B) {
			m, dst := new(Muxer), make([]byte, 0, 64<<10)
			b.SetBytes(int64(len(c.f.Payload)))
			b.ReportAllocs()
			for b.Loop() {
				c.f.DTS += 10 * millisecond
				c.f.PTS = c.f.DTS
				if _, err := m.AppendFrame(dst, &c.f, l, false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestLeftOut(t *testing.T) {
	l := &av.Layout{Tracks: []*av.Track{
		{ID: 0, Kind: av.Video, Codec: av.VP9}, {ID: 1, Kind: av.Audio, Codec: av.MP3, SampleRate: 44100}, {ID: 3, Kind: av.Audio, Codec: av.AAC},
	}}
	got := new(Muxer).LeftOut(l)
	if len(got) != 2 || got[0] != (av.Omission{Kind: av.Video, Codec: "VP9", Why: "no stream type for VP9"}) || got[1].Codec != "AAC" || got[1].Why == "" {
		t.Errorf("got %+v", got)
	}
}

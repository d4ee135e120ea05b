package fmp4

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// Files that another program made hold the clip that they were made of. The
// times are those that the program's own reader finds.
func TestFilesOfAnotherMuxer(t *testing.T) {
	want := fixture(t, "bframes")
	for _, c := range []struct {
		name         string
		video, audio [][2]int64 // DTS and PTS of the first frames, in microseconds
	}{
		{"offsets.mp4", [][2]int64{{0, 80000}, {40000, 200000}, {80000, 120000}}, [][2]int64{{0, 0}, {80454, 80454}, {126531, 126531}}},
		{"edits.mp4", [][2]int64{{-34000, 46000}, {6000, 166000}, {46000, 86000}}, [][2]int64{{0, 0}, {46440, 46440}, {92517, 92517}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join("testdata", c.name))
			if err != nil {
				t.Fatal(err)
			}
			got := demux(t, b)
			for i, track := range want.layout.Tracks {
				checkTrack(t, c.name, got.layout.Tracks[i], track)
			}
			for id, times := range [][][2]int64{c.video, c.audio} {
				frames := got.of(id)
				if !slices.EqualFunc(frames, want.of(id), func(a, b *av.Frame) bool { return a.Key == b.Key && bytes.Equal(a.Payload, b.Payload) }) {
					t.Errorf("track %d: %d frames are not those of the clip", id, len(frames))
				}
				for i, at := range times {
					f := frames[i]
					if dts, pts := f.DTS-at[0]*1000, f.PTS-at[1]*1000; max(dts, pts) > 500 || min(dts, pts) < -500 {
						t.Errorf("track %d, frame %d: %d, %d ns; want %d µs", id, i, f.DTS, f.PTS, at)
					}
				}
			}
		})
	}
}

// file is an init segment for tests of the Demuxer with video and audio.
func file(t testing.TB) []byte {
	t.Helper()
	b, err := AppendInit(nil, layoutOf(videoTrack(t), audioTrack(t)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// moofOf makes a moof of one traf with boxes in hexadecimal, each its type and
// its content, followed by an mdat. The offset of the media stands for OFFSET.
func moofOf(t testing.TB, media string, boxes ...string) []byte {
	t.Helper()
	content := func(s, offset string) []byte { return unhex(t, strings.ReplaceAll(s[len("type "):], "OFFSET", offset)) }
	offset := 3 * boxHeader // of moof, traf and mdat
	for _, s := range boxes {
		offset += boxHeader + len(content(s, "00000000"))
	}
	b := box(nil, "moof", func(b []byte) []byte {
		return box(b, "traf", func(b []byte) []byte {
			for _, s := range boxes {
				b = boxOf(b, s[:4], content(s, fmt.Sprintf("%08x", offset))...)
			}
			return b
		})
	})
	return boxOf(b, "mdat", unhex(t, media)...)
}

// Ways to say where samples are and what they are that this package's muxer
// does not use.
func TestReadFragments(t *testing.T) {
	const au = "0000000165 0000000141"
	type frame struct {
		dts, pts int64 // ms
		key      bool
		size     int
	}
	for _, c := range []struct {
		name  string
		boxes []string
		want  []frame
	}{
		{"defaults of tfhd", []string{"tfhd 00020038 00000001 00000e10 00000005 01010000", "tfdt 00000000 00015f90", "trun 00000001 00000002 OFFSET"},
			[]frame{{1000, 1000, false, 5}, {1040, 1040, false, 5}}},
		{"flags of the first sample", []string{"tfhd 00020038 00000001 00000e10 00000005 01010000", "tfdt 00000000 00015f90", "trun 00000005 00000002 OFFSET 02000000"},
			[]frame{{1000, 1000, true, 5}, {1040, 1040, false, 5}}},
		{"unsigned composition offsets", []string{"tfhd 00020038 00000001 00000e10 00000005 02000000", "tfdt 01000000 0000000000015f90", "trun 00000801 00000002 OFFSET 00000000 00001c20"},
			[]frame{{1000, 1000, true, 5}, {1040, 1120, true, 5}}},
		{"signed composition offsets", []string{"tfhd 00020038 00000001 00000e10 00000005 02000000", "tfdt 01000000 0000000000015f90", "trun 01000801 00000002 OFFSET 00000000 fffff1f0"},
			[]frame{{1000, 1000, true, 5}, {1040, 1000, true, 5}}},
		{"defaults of trex", []string{"tfhd 00020018 00000001 00000e10 0000000a", "tfdt 00000000 00015f90", "trun 00000001 00000001 OFFSET"},
			[]frame{{1000, 1000, false, 10}}},
		{"no tfdt", []string{"tfhd 00020038 00000001 00000e10 0000000a 02000000", "trun 00000001 00000001 OFFSET"},
			[]frame{{0, 0, true, 10}}},
		{"two truns", []string{"tfhd 00020038 00000001 00000e10 00000005 02000000", "tfdt 00000000 00015f90", "trun 00000001 00000001 OFFSET", "trun 00000000 00000001"},
			[]frame{{1000, 1000, true, 5}, {1040, 1040, true, 5}}},
		{"an empty sample", []string{"tfhd 00020028 00000001 00000e10 02000000", "tfdt 00000000 00015f90", "trun 00000201 00000002 OFFSET 00000000 0000000a"},
			[]frame{{1040, 1040, true, 10}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := demux(t, append(file(t), moofOf(t, au, c.boxes...)...)).frames
			var frames []frame
			for _, f := range got {
				frames = append(frames, frame{f.DTS / ms, f.PTS / ms, f.Key, len(f.Payload)})
			}
			if !slices.Equal(frames, c.want) {
				t.Errorf("got  %v\nwant %v", frames, c.want)
			}
		})
	}
}

// What is broken is told apart from what is merely not supported.
func TestDemuxerErrors(t *testing.T) {
	const (
		au   = "0000000165"
		tfhd = "tfhd 00020038 00000001 00000e10 00000005 02000000"
		trun = "trun 00000001 00000001 OFFSET"
	)
	moov := file(t)
	with := func(boxes ...string) []byte { return append(bytes.Clone(moov), moofOf(t, au, boxes...)...) }
	patched := func(old, with string) []byte { return bytes.Replace(moov, unhex(t, old), unhex(t, with), 1) }
	huge := func(kind string) []byte { return append(bytes.Clone(moov), appendHeader(nil, 1<<30, kind)...) }
	moofed := append(bytes.Clone(moov), moofOf(t, au, tfhd, trun)...)
	for _, c := range []struct {
		name string
		in   []byte
		want reason.Reason
		says string
	}{
		{"moof before moov", moofOf(t, au, tfhd, trun), reason.BadMedia, "comes before moov"},
		{"not fragmented", patched("6d766578", "66726565"), reason.Unsupported, "not fragmented"},
		{"box without end", append(bytes.Clone(moov), 0, 0, 0, 0, 'm', 'd', 'a', 't'), reason.Unsupported, "end of the file"},
		{"box smaller than its header", append(bytes.Clone(moov), 0, 0, 0, 7, 'm', 'd', 'a', 't'), reason.BadMedia, "has the size 7"},
		{"moov too large", huge("moov"), reason.LimitReached, "limit 4194304"},
		{"moof too large", huge("moof"), reason.LimitReached, "limit 4194304"},
		{"mdat too large", append(moofed[:len(moofed)-13:len(moofed)-13], appendHeader(nil, 1<<30, "mdat")...), reason.LimitReached, "limit 134217728"},
		{"box beyond its parent", patched("0000006c 6d766864", "7fffffff 6d766864"), reason.BadMedia, `"mvhd" at offset 0`},
		{"two tracks of one id", patched("00000003 0000000000000000 00000002", "00000003 0000000000000000 00000001"), reason.BadMedia, "track_ID 1 comes twice"},
		{"no timescale", patched("00015f90", "00000000"), reason.BadMedia, "track 1: no timescale"},
		{"no configuration", patched("61766343", "66726565"), reason.BadMedia, "avc1: no configuration"},
		{"broken configuration", patched("0164000affe1", "0164000affe0"), reason.BadMedia, "no SPS"},
		{"unknown track", with("tfhd 00020000 00000009"), reason.BadMedia, "track_ID 9"},
		{"trun before tfhd", with(trun), reason.BadMedia, "trun: comes before tfhd"},
		{"tfhd twice", with(tfhd, tfhd), reason.BadMedia, "tfhd: comes twice"},
		{"tfhd cut off", with("tfhd 00020038 00000001 00000e10"), reason.BadMedia, "truncated"},
		{"trun cut off", with(tfhd, "trun 00000301 00000002 OFFSET 00000000"), reason.BadMedia, "truncated"},
		{"too many samples", with(tfhd, "trun 00000001 ffffffff OFFSET"), reason.LimitReached, "more than 65536 samples"},
		{"samples before the mdat", with(tfhd, "trun 00000001 00000001 00000000"), reason.BadMedia, "not in the mdat"},
		{"samples beyond the mdat", with(tfhd, "trun 00000001 00000001 7fffffff"), reason.BadMedia, "not in the mdat"},
		{"samples that share bytes", with(tfhd, trun, trun), reason.BadMedia, "more bytes than its mdat"},
		{"NAL unit beyond the sample", with("tfhd 00020038 00000001 00000e10 00000004 02000000", trun), reason.BadMedia, "NAL unit at offset 0 has 1 bytes, 0 remain"},
		{"decode time beyond all centuries", with(tfhd, "tfdt 01000000 1fffffffffffffff", trun), reason.BadMedia, "is not possible"},
		{"decode time of 64 bits", with(tfhd, "tfdt 01000000 ffffffffffffffff", trun), reason.BadMedia, "is not possible"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := NewDemuxer(bytes.NewReader(c.in))
			f, err := d.Next()
			if reason.Of(err, "") != c.want || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%+v, error %v, want %s, %q", f, err, c.want, c.says)
			}
			if _, again := d.Next(); again != err {
				t.Errorf("the next call: %v", again)
			}
		})
	}
}

// However a file is cut off, that is told, and what was whole before comes out.
func TestDemuxerCutOff(t *testing.T) {
	c := fixture(t, "bframes")
	prelude, media := mux(t, new(Muxer), c)
	whole := append(prelude, media...)
	ends := map[int]int{len(prelude): 0} // where boxes end between fragments, with the frames before
	at := len(prelude)
	for n := 1; at < len(whole); n++ {
		for range 2 { // moof and mdat
			at += int(binary.BigEndian.Uint32(whole[at:]))
		}
		ends[at] = n
	}
	ftyp := int(binary.BigEndian.Uint32(whole))
	frames := 0
	for n := range whole {
		d := NewDemuxer(iotest.HalfReader(bytes.NewReader(whole[:n])))
		got := 0
		var err error
		for err == nil {
			if _, err = d.Next(); err == nil {
				got++
			}
		}
		if k, border := ends[n]; border {
			frames = k
		}
		_, border := ends[n]
		if got != frames || (err == io.EOF) != (border || n == 0 || n == ftyp) || (err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF)) {
			t.Fatalf("after %d bytes: %d frames of %d, %v", n, got, frames, err)
		}
	}
}

// A second init segment brings other tracks; boxes of no interest are passed
// over, whatever their size says.
func TestDemuxerChange(t *testing.T) {
	l, m := layoutOf(videoTrack(t), audioTrack(t)), new(Muxer)
	resized := &av.Track{Codec: av.H264, Config: unhex(t, avcRecord2), Width: 322, Height: 182}
	to := layoutOf(resized, l.Tracks[1])
	b, err := m.AppendPrelude(nil, l, 0)
	if err != nil {
		t.Fatal(err)
	}
	frame := func(l *av.Layout) {
		f := &av.Frame{Track: l.Tracks[0], Key: true, Payload: []byte{0, 0, 0, 1, 0x65}}
		if b, err = m.AppendFrame(b, f, l, true); err != nil {
			t.Fatal(err)
		}
	}
	frame(l)
	b = boxOf(b, "free", 1, 2, 3)
	b = append(b, 0, 0, 0, 1, 's', 'k', 'i', 'p', 0, 0, 0, 0, 0, 0, 0, 17, 9) // a size of 64 bits
	if b, err = m.AppendChange(b, l, to, 0); err != nil {
		t.Fatal(err)
	}
	frame(to)
	got := demux(t, b).frames
	if len(got) != 2 || got[0].Track.Width != 64 || got[1].Track.Width != 322 {
		t.Errorf("%+v", got)
	}
}

// Tracks of codecs that are not ours are left out, with their frames.
func TestDemuxerUnknownCodec(t *testing.T) {
	_, media := mux(t, new(Muxer), fixture(t, "bframes"))
	init, err := AppendInit(nil, fixture(t, "bframes").layout)
	if err != nil {
		t.Fatal(err)
	}
	got := demux(t, append(bytes.Replace(init, []byte("avc1"), []byte("encv"), 1), media...))
	if len(got.layout.Tracks) != 1 || len(got.of(0)) != 0 || len(got.of(1)) != 14 {
		t.Errorf("%d tracks, %d and %d frames", len(got.layout.Tracks), len(got.of(0)), len(got.of(1)))
	}
}

// VP8 has no clip: what a browser sends has no configuration, and gets one.
func TestRoundTripVP8(t *testing.T) {
	track := &av.Track{Kind: av.Video, Codec: av.VP8, Width: 320, Height: 240, Profile: "profile 0 2.0"}
	c := clip{layout: layoutOf(track), frames: []*av.Frame{
		{Track: track, Key: true, Payload: unhex(t, "3001009d012a 4001f000")},
		{Track: track, DTS: 33e6, PTS: 33e6, Payload: unhex(t, "3101009d012a 4001f000")},
	}}
	prelude, media := mux(t, new(Muxer), c)
	got := demux(t, append(prelude, media...))
	track.Config = unhex(t, "001482020202 0000")
	checkTrack(t, "VP8", got.layout.Tracks[0], track)
	checkFrames(t, "VP8", got.frames, c.frames, false)
}

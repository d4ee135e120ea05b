package fmp4

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// Golden bytes of the boxes that configure decoders.
func TestConfigurationBoxes(t *testing.T) {
	const (
		hvcC     = "0101600000009000000000001ef000fcfdf8f800000f03"
		sps      = "42010101600000030090000003000003001ea020831659592e4caf016808000003000800000300c840"
		dfLa     = "80000022 0400 0400 000000 001098 0bb802f000000000 00000000000000000000000000000000"
		surround = "4f70757348656164 01 06 3801 80bb0000 0001 01 04 02 000401020305"
	)
	for _, c := range []struct {
		name  string
		track av.Track
		entry string // its type
		want  string // the configuration box, with its size
	}{
		{"H.264", av.Track{Codec: av.H264, Config: unhex(t, avcRecord)}, "avc1", "00000034 61766343" + avcRecord},
		{"H.265 arrays become complete", av.Track{Codec: av.H265, Config: unhex(t, hvcC+"27 0001 0002 4e01 21 0001 0029"+sps+"22 0001 0006 4401c171a112")}, "hvc1",
			"0000005f 68766343" + hvcC + "27 0001 0002 4e01 a1 0001 0029" + sps + "a2 0001 0006 4401c171a112"},
		{"AV1", av.Track{Codec: av.AV1, Config: unhex(t, "81000c00 0a0b02000005157fbc02f80040")}, "av01", "00000019 61763143 81000c00 0a0b02000005157fbc02f80040"},
		{"VP9", av.Track{Codec: av.VP9, Config: unhex(t, "0233a2091009 0000")}, "vp09", "00000014 76706343 01000000 0233a2091009 0000"},
		{"VP8 without configuration", av.Track{Codec: av.VP8, Width: 640, Height: 360}, "vp08", "00000014 76706343 01000000 001582020202 0000"},
		{"VP9 without configuration", av.Track{Codec: av.VP9, Width: 1920, Height: 1080}, "vp09", "00000014 76706343 01000000 002882020202 0000"},
		{"AAC", av.Track{Codec: av.AAC, Config: unhex(t, "1210"), SampleRate: 44100}, "mp4a",
			"00000033 65736473 00000000 0380808022 0000 00 0480808014 40 15 000000 00000000 00000000 0580808002 1210 0680808001 02"},
		{"MP3", av.Track{Codec: av.MP3, SampleRate: 44100}, "mp4a",
			"0000002c 65736473 00000000 038080801b 0000 00 048080800d 6b 15 000000 00000000 00000000 0680808001 02"},
		{"MP3 of MPEG-2", av.Track{Codec: av.MP3, SampleRate: 24000}, "mp4a",
			"0000002c 65736473 00000000 038080801b 0000 00 048080800d 69 15 000000 00000000 00000000 0680808001 02"},
		{"Opus", av.Track{Codec: av.Opus, Config: unhex(t, "4f70757348656164 01 02 3801 44ac0000 0001 00")}, "Opus", "00000013 644f7073 00 02 0138 0000ac44 0100 00"},
		{"Opus surround", av.Track{Codec: av.Opus, Config: unhex(t, surround)}, "Opus", "0000001b 644f7073 00 06 0138 0000bb80 0100 01 04 02 000401020305"},
		{"FLAC", av.Track{Codec: av.FLAC, Config: unhex(t, "664c6143"+dfLa), SampleRate: 48000}, "fLaC", "00000032 64664c61 00000000" + dfLa},
		{"AC-3 5.1", av.Track{Codec: av.AC3, SampleRate: 48000, Channels: 6}, "ac-3", "0000000b 64616333 103dc0"},
		{"AC-3 stereo 44.1 kHz", av.Track{Codec: av.AC3, SampleRate: 44100, Channels: 2}, "ac-3", "0000000b 64616333 5011c0"},
		{"E-AC-3 5.1", av.Track{Codec: av.EAC3, SampleRate: 48000, Channels: 6}, "ec-3", "0000000d 64656333 0c00 200f00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.track.Codec == av.AAC || c.track.SampleRate > 0 || c.track.Codec == av.Opus {
				c.track.Kind = av.Audio
			}
			got, err := sampleEntry(&c.track)
			if err != nil {
				t.Fatal(err)
			}
			fixed := 86
			if c.track.Kind == av.Audio {
				fixed = 36
			}
			if int(binary.BigEndian.Uint32(got)) != len(got) || string(got[4:8]) != c.entry {
				t.Errorf("the entry begins with %x", got[:8])
			}
			if !bytes.Equal(got[fixed:], unhex(t, c.want)) {
				t.Errorf("got  %x\nwant %x", got[fixed:], unhex(t, c.want))
			}
		})
	}
}

// Golden bytes of the fixed parts of sample entries.
func TestSampleEntries(t *testing.T) {
	for _, c := range []struct {
		name  string
		track *av.Track
		want  string // after type and size
	}{
		{"video", videoTrack(t), "000000000000 0001" + "0000 0000 000000000000000000000000 0040 0030 00480000 00480000 00000000 0001" +
			"0000000000000000000000000000000000000000000000000000000000000000 0018 ffff"},
		{"AAC", audioTrack(t), "000000000000 0001 0000000000000000 0002 0010 00000000 ac440000"},
		{"a rate beyond 16 bits", &av.Track{Kind: av.Audio, Codec: av.FLAC, SampleRate: 192000, Channels: 1,
			Config: unhex(t, "664c6143 80000022 0400 0400 000000 001098 2ee01170 00000000 00000000000000000000000000000000")},
			"000000000000 0001 0000000000000000 0001 0018 00000000 bb800000"},
		{"unknown channels", &av.Track{Kind: av.Audio, Codec: av.AAC, Config: unhex(t, "1210"), SampleRate: 44100},
			"000000000000 0001 0000000000000000 0002 0010 00000000 ac440000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := sampleEntry(c.track)
			if want := unhex(t, c.want); err != nil || !bytes.Equal(got[8:8+len(want)], want) {
				t.Errorf("got  %x, %v\nwant %x", got, err, want)
			}
		})
	}
}

// Another reader finds what the tracks say.
func TestInitByAnotherReader(t *testing.T) {
	// What the clips have of these, the other reader does not know.
	av1 := &av.Track{Codec: av.AV1, Config: unhex(t, "81080c00 0a0b 00000042a7bfe4600d0040")}
	mp3 := &av.Track{ID: 1, Kind: av.Audio, Codec: av.MP3, SampleRate: 44100, Channels: 1}

	checkInit(t, "AV1", layoutOf(av1), func(c codecs.Codec) bool { return len(c.(*codecs.AV1).SequenceHeader) == 12 })
	checkInit(t, "MP3", layoutOf(mp3), func(c codecs.Codec) bool { return c.(*codecs.MPEG1Audio).SampleRate == 44100 })
	for name, ok := range map[string]func(codecs.Codec) bool{
		"bframes": func(c codecs.Codec) bool { return bytes.HasPrefix(c.(*codecs.H264).SPS, []byte{0x67, 0x64}) },
		"hevc":    func(c codecs.Codec) bool { return len(c.(*codecs.H265).PPS) == 6 },
		"vp9": func(c codecs.Codec) bool {
			v := c.(*codecs.VP9)
			return v.Width == 64 && v.Height == 48 && v.BitDepth == 8 && v.ChromaSubsampling == 1
		},
		"opus": func(c codecs.Codec) bool { return c.(*codecs.Opus).ChannelCount == 2 },
		"flac": func(c codecs.Codec) bool { return c.(*codecs.FLAC).StreamInfo.SampleRate == 48000 },
		"ac3":  func(c codecs.Codec) bool { a := c.(*codecs.AC3); return a.Acmod == 7 && a.LfeOn && a.ChannelCount == 6 },
		"eac3": func(c codecs.Codec) bool { return c.(*codecs.EAC3).ChannelCount == 2 },
	} {
		checkInit(t, name, fixture(t, name).layout, ok)
	}
}

// checkInit reads the init segment of l and checks the codec of the first track.
func checkInit(t *testing.T, name string, l *av.Layout, ok func(codecs.Codec) bool) {
	t.Helper()
	b, err := AppendInit(nil, l)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var got fmp4.Init
	if err := got.Unmarshal(bytes.NewReader(b)); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if len(got.Tracks) != len(l.Tracks) {
		t.Fatalf("%s: %d tracks", name, len(got.Tracks))
	}
	for i, track := range l.Tracks {
		if g := got.Tracks[i]; g.ID != track.ID+1 || g.TimeScale != Timescale(track) {
			t.Errorf("%s: track %d: %+v", name, i, g)
		}
	}
	if !ok(got.Tracks[0].Codec) {
		t.Errorf("%s: codec %+v", name, got.Tracks[0].Codec)
	}
}

func TestAppendInitErrors(t *testing.T) {
	script := &av.Track{ID: 7, Kind: av.Data, Codec: av.ScriptData}
	for _, c := range []struct {
		name   string
		layout *av.Layout
		want   reason.Reason
	}{
		{"no layout", nil, reason.Unsupported},
		{"no tracks", layoutOf(), reason.Unsupported},
		{"G.711 alone", layoutOf(&av.Track{ID: 1, Kind: av.Audio, Codec: av.G711A, SampleRate: 8000}), reason.Unsupported},
		{"audio without rate", layoutOf(&av.Track{ID: 1, Kind: av.Audio, Codec: av.AAC, Config: []byte{0x12, 0x10}}), reason.Unsupported},
		{"script data", layoutOf(script), reason.Unsupported},
		{"H.264 without configuration", layoutOf(&av.Track{Codec: av.H264}), reason.BadMedia},
		{"H.265 without configuration", layoutOf(&av.Track{Codec: av.H265}), reason.BadMedia},
		{"AV1 without configuration", layoutOf(&av.Track{Codec: av.AV1}), reason.BadMedia},
		{"VP8, broken", layoutOf(&av.Track{Codec: av.VP8, Config: []byte{9}}), reason.BadMedia},
		{"VP9, broken", layoutOf(&av.Track{Codec: av.VP9, Config: []byte{9}}), reason.BadMedia},
		{"AAC without configuration", layoutOf(&av.Track{ID: 1, Kind: av.Audio, Codec: av.AAC, SampleRate: 44100}), reason.BadMedia},
		{"Opus without configuration", layoutOf(&av.Track{ID: 1, Kind: av.Audio, Codec: av.Opus}), reason.BadMedia},
		{"FLAC without configuration", layoutOf(&av.Track{ID: 1, Kind: av.Audio, Codec: av.FLAC, SampleRate: 1}), reason.BadMedia},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := AppendInit([]byte("x"), c.layout)
			if reason.Of(err, "") != c.want || string(got) != "x" {
				t.Errorf("%q, %v; want reason %s", got, err, c.want)
			}
		})
	}
}

func TestInitLeavesOutWhatItCannotCarry(t *testing.T) {
	want, err := AppendInit(nil, layoutOf(videoTrack(t)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := AppendInit(nil, layoutOf(videoTrack(t), &av.Track{ID: 1, Kind: av.Audio, Codec: av.G711U, SampleRate: 8000}))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%x, %v", got, err)
	}
}

func TestLeftOut(t *testing.T) {
	got := new(Muxer).LeftOut(layoutOf(videoTrack(t),
		&av.Track{ID: 1, Kind: av.Audio, Codec: av.G711U, SampleRate: 8000}, &av.Track{ID: 3, Kind: av.Audio, Codec: av.AAC}))
	if len(got) != 2 || got[0].Codec != "G.711 mu-law" || got[1].Why != "its sample rate is not known" {
		t.Errorf("got %+v", got)
	}
}

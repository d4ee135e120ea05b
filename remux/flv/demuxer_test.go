package flv

import (
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

const (
	// avcRecord is 64x48 High 1.0, 25 fps, from ffmpeg.
	avcRecord = "0164000affe100186764000aacd9447b011000000300100000030320f12259600100" + "0668ebe04d2c8bfdf8f8"
	// avcRecord2 is 322x182 Constrained Baseline 1.3, 30 fps.
	avcRecord2 = "0142c00dffe100186742c00dd901519e226c0440000003004000000f03c50a92" + "01000568cb83cb20"
	asc        = "1210"
	mp3Frame   = "fff320c40008003e"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// decodeOne decodes a tag that must hold one packet, or none beside an error.
func decodeOne(t testing.TB, d *Demuxer, tag TagType, timestamp uint32, body []byte) (Packet, error) {
	t.Helper()
	packets, err := d.Decode(tag, timestamp, body)
	switch {
	case err != nil && len(packets) == 0:
		return Packet{}, err
	case err != nil || len(packets) != 1:
		t.Fatalf("packets %+v, %v", packets, err)
	}
	return packets[0], nil
}

// trackOf returns what d knows as the track with an id.
func trackOf(d *Demuxer, id int) *av.Track {
	return tracksOf(d)[id]
}

// configured returns a Demuxer that knows avcRecord and asc.
func configured(t testing.TB) *Demuxer {
	t.Helper()
	d := new(Demuxer)
	for tag, body := range map[TagType]string{VideoTag: "1700000000" + avcRecord, AudioTag: "af00" + asc} {
		if p, err := decodeOne(t, d, tag, 0, unhex(t, body)); err != nil || p.Kind != ConfigPacket {
			t.Fatalf("configuring: %+v, %v", p, err)
		}
	}
	return d
}

func TestDecodeFrames(t *testing.T) {
	const ms = 1_000_000
	for _, c := range []struct {
		name    string
		tag     TagType
		at      uint32
		body    string
		want    av.Frame // Track is left out
		payload string
	}{
		{"key frame", VideoTag, 40, "17 01 000050 00000002 6588", av.Frame{DTS: 40 * ms, PTS: 120 * ms, Key: true}, "000000026588"},
		{"inter frame", VideoTag, 0xFFFFFF, "27 01 000000 00000001 41", av.Frame{DTS: 0xFFFFFF * ms, PTS: 0xFFFFFF * ms}, "0000000141"},
		{"disposable inter frame", VideoTag, 7, "37 01 000000 00000001 01", av.Frame{DTS: 7 * ms, PTS: 7 * ms}, "0000000101"},
		{"negative composition time", VideoTag, 100, "27 01 ffffd8 00000001 41", av.Frame{DTS: 100 * ms, PTS: 60 * ms}, "0000000141"},
		{"lowest composition time", VideoTag, 0, "27 01 800000 00000001 41", av.Frame{PTS: -8388608 * ms}, "0000000141"},
		{"AAC", AudioTag, 23, "af01 2118", av.Frame{DTS: 23 * ms, PTS: 23 * ms}, "2118"},
		{"AAC with honest flags", AudioTag, 23, "a601 21", av.Frame{DTS: 23 * ms, PTS: 23 * ms}, "21"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := configured(t)
			body := unhex(t, c.body)
			p, err := decodeOne(t, d, c.tag, c.at, body)
			if err != nil || p.Kind != FramePacket || p.Track != nil {
				t.Fatalf("packet %+v, %v", p, err)
			}
			want := c.want
			want.Track, want.Payload = trackOf(d, VideoTrackID), unhex(t, c.payload)
			if c.tag == AudioTag {
				want.Track = trackOf(d, AudioTrackID)
			}
			if !reflect.DeepEqual(*p.Frame, want) {
				t.Errorf("frame %+v\nwant  %+v", *p.Frame, want)
			}
			if &p.Frame.Payload[0] != &body[len(body)-len(want.Payload)] {
				t.Error("payload is a copy")
			}
		})
	}
}

func TestDecodeConfigs(t *testing.T) {
	d := new(Demuxer)
	for _, step := range []struct {
		name string
		tag  TagType
		body string
		kind PacketKind
		why  string
	}{
		{"video before configuration", VideoTag, "1701000000 0000000165", IgnoredPacket, whyNoConfig},
		{"audio before configuration", AudioTag, "af0121", IgnoredPacket, whyNoConfig},
		{"video configuration", VideoTag, "1700000000" + avcRecord, ConfigPacket, ""},
		{"the same again", VideoTag, "1700000000" + avcRecord, IgnoredPacket, whyUnchanged},
		{"another size", VideoTag, "1700000000" + avcRecord2, ConfigPacket, ""},
		{"audio configuration", AudioTag, "af00" + asc, ConfigPacket, ""},
		{"the same audio again", AudioTag, "af00" + asc, IgnoredPacket, whyUnchanged},
		{"MP3 instead", AudioTag, "2a" + mp3Frame, FramePacket, ""},
		{"AAC without a new configuration", AudioTag, "af0121", IgnoredPacket, whyNoConfig},
		{"AAC again", AudioTag, "af00" + asc, ConfigPacket, ""},
		{"end of sequence", VideoTag, "1702000000", EndPacket, ""},
		{"short end of sequence", VideoTag, "1702", EndPacket, ""},
		{"video after the end", VideoTag, "1701000000 0000000165", FramePacket, ""},
	} {
		p, err := decodeOne(t, d, step.tag, 0, unhex(t, step.body))
		if err != nil || p.Kind != step.kind || p.Why != step.why {
			t.Fatalf("%s: %+v, %v", step.name, p, err)
		}
		if step.kind == ConfigPacket && p.Track != trackOf(d, p.Track.ID) {
			t.Errorf("%s: track %+v", step.name, p.Track)
		}
	}
	if video, audio := trackOf(d, 0), trackOf(d, 1); video.Kind != av.Video || video.Width != 322 || audio.Kind != av.Audio || audio.SampleRate != 44100 {
		t.Errorf("tracks %+v, %+v", video, audio)
	}
}

func TestDecodeMP3(t *testing.T) {
	d := new(Demuxer)
	decode := func(body string) Packet {
		t.Helper()
		p, err := decodeOne(t, d, AudioTag, 26, unhex(t, body))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	first := decode("2a" + mp3Frame)
	if first.Kind != FramePacket || first.Track == nil || first.Frame.Track != first.Track || first.Track.SampleRate != 22050 {
		t.Fatalf("first frame: %+v", first)
	}
	if second := decode("2a" + mp3Frame); second.Track != nil || second.Frame.Track != first.Track {
		t.Errorf("second frame: %+v", second)
	}
	if third := decode("2f fffb9064"); third.Track == nil || third.Track.SampleRate != 44100 || third.Track.Channels != 2 {
		t.Errorf("changed rate: %+v", third)
	}
	if low := decode("e2 ffe348c4"); low.Track == nil || low.Track.SampleRate != 8000 {
		t.Errorf("format 14: %+v", low)
	}
	if p := decode("2a 494433"); p.Kind != IgnoredPacket {
		t.Errorf("ID3 tag: %+v", p)
	}
}

func TestDecodeIgnores(t *testing.T) {
	for _, c := range []struct {
		name string
		tag  TagType
		body string
		why  string
	}{
		{"empty", VideoTag, "", whyEmpty},
		{"unknown tag", 15, "00", "unknown tag type"},
		{"Sorenson", VideoTag, "2200", "Sorenson H.263"},
		{"VP6", VideoTag, "1400", "On2 VP6"},
		{"informal AV1", VideoTag, "1d00000000", "AV1"},
		{"command frame", VideoTag, "5701000000", "command frame"},
		{"command frame of VP6", VideoTag, "5400", "command frame"},
		{"unknown AVC packet", VideoTag, "1709000000", "AVC packet type"},
		{"AVC without NAL units", VideoTag, "1701000000", whyEmpty},
		{"Speex", AudioTag, "b201", "Speex"},
		{"unknown AAC packet", AudioTag, "af02", "AAC packet type"},
		{"empty AAC frame", AudioTag, "af01", whyEmpty},
		{"empty MP3 frame", AudioTag, "2f", whyEmpty},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := decodeOne(t, configured(t), c.tag, 0, unhex(t, c.body))
			if err != nil || p.Kind != IgnoredPacket || !strings.Contains(p.Why, c.why) {
				t.Errorf("packet %+v, %v; want ignored because of %q", p, err, c.why)
			}
		})
	}
}

func TestEveryUnsupportedCodecSaysWhy(t *testing.T) {
	for i := range byte(16) {
		for tag, first := range map[TagType]byte{AudioTag: i << 4, VideoTag: 1<<4 | i} {
			if tag == AudioTag && (i == soundExHeader || i == soundALaw || i == soundMuLaw) {
				continue
			}
			p, err := decodeOne(t, configured(t), tag, 0, []byte{first, 9, 0, 0, 0})
			known := tag == VideoTag && (i == codecAVC || i == codecHEVC) || tag == AudioTag && (i == soundAAC || i == soundMP3 || i == soundMP38kHz)
			if err != nil || p.Kind != IgnoredPacket || p.Why == "" || (p.LeftOut == nil) != known || !known && p.LeftOut.Codec == "" {
				t.Errorf("tag %d starting %#02x: %+v, %v", tag, first, p, err)
			}
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	for _, c := range []struct {
		name string
		tag  TagType
		body string
		want string
	}{
		{"AVC header of one byte", VideoTag, "17", "1 bytes, need 5"},
		{"AVC header of four bytes", VideoTag, "17010000", "4 bytes, need 5"},
		{"empty AVC configuration", VideoTag, "1700000000", "avc configuration"},
		{"truncated AVC configuration", VideoTag, "1700000000 0164000affe100186764", "SPS 0 at offset 6"},
		{"huge AVC configuration", VideoTag, "1700000000" + avcRecord + strings.Repeat("00", maxConfig), "limit 65536"},
		{"NAL unit beyond the frame", VideoTag, "1701000000 00000001 65 00000009 41", "NAL unit at offset 5 has 9 bytes, 1 remain"},
		{"AAC header of one byte", AudioTag, "af", "1 bytes, need 2"},
		{"truncated AAC configuration", AudioTag, "af0012", "samplingFrequency at bit 5"},
		{"huge AAC configuration", AudioTag, "af00" + asc + strings.Repeat("00", maxConfig), "limit 65536"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := configured(t)
			p, err := decodeOne(t, d, c.tag, 1234, unhex(t, c.body))
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "1234 ms") {
				t.Fatalf("error %v, want one with %q", err, c.want)
			}
			if got := reason.Of(err, ""); got != reason.BadMedia {
				t.Errorf("reason %q", got)
			}
			if !reflect.DeepEqual(p, Packet{}) {
				t.Errorf("packet %+v beside the error", p)
			}
			if p, err := decodeOne(t, d, AudioTag, 1235, []byte{0xAF, 1, 0x21}); err != nil || p.Kind != FramePacket {
				t.Errorf("the next tag: %+v, %v", p, err)
			}
		})
	}
}

func TestClock(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []uint32
		want []int64
	}{
		{"steady", []uint32{0, 40, 80}, []int64{0, 40, 80}},
		{"wrap", []uint32{0xFFFFFFF0, 0xFFFFFFFF, 0, 23}, []int64{0xFFFFFFF0, 0xFFFFFFFF, 1 << 32, 1<<32 + 23}},
		{"out of order at the wrap", []uint32{0xFFFFFFF0, 5, 0xFFFFFFFA, 10}, []int64{0xFFFFFFF0, 1<<32 + 5, 0xFFFFFFFA, 1<<32 + 10}},
		{"back before the start", []uint32{2, 0xFFFFFFFE}, []int64{2, -2}},
		{"two wraps", []uint32{0xF0000000, 0x20000000, 0x50000000, 0x80000000, 0xB0000000, 0xE0000000, 0x10000000},
			[]int64{0xF0000000, 0x120000000, 0x150000000, 0x180000000, 0x1B0000000, 0x1E0000000, 0x210000000}},
		{"signed wrap", []uint32{0x7FFFFFF0, 0x7FFFFFFF, 7, 0x7FFFFFFA, 30}, []int64{0x7FFFFFF0, 0x7FFFFFFF, 1<<31 + 7, 0x7FFFFFFA, 1<<31 + 30}},
		{"backwards", []uint32{5000, 1000}, []int64{5000, 1000}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var k clock
			for i, timestamp := range c.in {
				if got := k.advance(timestamp); got != c.want[i] {
					t.Errorf("%d: %d becomes %d, want %d", i, timestamp, got, c.want[i])
				}
			}
		})
	}
}

func TestClockNeverOverflows(t *testing.T) {
	for _, step := range []uint32{1<<30 - 1, 1 << 30, 1<<31 - 1} {
		var k clock
		for i := range uint32(10_000) {
			if ms := k.advance(i * step); ms > maxClock || ms < -maxClock {
				t.Fatalf("step %d: %d ms", step, ms)
			}
		}
	}
}

// Audio and video share the clock, and script tags do not move it.
func TestDecodeAcrossTheWrap(t *testing.T) {
	d := configured(t)
	for _, step := range []struct {
		tag  TagType
		at   uint32
		body string
		want int64
	}{
		{VideoTag, 0xFFFFFFF0, "1701000000 0000000165", 0xFFFFFFF0},
		{AudioTag, 3, "af0121", 1<<32 + 3},
		{ScriptTag, 0, "02 000a 6f6e5465787444617461 05", 1 << 32},
		{VideoTag, 0xFFFFFFFE, "2701000000 0000000141", 0xFFFFFFFE},
		{AudioTag, 10, "af0121", 1<<32 + 10},
		{AudioTag, 0x3FFFFFFF, "af0121", 1<<32 + 0x3FFFFFFF},
		{ScriptTag, 0, "02 000a 6f6e5465787444617461 05", 1 << 32},
		{AudioTag, 0x40000000, "af0121", 1<<32 + 0x40000000},
	} {
		p, err := decodeOne(t, d, step.tag, step.at, unhex(t, step.body))
		if err != nil || p.Frame == nil {
			t.Fatalf("%d: %+v, %v", step.at, p, err)
		}
		if got := p.Frame.DTS / nanosecondsPerMillisecond; got != step.want {
			t.Errorf("%d becomes %d, want %d", step.at, got, step.want)
		}
	}
}

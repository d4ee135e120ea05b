package flv

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/amf0"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// Configurations from ffmpeg 9. All pictures are 64x48.
const (
	hevcRecord = "0101600000009000000000001ef000fcfdf8f800000f03 20 0001 0018 40010c01ffff0160000003009000000300000300" +
		"1e959009 21 0001 0029 42010101600000030090000003000003001ea020831659592e4caf016808000003000800000300c840" +
		"22 0001 0006 4401c171a112"
	av1Record  = "81000c00 0a0b02000005157fbc02f80040"
	vp9Record  = "000a820202020000"
	opusHeader = "4f70757348656164 01 02 3801 80bb0000 0000 00"
	streamInfo = "0400 0400 000000 001098 0bb802f000000000 00000000000000000000000000000000"
	flacConfig = "664c6143 80000022" + streamInfo

	vp8KeyFrame = "3001009d012a 4000 3000 ff"
	vp9KeyFrame = "824983420003f002f63638"
	ac3Frame    = "0b779d830c40ebf8"
	eac3Frame   = "0b77003f3487c000"
	oneNAL      = "00000002 2601"
)

// FourCCs in hexadecimal.
const (
	avc1, hvc1, av01, vp08, vp09 = "61766331", "68766331", "61763031", "76703038", "76703039"
	mp4a, dotMP3, opus4, flac4   = "6d703461", "2e6d7033", "4f707573", "664c6143"
	ac3FourCC, ec3FourCC         = "61632d33", "65632d33"
)

// enhancedConfigs configures, by enhanced headers, track 0 of video as H.265
// and of sound as Opus, and the tracks from 1 on as the other codecs.
var enhancedConfigs = []struct {
	tag  TagType
	body string
}{
	{VideoTag, "90" + hvc1 + hevcRecord},
	{VideoTag, "96 00" + avc1 + "01" + avcRecord},
	{VideoTag, "96 00" + av01 + "02" + av1Record},
	{VideoTag, "96 00" + vp09 + "03" + vp9Record},
	{VideoTag, "96 01" + vp08 + "04" + vp8KeyFrame},
	{AudioTag, "90" + opus4 + opusHeader},
	{AudioTag, "95 00" + mp4a + "01" + asc},
	{AudioTag, "95 00" + flac4 + "02" + flacConfig},
	{AudioTag, "95 01" + dotMP3 + "03" + mp3Frame},
	{AudioTag, "95 01" + ac3FourCC + "04" + ac3Frame},
	{AudioTag, "95 01" + ec3FourCC + "05" + eac3Frame},
}

// wellConfigured returns a Demuxer that knows enhancedConfigs.
func wellConfigured(t testing.TB) *Demuxer {
	t.Helper()
	d := new(Demuxer)
	for _, c := range enhancedConfigs {
		if p, err := decodeOne(t, d, c.tag, 0, unhex(t, c.body)); err != nil || p.Track == nil {
			t.Fatalf("configuring by %s: %+v, %v", c.body, p, err)
		}
	}
	return d
}

// Golden bytes of every way to send a configuration.
func TestDecodeEnhancedConfigs(t *testing.T) {
	for _, c := range []struct {
		name string
		tag  TagType
		body string
		want av.Track
	}{
		{"hvc1", VideoTag, "90" + hvc1 + hevcRecord,
			av.Track{Codec: av.H265, Config: unhex(t, hevcRecord), Profile: "Main 1.0", Width: 64, Height: 48, FrameRate: 25}},
		{"HEVC by the informal id", VideoTag, "1c00000000" + hevcRecord,
			av.Track{Codec: av.H265, Config: unhex(t, hevcRecord), Profile: "Main 1.0", Width: 64, Height: 48, FrameRate: 25}},
		{"avc1", VideoTag, "90" + avc1 + avcRecord,
			av.Track{Codec: av.H264, Config: unhex(t, avcRecord), Profile: "High 1.0", Width: 64, Height: 48, FrameRate: 25}},
		{"av01", VideoTag, "90" + av01 + av1Record,
			av.Track{Codec: av.AV1, Config: unhex(t, av1Record), Profile: "Main 2.0", Width: 64, Height: 48}},
		{"vp09", VideoTag, "90" + vp09 + vp9Record,
			av.Track{Codec: av.VP9, Config: unhex(t, vp9Record), Profile: "profile 0 1.0"}},
		{"vp09 with version and flags", VideoTag, "90" + vp09 + "01000000" + vp9Record,
			av.Track{Codec: av.VP9, Config: unhex(t, vp9Record), Profile: "profile 0 1.0"}},
		{"vp08", VideoTag, "90" + vp08 + vp9Record,
			av.Track{Codec: av.VP8, Config: unhex(t, vp9Record), Profile: "profile 0 1.0"}},
		{"vp09 by its key frame alone", VideoTag, "91" + vp09 + vp9KeyFrame,
			av.Track{Codec: av.VP9, Width: 64, Height: 48}},
		{"vp08 by its key frame alone", VideoTag, "91" + vp08 + vp8KeyFrame,
			av.Track{Codec: av.VP8, Width: 64, Height: 48}},
		{"video track 5", VideoTag, "96 00" + hvc1 + "05" + hevcRecord,
			av.Track{ID: 10, Codec: av.H265, Config: unhex(t, hevcRecord), Profile: "Main 1.0", Width: 64, Height: 48, FrameRate: 25}},
		{"mp4a", AudioTag, "90" + mp4a + asc,
			av.Track{ID: 1, Kind: av.Audio, Codec: av.AAC, Config: unhex(t, asc), Profile: "LC", SampleRate: 44100, Channels: 2}},
		{"Opus", AudioTag, "90" + opus4 + opusHeader,
			av.Track{ID: 1, Kind: av.Audio, Codec: av.Opus, Config: unhex(t, opusHeader), SampleRate: 48000, Channels: 2}},
		{"Opus without a header", AudioTag, "90" + opus4,
			av.Track{ID: 1, Kind: av.Audio, Codec: av.Opus, Config: unhex(t, "4f70757348656164 01 02 0000 80bb0000 0000 00"), SampleRate: 48000, Channels: 2}},
		{"fLaC", AudioTag, "90" + flac4 + flacConfig,
			av.Track{ID: 1, Kind: av.Audio, Codec: av.FLAC, Config: unhex(t, flacConfig), Profile: "16 bits", SampleRate: 48000, Channels: 2}},
		{"fLaC as ffmpeg has it", AudioTag, "90" + flac4 + streamInfo,
			av.Track{ID: 1, Kind: av.Audio, Codec: av.FLAC, Config: unhex(t, flacConfig), Profile: "16 bits", SampleRate: 48000, Channels: 2}},
		{".mp3", AudioTag, "91" + dotMP3 + mp3Frame,
			av.Track{ID: 1, Kind: av.Audio, Codec: av.MP3, Profile: "Layer III", SampleRate: 22050, Channels: 1}},
		{"ac-3", AudioTag, "91" + ac3FourCC + ac3Frame,
			av.Track{ID: 1, Kind: av.Audio, Codec: av.AC3, SampleRate: 48000, Channels: 6}},
		{"ec-3", AudioTag, "91" + ec3FourCC + eac3Frame,
			av.Track{ID: 1, Kind: av.Audio, Codec: av.EAC3, SampleRate: 48000, Channels: 2}},
		{"G.711 A-law", AudioTag, "72 d5", av.Track{ID: 1, Kind: av.Audio, Codec: av.G711A, SampleRate: 8000, Channels: 1}},
		{"G.711 mu-law stereo", AudioTag, "83 ffff", av.Track{ID: 1, Kind: av.Audio, Codec: av.G711U, SampleRate: 8000, Channels: 2}},
		{"audio track 3", AudioTag, "95 00" + mp4a + "03" + asc,
			av.Track{ID: 7, Kind: av.Audio, Codec: av.AAC, Config: unhex(t, asc), Profile: "LC", SampleRate: 44100, Channels: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := new(Demuxer)
			p, err := decodeOne(t, d, c.tag, 0, unhex(t, c.body))
			if err != nil || p.Track == nil || !reflect.DeepEqual(*p.Track, c.want) {
				t.Fatalf("packet %+v, track %+v, %v\nwant %+v", p, p.Track, err, c.want)
			}
			if (p.Kind == FramePacket) != (len(p.Track.Config) == 0) {
				t.Errorf("kind %d", p.Kind)
			}
			again, err := decodeOne(t, d, c.tag, 0, unhex(t, c.body))
			if err != nil || again.Track != nil || (p.Kind == ConfigPacket && again.Why != whyUnchanged) {
				t.Errorf("a second time: %+v, %v", again, err)
			}
		})
	}
}

// frameWant is a frame in short.
type frameWant struct {
	id       int
	dts, pts int64 // nanoseconds
	key      bool
	payload  string
}

func frameOf(f *av.Frame) frameWant {
	return frameWant{f.Track.ID, f.DTS, f.PTS, f.Key, fmt.Sprintf("%x", f.Payload)}
}

// Golden bytes of every way to send frames.
func TestDecodeEnhancedFrames(t *testing.T) {
	const ms = 1_000_000
	nal := strings.ReplaceAll(oneNAL, " ", "")
	for _, c := range []struct {
		name string
		tag  TagType
		body string
		want []frameWant
	}{
		{"hvc1", VideoTag, "91" + hvc1 + "000050" + oneNAL, []frameWant{{0, 40 * ms, 120 * ms, true, nal}}},
		{"hvc1, negative composition time", VideoTag, "a1" + hvc1 + "ffffd8" + oneNAL, []frameWant{{0, 40 * ms, 0, false, nal}}},
		{"hvc1 without composition time", VideoTag, "a3" + hvc1 + oneNAL, []frameWant{{0, 40 * ms, 40 * ms, false, nal}}},
		{"HEVC by the informal id", VideoTag, "1c01000050" + oneNAL, []frameWant{{0, 40 * ms, 120 * ms, true, nal}}},
		{"disposable frame", VideoTag, "b3" + hvc1 + oneNAL, []frameWant{{0, 40 * ms, 40 * ms, false, nal}}},
		{"avc1 of track 1", VideoTag, "96 01" + avc1 + "01 000001" + oneNAL, []frameWant{{2, 40 * ms, 41 * ms, true, nal}}},
		{"avc1 of track 1 without composition time", VideoTag, "a6 03" + avc1 + "01" + oneNAL, []frameWant{{2, 40 * ms, 40 * ms, false, nal}}},
		{"av01", VideoTag, "a6 01" + av01 + "02 3201ff", []frameWant{{4, 40 * ms, 40 * ms, false, "3201ff"}}},
		{"av01 with temporal delimiter", VideoTag, "a6 01" + av01 + "02 1200 3201ff", []frameWant{{4, 40 * ms, 40 * ms, false, "3201ff"}}},
		{"vp09", VideoTag, "a6 01" + vp09 + "03 8600", []frameWant{{6, 40 * ms, 40 * ms, false, "8600"}}},
		{"vp08", VideoTag, "a6 01" + vp08 + "04 b101", []frameWant{{8, 40 * ms, 40 * ms, false, "b101"}}},
		{"frame type 0, IDR of H.264", VideoTag, "86 03" + avc1 + "01 00000002 6588", []frameWant{{2, 40 * ms, 40 * ms, true, "000000026588"}}},
		{"frame type 0, no IDR of H.264", VideoTag, "86 03" + avc1 + "01 00000002 4188", []frameWant{{2, 40 * ms, 40 * ms, false, "000000024188"}}},
		{"frame type 0, CRA of H.265", VideoTag, "83" + hvc1 + "00000003 2a0188", []frameWant{{0, 40 * ms, 40 * ms, true, "000000032a0188"}}},
		{"frame type 0, trailing picture of H.265", VideoTag, "83" + hvc1 + "00000003 020188", []frameWant{{0, 40 * ms, 40 * ms, false, "00000003020188"}}},
		{"frame type 0, AV1 with a sequence header", VideoTag, "86 01" + av01 + "02 1200 0a0100 3201ff", []frameWant{{4, 40 * ms, 40 * ms, true, "0a01003201ff"}}},
		{"frame type 0, AV1 without", VideoTag, "86 01" + av01 + "02 3201ff", []frameWant{{4, 40 * ms, 40 * ms, false, "3201ff"}}},
		{"frame type 0, VP9 inter frame", VideoTag, "86 01" + vp09 + "03 8600", []frameWant{{6, 40 * ms, 40 * ms, false, "8600"}}},
		{"nanoseconds", VideoTag, "97 02 0f423f 01" + hvc1 + "000050" + oneNAL, []frameWant{{0, 40*ms + 999_999, 120*ms + 999_999, true, nal}}},
		{"nanoseconds, longer data", VideoTag, "a7 03 00000aff 03" + hvc1 + oneNAL, []frameWant{{0, 40*ms + 10, 40*ms + 10, false, nal}}},
		{"unknown ModEx, then nanoseconds", VideoTag, "a7 00 ee 17 02 000001 03" + hvc1 + oneNAL, []frameWant{{0, 40*ms + 1, 40*ms + 1, false, nal}}},
		{"ModEx of 256 bytes", VideoTag, "a7 ff 00ff" + strings.Repeat("ee", 256) + "13" + hvc1 + oneNAL, []frameWant{{0, 40 * ms, 40 * ms, false, nal}}},
		{"ModEx of 300 bytes", VideoTag, "a7 ff 012b" + strings.Repeat("ee", 300) + "13" + hvc1 + oneNAL, []frameWant{{0, 40 * ms, 40 * ms, false, nal}}},
		{"nanoseconds for all tracks", VideoTag, "a7 02 000002 06 13" + hvc1 + "00 000006" + oneNAL + "00 000006" + oneNAL,
			[]frameWant{{0, 40*ms + 2, 40*ms + 2, false, nal}, {0, 40*ms + 2, 40*ms + 2, false, nal}}},
		{"two tracks with one codec", VideoTag, "a6 11" + avc1 + "01 000009 000001" + oneNAL + "01 000009 000002" + oneNAL,
			[]frameWant{{2, 40 * ms, 41 * ms, false, nal}, {2, 40 * ms, 42 * ms, false, nal}}},
		{"three tracks with codecs of their own", VideoTag, "96 21" + hvc1 + "00 000009 000000" + oneNAL + avc1 + "01 000009 000003" + oneNAL + av01 + "02 000003 3201ff",
			[]frameWant{{0, 40 * ms, 40 * ms, true, nal}, {2, 40 * ms, 43 * ms, true, nal}, {4, 40 * ms, 40 * ms, true, "3201ff"}}},
		{"Opus", AudioTag, "91" + opus4 + "fcff", []frameWant{{1, 40 * ms, 40 * ms, false, "fcff"}}},
		{"mp4a of track 1", AudioTag, "95 01" + mp4a + "01 2118", []frameWant{{3, 40 * ms, 40 * ms, false, "2118"}}},
		{"fLaC", AudioTag, "95 01" + flac4 + "02 fff8", []frameWant{{5, 40 * ms, 40 * ms, false, "fff8"}}},
		{".mp3", AudioTag, "95 01" + dotMP3 + "03" + mp3Frame, []frameWant{{7, 40 * ms, 40 * ms, false, mp3Frame}}},
		{"ac-3", AudioTag, "95 01" + ac3FourCC + "04" + ac3Frame, []frameWant{{9, 40 * ms, 40 * ms, false, ac3Frame}}},
		{"ec-3", AudioTag, "95 01" + ec3FourCC + "05" + eac3Frame, []frameWant{{11, 40 * ms, 40 * ms, false, eac3Frame}}},
		{"Opus, nanoseconds", AudioTag, "97 02 000400 01" + opus4 + "fcff", []frameWant{{1, 40*ms + 1024, 40*ms + 1024, false, "fcff"}}},
		{"two languages", AudioTag, "95 21" + opus4 + "00 000002 fcff" + mp4a + "01 000002 2118",
			[]frameWant{{1, 40 * ms, 40 * ms, false, "fcff"}, {3, 40 * ms, 40 * ms, false, "2118"}}},
		{"no track at all", AudioTag, "95 21" + opus4 + "00 000000", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			packets, err := wellConfigured(t).Decode(c.tag, 40, unhex(t, c.body))
			if err != nil {
				t.Fatal(err)
			}
			var got []frameWant
			for _, p := range packets {
				if p.Kind == FramePacket {
					got = append(got, frameOf(p.Frame))
				}
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestDecodeEnhancedIgnores(t *testing.T) {
	for _, c := range []struct {
		name string
		tag  TagType
		body string
		why  string
	}{
		{"start of seeking", VideoTag, "d1 00", whyCommand},
		{"end of seeking behind ModEx", VideoTag, "d7 00 ee 11 01", whyCommand},
		{"MPEG-2 TS descriptor", VideoTag, "95" + av01 + "80048100", "MPEG-2 TS descriptor"},
		{"reserved video packet type", VideoTag, "98" + hvc1, "unknown enhanced packet type"},
		{"reserved audio packet type", AudioTag, "93" + opus4, "unknown enhanced packet type"},
		{"ModEx within multitrack", VideoTag, "96 07" + hvc1 + "00", "unknown enhanced packet type"},
		{"multitrack type 3", VideoTag, "96 31" + hvc1 + "00", "unknown multitrack type"},
		{"unknown FourCC", VideoTag, "91 76767631 00", "unknown FourCC"},
		{"FourCC of sound for video", VideoTag, "91" + opus4 + "00", "unknown FourCC"},
		{"FourCC of video for sound", AudioTag, "91" + hvc1 + "00", "unknown FourCC"},
		{"another codec than configured", VideoTag, "91" + av01 + "3201ff", whyNoConfig},
		{"track without configuration", VideoTag, "96 01" + av01 + "07 3201ff", whyNoConfig},
		{"VP9 inter frame first", VideoTag, "a6 01" + vp09 + "07 8600", whyNoConfig},
		{"VP9 key frame that is none", VideoTag, "96 01" + vp09 + "03 8600", "without a header"},
		{"AC-3 without header", AudioTag, "91" + ac3FourCC + "00", "without a header"},
		{"empty frame", VideoTag, "a3" + hvc1, whyEmpty},
		{"temporal delimiter alone", VideoTag, "a6 01" + av01 + "02 1200", whyEmpty},
		{"empty sound", AudioTag, "91" + opus4, whyEmpty},
		{"unchanged configuration", VideoTag, "90" + hvc1 + hevcRecord, whyUnchanged},
		{"configuration of AC-3", AudioTag, "90" + ac3FourCC, "needs none"},
		{"metadata that is no AMF0", VideoTag, "d4" + hvc1 + "ff", "not AMF0"},
		{"metadata that is too large", VideoTag, "d4" + hvc1 + strings.Repeat("05", maxMetadata+1), "too large"},
		{"multichannel configuration cut off", AudioTag, "94" + opus4 + "01", "cut off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := decodeOne(t, wellConfigured(t), c.tag, 0, unhex(t, c.body))
			if err != nil || p.Kind != IgnoredPacket || !strings.Contains(p.Why, c.why) {
				t.Errorf("packet %+v, %v; want ignored because of %q", p, err, c.why)
			}
		})
	}
}

func TestDecodeEnhancedErrors(t *testing.T) {
	for _, c := range []struct {
		name string
		tag  TagType
		body string
		want string
	}{
		{"no FourCC", VideoTag, "91", "enhanced video header truncated in FourCC: need 4 bytes, 0 remain"},
		{"FourCC cut off", AudioTag, "91 4f7075", "enhanced audio header truncated in FourCC: need 4 bytes, 3 remain"},
		{"composition time cut off", VideoTag, "91" + hvc1 + "0000", "truncated in composition time"},
		{"NAL unit beyond the frame", VideoTag, "93" + hvc1 + "00000003 2601", "3 bytes, 2 remain"},
		{"ModEx without size", VideoTag, "97", "truncated in ModEx size"},
		{"ModEx without wide size", VideoTag, "97 ff 00", "truncated in ModEx size: need 2 bytes, 1 remain"},
		{"ModEx data cut off", VideoTag, "97 02 0000", "truncated in ModEx data: need 3 bytes, 2 remain"},
		{"ModEx without type", VideoTag, "97 00 00", "truncated in ModEx type"},
		{"nanoseconds of two bytes", VideoTag, "97 01 0000 01" + hvc1, "timestamp offset of 2 bytes, need 3"},
		{"a whole millisecond", VideoTag, "97 02 0f4240 01" + hvc1, "timestamp offset of 1000000 ns"},
		{"multitrack without type", VideoTag, "96", "truncated in multitrack type"},
		{"multitrack in multitrack", VideoTag, "96 06" + hvc1, "multitrack within multitrack"},
		{"multitrack in multitrack for sound", AudioTag, "95 05" + opus4, "multitrack within multitrack"},
		{"multitrack without FourCC", VideoTag, "96 01 6876", "truncated in FourCC"},
		{"multitrack without id", VideoTag, "96 01" + hvc1, "truncated in track id"},
		{"many tracks without size", VideoTag, "96 11" + hvc1 + "01 0000", "truncated in track size"},
		{"many tracks, one beyond the body", VideoTag, "96 11" + hvc1 + "01 000003 ffff", "truncated in track 1: need 3 bytes, 2 remain"},
		{"many codecs without FourCC", AudioTag, "95 21 4f", "truncated in FourCC"},
		{"broken configuration of a track", VideoTag, "96 00" + hvc1 + "09 01", "video track 9: hevc configuration: 1 bytes"},
		{"truncated AV1 configuration", VideoTag, "90" + av01 + "8100", "av1 configuration: 2 bytes"},
		{"truncated VP9 configuration", VideoTag, "90" + vp09 + "00", "vp configuration: 1 bytes"},
		{"truncated FLAC configuration", AudioTag, "90" + flac4 + "664c6143", "flac configuration: truncated in the block header"},
		{"truncated Opus configuration", AudioTag, "90" + opus4 + "4f70", "opus header: 2 bytes"},
		{"truncated HEVC by the informal id", VideoTag, "1c 01 0000", "H265 header truncated: 4 bytes, need 5"},
		{"huge configuration", VideoTag, "90" + hvc1 + hevcRecord + strings.Repeat("00", maxConfig), "limit 65536"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := wellConfigured(t)
			packets, err := d.Decode(c.tag, 1234, unhex(t, c.body))
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "1234 ms") || reason.Of(err, "") != reason.BadMedia {
				t.Fatalf("error %v, want one with %q", err, c.want)
			}
			if len(packets) != 0 {
				t.Errorf("packets %+v beside the error", packets)
			}
			if p, err := decodeOne(t, d, VideoTag, 1235, unhex(t, "a3"+hvc1+oneNAL)); err != nil || p.Kind != FramePacket {
				t.Errorf("the next tag: %+v, %v", p, err)
			}
		})
	}
}

func TestPacketsBeforeAnErrorAreReturned(t *testing.T) {
	packets, err := wellConfigured(t).Decode(VideoTag, 0, unhex(t, "a6 13"+hvc1+"00 000006"+oneNAL+"01 0000ff"))
	if err == nil || len(packets) != 1 || packets[0].Kind != FramePacket {
		t.Errorf("packets %+v, %v", packets, err)
	}
}

func TestDecodeEnds(t *testing.T) {
	for name, c := range map[string]struct {
		tag  TagType
		body string
	}{
		"video":            {VideoTag, "92" + hvc1},
		"audio":            {AudioTag, "92" + opus4},
		"video track 1":    {VideoTag, "96 02" + avc1 + "01"},
		"HEVC, id 12":      {VideoTag, "1c02000000"},
		"audio multitrack": {AudioTag, "95 02" + mp4a + "01"},
	} {
		if p, err := decodeOne(t, wellConfigured(t), c.tag, 0, unhex(t, c.body)); err != nil || !reflect.DeepEqual(p, Packet{Kind: EndPacket}) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

func TestDecodeSideInfo(t *testing.T) {
	hdr := amf0.Append(nil, "colorInfo", amf0.Object{{Name: "colorConfig", Value: amf0.Object{{Name: "bitDepth", Value: 10.0}}}})
	reset := amf0.Append(nil, "colorInfo", amf0.Undefined{})
	metadata := func(b []byte) []byte { return append(unhex(t, "d4"+hvc1), b...) }
	config := unhex(t, "90"+hvc1+hevcRecord)
	var d Demuxer
	for _, step := range []struct {
		name string
		body []byte
		want []byte // nil if there shall be no new track
	}{
		{"before the configuration", metadata(hdr), nil},
		{"the configuration", config, hdr},
		{"the same again", metadata(hdr), nil},
		{"reset", metadata(reset), reset},
		{"HDR again", metadata(hdr), hdr},
	} {
		packets, err := d.Decode(VideoTag, 0, step.body)
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if step.want == nil {
			if len(packets) != 0 {
				t.Errorf("%s: %+v", step.name, packets)
			}
			continue
		}
		if len(packets) != 1 || packets[0].Kind != ConfigPacket || !bytes.Equal(packets[0].Track.SideInfo, step.want) || len(packets[0].Track.Config) == 0 {
			t.Errorf("%s: %+v", step.name, packets)
		}
	}
	p, err := decodeOne(t, &d, VideoTag, 0, unhex(t, "a3"+hvc1+oneNAL))
	if err != nil || !bytes.Equal(p.Frame.Track.SideInfo, hdr) {
		t.Errorf("frame of %+v, %v", p.Frame.Track, err)
	}
}

func TestMultichannelConfigCountsForOpusWithoutHeader(t *testing.T) {
	var d Demuxer
	if packets, err := d.Decode(AudioTag, 0, unhex(t, "94"+opus4+"01 01 00000004")); err != nil || len(packets) != 0 {
		t.Fatalf("%+v, %v", packets, err)
	}
	p, err := decodeOne(t, &d, AudioTag, 0, unhex(t, "90"+opus4))
	if err != nil || p.Track.Channels != 1 || !bytes.Equal(p.Track.SideInfo, unhex(t, "01 01 00000004")) {
		t.Errorf("%+v, %v", p.Track, err)
	}
}

// VP9 says its size in key frames only.
func TestDecodePictureSize(t *testing.T) {
	var d Demuxer
	const larger = "8249834200 04f003f63638" // 80x64
	sizes := []string{}
	for _, body := range []string{
		"90" + vp09 + vp9Record, "91" + vp09 + vp9KeyFrame, "a1" + vp09 + "8600", "91" + vp09 + vp9KeyFrame, "91" + vp09 + larger,
		"90" + vp09 + "000b820202020000",
	} {
		p, err := decodeOne(t, &d, VideoTag, 0, unhex(t, body))
		if err != nil {
			t.Fatal(err)
		}
		size := "-"
		if p.Track != nil {
			size = fmt.Sprintf("%dx%d", p.Track.Width, p.Track.Height)
		}
		sizes = append(sizes, size)
	}
	if got, want := strings.Join(sizes, " "), "0x0 64x48 - - 80x64 80x64"; got != want {
		t.Errorf("sizes %s, want %s", got, want)
	}
}

func TestTracksAreLimited(t *testing.T) {
	var d Demuxer
	configs, refused := 0, 0
	for i := range 256 {
		p, err := decodeOne(t, &d, VideoTag, 0, unhex(t, "96 00"+vp09+fmt.Sprintf("%02x", i)+vp9Record))
		switch {
		case err == nil && p.Kind == ConfigPacket && p.Track.ID == 2*i:
			configs++
		case err == nil && p.Why == whyTracks:
			refused++
		}
	}
	if configs != maxTracks || refused != 256-maxTracks {
		t.Errorf("%d tracks, %d refused", configs, refused)
	}
	if p, err := decodeOne(t, &d, AudioTag, 0, unhex(t, "af01")); err != nil || p.Why != whyTracks {
		t.Errorf("legacy sound beyond the limit: %+v, %v", p, err)
	}
}

//go:build !noaac

package transcode

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/opus"
	"github.com/weirmedia/weir/pkg/reason"
)

// aacTrack has the given AudioSpecificConfig.
func aacTrack(config ...byte) *av.Track {
	return &av.Track{ID: 1, Kind: av.Audio, Codec: av.AAC, Config: config}
}

func expectReason(t *testing.T, err error, want reason.Reason, text string) {
	t.Helper()
	var e *reason.Error
	if !errors.As(err, &e) || e.Reason != want || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v, want %s with %q", err, want, text)
	}
}

// What cannot be had is refused with a reason that says what to do.
func TestUnsupported(t *testing.T) {
	family255 := append(opus.BuildHeader(2), 4, 0, 0, 1, 2, 3)
	family255[9], family255[18] = 4, 255
	for _, c := range []struct {
		name  string
		track *av.Track
		to    Format
		want  string
	}{
		{"HE-AAC, hierarchical", aacTrack(0x2b, 0x11, 0x88, 0x00), Format{Codec: av.Opus}, "HE-AAC cannot be decoded, only AAC-LC; set the encoder to AAC-LC"},
		{"HE-AAC v2, hierarchical", aacTrack(0xeb, 0x09, 0x88, 0x00), Format{Codec: av.Opus}, "HE-AAC v2 cannot be decoded"},
		{"HE-AAC, backward compatible", aacTrack(0x13, 0x10, 0x56, 0xe5, 0x98), Format{Codec: av.Opus}, "HE-AAC cannot be decoded"},
		{"Main", aacTrack(0x0a, 0x10), Format{Codec: av.Opus}, "AAC Main cannot be decoded"},
		{"LTP", aacTrack(0x22, 0x10), Format{Codec: av.Opus}, "AAC LTP cannot be decoded"},
		{"960 samples", aacTrack(0x12, 0x14), Format{Codec: av.Opus}, "960 samples in a frame"},
		{"5.1", aacTrack(0x11, 0xb0), Format{Codec: av.Opus}, "AAC with channel configuration 6 cannot be decoded, only mono and stereo"},
		{"no configuration", aacTrack(), Format{Codec: av.Opus}, "audioObjectType at bit 0"},
		{"odd rate", aacTrack(0x17, 0x80, 0x57, 0xe4, 0x10), Format{Codec: av.Opus}, "AAC at 45000 Hz"},
		{"MP3", &av.Track{Kind: av.Audio, Codec: av.MP3}, Format{Codec: av.Opus}, "MP3 audio cannot be decoded"},
		{"no Opus header", &av.Track{Kind: av.Audio, Codec: av.Opus}, Format{Codec: av.AAC}, "opus cannot be decoded"},
		{"Opus channels of no known place", &av.Track{Kind: av.Audio, Codec: av.Opus, Config: family255}, Format{Codec: av.AAC}, "4 channels in mapping family 255"},
		{"G.711 quad", &av.Track{Kind: av.Audio, Codec: av.G711A, Channels: 4}, Format{Codec: av.Opus}, "G.711 with 4 channels"},
		{"to FLAC", opusTrack(2), Format{Codec: av.FLAC}, "audio cannot be made FLAC"},
		{"too few bits", opusTrack(2), Format{Codec: av.AAC, Bitrate: 100}, "100 bit/s is not between"},
	} {
		t.Run(c.name, func(t *testing.T) {
			expectReason(t, c.to.Check(c.track), reason.Unsupported, c.want)
			x, err := c.to.New(c.track)
			expectReason(t, err, reason.Unsupported, c.want)
			if x != nil {
				t.Error("there is a transcoder")
			}
		})
	}
}

// sbrFrame says that spectral band replication belongs to it: a fill element
// with EXT_SBR_DATA, then the end (ISO/IEC 14496-3, 4.4.2.7).
func sbrFrame() []byte {
	const fill, count, sbr, end = 6, 1, 13, 7
	v := fill<<21 | count<<17 | sbr<<13 | 0<<9 | end<<6
	return []byte{byte(v >> 16), byte(v >> 8), byte(v)}
}

// HE-AAC that only the frames tell of is found in them, and nothing of the half
// of the spectrum that could be decoded is let out.
func TestImplicitSBR(t *testing.T) {
	track := aacTrack(lcConfig(24000, 2)...)
	x := transcoder(t, track, av.Opus)
	out := 0
	for i := range 2 * patience {
		pts := int64(i) * 1024 * 1e9 / 24000
		err := x.Transcode(&av.Frame{Track: track, PTS: pts, DTS: pts, Payload: sbrFrame()}, func(*av.Frame) { out++ })
		if err != nil {
			expectReason(t, err, reason.Unsupported, "SBR")
			if out > 0 {
				t.Errorf("%d frames were made of it", out)
			}
			return
		}
	}
	t.Error("not found")
}

// Frames that are all broken are not tried for ever.
func TestPatience(t *testing.T) {
	f := newFeed(t, av.AAC, 44100, 2)
	x := transcoder(t, f.track, av.Opus)
	convert(t, x, f.frames(silent, time.Second))
	for range patience - 1 {
		in := &av.Frame{Track: f.track, PTS: f.time(f.at), Payload: []byte{0xff}}
		if err := x.Transcode(in, func(*av.Frame) {}); err != nil {
			t.Fatal(err)
		}
	}
	err := x.Transcode(&av.Frame{Track: f.track, PTS: f.time(f.at), Payload: []byte{0xff}}, func(*av.Frame) {})
	expectReason(t, err, reason.BadMedia, "50 frames in a row are broken")
}

// bomb panics, as a library might.
type bomb struct{}

func (bomb) decode([]byte) ([]float32, error) { panic("boom") }

func (bomb) reset() error { return nil }

func TestPanicIsAnError(t *testing.T) {
	c, err := newConverter(opusTrack(2), Format{Codec: av.G711A})
	if err != nil {
		t.Fatal(err)
	}
	c.decoder = bomb{}
	expectReason(t, c.Transcode(&av.Frame{}, nil), reason.InternalError, "panic: boom")
}

package probe

import (
	"bytes"
	"encoding/hex"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/amf0"
	"github.com/weirmedia/weir/remux/flv"
)

// avcConfig is an AVCDecoderConfigurationRecord for Main 3.1, 640x360 and 25
// frames a second.
const avcConfig = "014d401fffe1001a" + // Main, level 3.1, one SPS of 26 bytes
	"674d401fa6110280bfe5c044000003000400000300c83c60c846" +
	"010005" + "68e84332c8" // one PPS of 5 bytes

// feed makes a stream and gives it to an Analyzer. All times are milliseconds.
type feed struct {
	t *testing.T
	*Analyzer
	header []byte // of the file
	file   []byte // all tags
}

func newFeed(t *testing.T, f Facts) *feed {
	return &feed{t: t, Analyzer: NewAnalyzer(f), header: flv.AppendFileHeader(nil, true, true)}
}

func (f *feed) tag(kind flv.TagType, dts, arrival int, body []byte) {
	tag := flv.Tag{Type: kind, Timestamp: uint32(dts), Body: body}
	f.file = flv.AppendTag(f.file, kind, tag.Timestamp, body)
	if !f.Add(tag, time.Duration(arrival)*time.Millisecond) {
		f.t.Fatal("the analyzer is full")
	}
}

// headers gives the codec headers of H.264 and AAC LC, 44.1 kHz, stereo.
func (f *feed) headers() {
	f.videoHeader()
	f.audioHeader()
}

func (f *feed) videoHeader() {
	config, err := hex.DecodeString(avcConfig)
	if err != nil {
		f.t.Fatal(err)
	}
	f.tag(flv.VideoTag, 0, 0, append([]byte{0x17, 0, 0, 0, 0}, config...))
}

func (f *feed) audioHeader() { f.tag(flv.AudioTag, 0, 0, []byte{0xAF, 0, 0x12, 0x10}) }

// The two kinds of NAL units that matter.
const (
	idr   = 0x65
	other = 0x41
)

// picture gives a frame of H.264 of some size with a key flag and a NAL unit.
func (f *feed) picture(dts, offset, arrival, size int, key bool, nal byte) {
	first := byte(0x27)
	if key {
		first = 0x17
	}
	n := size - 4
	payload := append([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n), nal}, bytes.Repeat([]byte{1}, n-1)...)
	f.tag(flv.VideoTag, dts, arrival, append([]byte{first, 1, byte(offset >> 16), byte(offset >> 8), byte(offset)}, payload...))
}

// sound gives a frame of AAC.
func (f *feed) sound(dts, arrival int) {
	f.tag(flv.AudioTag, dts, arrival, append([]byte{0xAF, 1}, make([]byte, 200)...))
}

func (f *feed) metadata(fields ...amf0.Property) {
	f.tag(flv.ScriptTag, 0, 0, amf0.Append(nil, "onMetaData", amf0.ECMAArray(fields)))
}

// shape says how the frames of a regular stream are.
type shape struct {
	frames  int
	gop     int               // frames from key frame to key frame
	arrival func(dts int) int // nil means at their own time
	dts     func(i, dts int) int
	noAudio bool
	audioBy int // added to the timestamps of audio
}

// regular gives frames of 40 ms, each with two of audio behind it.
func (f *feed) regular(s shape) {
	for i := range s.frames {
		dts := 40 * i
		arrival := dts
		if s.arrival != nil {
			arrival = s.arrival(dts)
		}
		if s.dts != nil {
			dts = s.dts(i, dts)
		}
		if i%s.gop == 0 {
			f.picture(dts, 0, arrival, 4000, true, idr)
		} else {
			f.picture(dts, 0, arrival, 1000, false, other)
		}
		if !s.noAudio {
			f.sound(dts+s.audioBy, arrival)
			f.sound(dts+s.audioBy+20, arrival+20)
		}
	}
}

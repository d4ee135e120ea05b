package ts

import (
	"bytes"
	"io"
	"reflect"
	"slices"
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/aac"
	"github.com/weirmedia/weir/pkg/codec/h264"
	"github.com/weirmedia/weir/pkg/codec/paramset"
)

// heard is a frame as an independent reader has it.
type heard struct {
	pid      uint16
	pts, dts int64
	units    [][]byte
}

// An independent reader finds in a stream what went in.
func TestIndependentReader(t *testing.T) {
	files := map[string][]*av.Frame{"MP3": mp3Frames(t)} // that of the sample is at a rate the reader does not know
	for _, name := range []string{"bframes.flv", "hevc.flv", "hdr.flv", "multitrack.flv", "opus.flv", "ac3.flv", "eac3.flv"} {
		files[name] = footage(t, name)
	}
	for name, in := range files {
		t.Run(name, func(t *testing.T) {
			got := make(map[uint16][]heard)
			for _, h := range listen(t, mux(t, in), in[0].Layout) {
				got[h.pid] = append(got[h.pid], h)
			}
			want := make(map[uint16][]heard)
			for _, f := range in {
				h := heard{pid: firstPID + uint16(f.Track.ID), pts: ticks(f.PTS + timeShift), dts: ticks(f.DTS + timeShift), units: unitsOf(f)}
				want[h.pid] = append(want[h.pid], h)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %x\nwant %x", got, want)
			}
		})
	}
}

// unitsOf returns f as the independent reader should have it.
func unitsOf(f *av.Frame) [][]byte {
	if f.Track.Kind != av.Video {
		return [][]byte{f.Payload}
	}
	units := slices.Collect(h264.NALs(f.Payload, lengthSize))
	has := slices.ContainsFunc(units, func(nal []byte) bool { return paramset.ClassOf(f.Track.Codec, nal) == paramset.SPS })
	if f.Key && !has {
		s, _ := newStream(f.Track)
		units = append(slices.Collect(annexB(s.opening[len(s.delimiter):])), units...)
	}
	return units
}

// listen reads a stream, which must have the tracks of l.
func listen(t *testing.T, stream []byte, l *av.Layout) (list []heard) {
	t.Helper()
	r := &mpegts.Reader{R: bytes.NewReader(stream)}
	if err := r.Initialize(); err != nil {
		t.Fatal(err)
	}
	r.OnDecodeError(func(err error) { t.Error(err) })
	if len(r.Tracks()) != len(l.Tracks) {
		t.Fatalf("%d tracks, want %d", len(r.Tracks()), len(l.Tracks))
	}
	for i, track := range r.Tracks() {
		if want := firstPID + uint16(l.Tracks[i].ID); track.PID != want {
			t.Errorf("pid %#x, want %#x", track.PID, want)
		}
		video := func(pts, dts int64, au [][]byte) error {
			list = append(list, heard{track.PID, pts, dts, au})
			return nil
		}
		sounds := func(pts int64, frames [][]byte) error { return video(pts, pts, frames) }
		sound := func(pts int64, frame []byte) error { return sounds(pts, [][]byte{frame}) }
		switch c := track.Codec.(type) {
		case *codecs.H264:
			r.OnDataH264(track, video)
		case *codecs.H265:
			r.OnDataH265(track, video)
		case *codecs.MPEG4Audio:
			want, err := aac.ParseConfig(l.Tracks[i].Config)
			if err != nil || int(c.Type) != want.ObjectType || c.SampleRate != want.SampleRate || int(c.ChannelConfig) != want.ChannelConfiguration {
				t.Errorf("configuration %+v, want %+v", c.Config, want)
			}
			r.OnDataMPEG4Audio(track, sounds)
		case *codecs.MPEG1Audio:
			r.OnDataMPEG1Audio(track, sounds)
		case *codecs.Opus:
			if c.ChannelCount != l.Tracks[i].Channels { //nolint:staticcheck // the only field for it
				t.Errorf("%d channels, want %d", c.Desc.ChannelCount(), l.Tracks[i].Channels)
			}
			r.OnDataOpus(track, sounds)
		case *codecs.AC3:
			if c.SampleRate != l.Tracks[i].SampleRate || c.ChannelCount != l.Tracks[i].Channels {
				t.Errorf("%+v, want %+v", c, l.Tracks[i])
			}
			r.OnDataAC3(track, sound)
		case *codecs.EAC3:
			if c.SampleRate != l.Tracks[i].SampleRate || c.ChannelCount != l.Tracks[i].Channels {
				t.Errorf("%+v, want %+v", c, l.Tracks[i])
			}
			r.OnDataEAC3(track, sound)
		default:
			t.Fatalf("codec %T", c)
		}
	}
	for {
		err := r.Read()
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

package ts

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"slices"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/h264"
	"github.com/weirmedia/weir/pkg/codec/paramset"
)

// Files from encoders come out of a transport stream as they went in: payloads,
// times, key frames and tracks.
func TestRoundTrip(t *testing.T) {
	for _, name := range []string{
		"bframes.flv", "hevc.flv", "hdr.flv", "multitrack.flv", // pictures and sound
		"mp3.flv", "opus.flv", "ac3.flv", "eac3.flv",
	} {
		t.Run(name, func(t *testing.T) {
			in := footage(t, name)
			out, tracks := demux(t, mux(t, in))
			if len(out) != len(in) {
				t.Fatalf("%d frames of %d", len(out), len(in))
			}
			for id, track := range byID(out) {
				compareTrack(t, in[0].Layout, tracks, id, track, byID(in)[id])
			}
		})
	}
}

// withoutSets returns the payload of f without the parameter sets that x265 puts
// before key frames although the configuration has them.
func withoutSets(f *av.Frame) []byte {
	if f.Track.Codec != av.H265 {
		return f.Payload
	}
	var b []byte
	for nal := range h264.NALs(f.Payload, lengthSize) {
		if paramset.ClassOf(av.H265, nal) == paramset.Other {
			b = append(binary.BigEndian.AppendUint32(b, uint32(len(nal))), nal...)
		}
	}
	return b
}

func byID(frames []*av.Frame) map[int][]*av.Frame {
	m := make(map[int][]*av.Frame)
	for _, f := range frames {
		m[f.Track.ID] = append(m[f.Track.ID], f)
	}
	return m
}

func compareTrack(t *testing.T, l *av.Layout, tracks []*av.Track, id int, out, in []*av.Frame) {
	t.Helper()
	if len(out) != len(in) {
		t.Fatalf("track %d: %d frames of %d", id, len(out), len(in))
	}
	for i, f := range out {
		want := in[i]
		if payload := withoutSets(want); !bytes.Equal(f.Payload, payload) {
			t.Fatalf("track %d, frame %d: payload\n%x, want\n%x", id, i, f.Payload, payload)
		}
		if ticks(f.DTS) != ticks(want.DTS+timeShift) || ticks(f.PTS) != ticks(want.PTS+timeShift) || f.Key != want.Key {
			t.Errorf("track %d, frame %d: times %d %d, key %v; want %d %d %v", id, i, f.DTS-timeShift, f.PTS-timeShift, f.Key, want.DTS, want.PTS, want.Key)
		}
	}
	same := func(track *av.Track) bool { return track.ID == id }
	got, want := *tracks[slices.IndexFunc(tracks, same)], *l.Tracks[slices.IndexFunc(l.Tracks, same)]
	// Only FLV has side information. Records differ in what nobody reads.
	got.Config, want.Config, want.SideInfo = nil, nil, nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

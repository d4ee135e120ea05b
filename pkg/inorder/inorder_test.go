package inorder_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/h264"
	"github.com/weirmedia/weir/pkg/inorder"
	"github.com/weirmedia/weir/pkg/reason"
)

// source is a track of x264 with B-frames.
func source(t *testing.T) *av.Track {
	t.Helper()
	sps, _ := hex.DecodeString("6764001facd9405005bb016a02020280000003008000001e078c18cb")
	config, err := h264.BuildConfig([][]byte{sps}, [][]byte{{0x68, 0xEB, 0xE3, 0xCB, 0x22, 0xC0}})
	if err != nil {
		t.Fatal(err)
	}
	track, err := h264.TrackFromConfig(0, config)
	if err != nil {
		t.Fatal(err)
	}
	return track
}

// Headers of NAL units: of slices to which others refer, and of others.
const (
	idr, refers, alone = 0x65, 0x41, 0x01
)

type picture struct {
	pts int64
	nal byte
}

// run returns the times of the pictures that x emits of those that it is given.
func run(t *testing.T, counts *inorder.Counts, whole bool, pictures []picture) (times []int64, err error) {
	t.Helper()
	track := source(t)
	sound := &av.Track{ID: 1, Kind: av.Audio, Codec: av.AAC}
	layout := &av.Layout{Epoch: 7, Ready: true, Tracks: []*av.Track{track, sound}}
	x := inorder.New(counts, whole)
	emit := func(f *av.Frame) {
		if f.Track.Kind == av.Audio {
			if f.Track != sound || len(f.Payload) != 1 {
				t.Errorf("the sound became %+v", f)
			}
			return
		}
		if f.Layout.Epoch != 7 || f.Layout.Tracks[0] != f.Track || f.Layout.Tracks[1] != sound || layout.Tracks[0] != track {
			t.Errorf("the layout became %+v", f.Layout)
		}
		c, err := h264.ParseConfig(f.Track.Config)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := h264.InOrder(c.SPS[0]); err != nil || !bytes.Equal(again, c.SPS[0]) {
			t.Errorf("the SPS %x allows reordering", c.SPS[0])
		}
		times = append(times, f.PTS)
	}
	for i, p := range pictures {
		f := &av.Frame{Track: track, Layout: layout, DTS: int64(i), PTS: p.pts, Key: p.nal == idr, Payload: []byte{0, 0, 0, 2, p.nal, 0x80}}
		if err := x.Transform(f, emit); err != nil {
			return times, err
		}
		if err := x.Transform(&av.Frame{Track: sound, Layout: layout, DTS: int64(i), Payload: []byte{1}}, emit); err != nil {
			t.Fatal(err)
		}
	}
	return times, nil
}

func TestLeavesOut(t *testing.T) {
	var counts inorder.Counts
	got, err := run(t, &counts, false, []picture{{0, idr}, {3, refers}, {1, alone}, {2, alone}, {6, refers}, {4, alone}, {5, alone}, {7, alone}, {10, idr}, {8, alone}, {11, refers}})
	if want := []int64{0, 3, 6, 7, 10, 11}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	if p, l := counts.Pictures.Load(), counts.LeftOut.Load(); p != 11 || l != 5 {
		t.Errorf("%d of %d pictures are counted as left out, want 5 of 11", l, p)
	}
}

// Who wants all pictures or none is not sent a part.
func TestWhole(t *testing.T) {
	pictures := []picture{{0, idr}, {1, refers}, {2, alone}, {4, refers}, {3, alone}}
	if got, err := run(t, new(inorder.Counts), true, pictures[:4]); err != nil || len(got) != 4 {
		t.Errorf("in order: %v %v", got, err)
	}
	if _, err := run(t, new(inorder.Counts), true, pictures); !errors.Is(err, inorder.ErrLeftOut) || reason.Of(err, "") != reason.Unsupported {
		t.Errorf("%v", err)
	}
}

// Others refer to the B-frame in the middle: what follows would be broken.
func TestPyramid(t *testing.T) {
	_, err := run(t, new(inorder.Counts), false, []picture{{0, idr}, {4, refers}, {2, refers}, {1, alone}, {3, alone}})
	if !errors.Is(err, h264.ErrReordered) || reason.Of(err, "") != reason.Unsupported {
		t.Errorf("%v", err)
	}
}

// Parameter sets in band are changed like those of the track.
func TestInBand(t *testing.T) {
	track := source(t)
	c, err := h264.ParseConfig(track.Config)
	if err != nil {
		t.Fatal(err)
	}
	sps := c.SPS[0]
	payload := append([]byte{0, 0, 0, byte(len(sps))}, sps...)
	payload = append(payload, 0, 0, 0, 2, idr, 0x80)
	err = inorder.New(new(inorder.Counts), false).Transform(&av.Frame{Track: track, Layout: &av.Layout{Tracks: []*av.Track{track}}, Key: true, Payload: payload}, func(f *av.Frame) {
		var nals [][]byte
		for nal := range h264.NALs(f.Payload, 4) {
			nals = append(nals, nal)
		}
		changed, err := h264.InOrder(sps)
		if err != nil || len(nals) != 2 || !bytes.Equal(nals[0], changed) || !bytes.Equal(nals[1], []byte{idr, 0x80}) {
			t.Errorf("%x, %v", nals, err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

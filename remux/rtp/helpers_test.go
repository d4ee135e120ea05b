package rtp

import (
	"encoding/binary"
	"testing"

	prtp "github.com/pion/rtp"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/av1"
	"github.com/weirmedia/weir/pkg/codec/h264"
	"github.com/weirmedia/weir/pkg/codec/paramset"
	"github.com/weirmedia/weir/remux/flv/flvtest"
)

// footage returns the frames of a sample file of package flv, by track.
func footage(t testing.TB, name string) map[int][]*av.Frame {
	t.Helper()
	tracks := make(map[int][]*av.Frame)
	for _, f := range flvtest.Frames(t, "../flv/testdata/"+name) {
		tracks[f.Track.ID] = append(tracks[f.Track.ID], f)
	}
	return tracks
}

// packetsOf returns the packets of frames, and the Muxer that made them.
func packetsOf(t testing.TB, frames []*av.Frame) ([]*prtp.Packet, *Muxer) {
	t.Helper()
	m, err := NewMuxer(frames[0].Track, MuxerOptions{PayloadType: 96})
	if err != nil {
		t.Fatal(err)
	}
	m.sequence, m.base = 65500, 1<<32-50000 // both wrap soon
	var all []*prtp.Packet
	for _, f := range frames {
		if err := m.Follow(f.Track); err != nil {
			t.Fatal(err)
		}
		packets, err := m.Mux(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, packets...)
	}
	return all, m
}

// demuxAll returns the frames of packets that m described, and how many times
// something was left out.
func demuxAll(t testing.TB, m *Muxer, packets []*prtp.Packet) (frames []*av.Frame, ignored int) {
	t.Helper()
	d, err := NewDemuxer(m.Track().ID, m.Format())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packets {
		raw, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		read := &prtp.Packet{}
		if err := read.Unmarshal(raw); err != nil {
			t.Fatal(err)
		}
		got, why := d.Demux(read)
		if why != "" {
			ignored++
		}
		frames = append(frames, got...)
	}
	return frames, ignored
}

// plainPayload returns the payload of f without what its way through RTP may add
// or take away: parameter sets and sequence headers, which the track has.
func plainPayload(t testing.TB, f *av.Frame) []byte {
	t.Helper()
	switch f.Track.Codec {
	case av.H264, av.H265:
		var b []byte
		for nal := range h264.NALs(f.Payload, lengthSize) {
			if paramset.ClassOf(f.Track.Codec, nal) == paramset.Other {
				b = append(binary.BigEndian.AppendUint32(b, uint32(len(nal))), nal...)
			}
		}
		return b
	case av.AV1:
		return av1.TrimTemporalDelimiters(f.Payload)
	}
	return f.Payload
}

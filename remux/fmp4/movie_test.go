package fmp4

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
)

// Golden bytes of an index, checked by hand against ISO/IEC 14496-12, 8.8.9 to
// 8.8.11.
func TestAppendIndex(t *testing.T) {
	got := AppendIndex([]byte("x"), videoTrack(t), []IndexEntry{{PTS: 80 * ms, Offset: 0x400, Traf: 1}, {PTS: 2000 * ms, Offset: 1 << 32, Traf: 2}})
	want := unhex(t, "78"+
		"00000056 6d667261"+
		"0000003e 74667261 01000000 00000001 00000000 00000002"+
		"00000000000dd7c0 0000000000000400 01 01 01"+ // 10.08 s
		"0000000000107ac0 0000000100000000 02 01 01"+ // 12 s
		"00000010 6d66726f 00000000 00000056")
	if !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
}

// What ParseFragment says of a fragment is what was written.
func TestParseFragment(t *testing.T) {
	video, audio := videoTrack(t), audioTrack(t)
	init, err := AppendInit(nil, layoutOf(video, audio))
	if err != nil {
		t.Fatal(err)
	}
	ftyp := binary.BigEndian.Uint32(init)
	m, err := ParseMovie(init[ftyp+boxHeader:])
	if err != nil || len(m.Tracks()) != 2 {
		t.Fatal(err)
	}
	for _, key := range []bool{true, false} {
		b := AppendFragment(nil, 1,
			Run{Track: video, End: 1080 * ms, Frames: []*av.Frame{
				{Track: video, DTS: 1000 * ms, PTS: 1040 * ms, Key: key, Payload: []byte{1, 2, 3}}, {Track: video, DTS: 1040 * ms, PTS: 1000 * ms, Payload: []byte{4}},
			}},
			Run{Track: audio, End: 1100 * ms, Frames: []*av.Frame{{Track: audio, DTS: 1000 * ms, PTS: 1000 * ms, Payload: []byte{5}}}})
		moof := b[boxHeader:binary.BigEndian.Uint32(b)]
		parts, err := m.ParseFragment(moof, 0)
		if err != nil || len(parts) != 2 {
			t.Fatalf("%v, %v", parts, err)
		}
		shift := int64(Shift)
		v, a := parts[0], parts[1]
		if v.Track.ID != 0 || v.DTS != 1000*ms+shift || v.PTS != 1040*ms+shift || v.End != 1080*ms+shift || v.Sync != key || v.Traf != 1 {
			t.Errorf("video %+v", v)
		}
		if a.Track.ID != 1 || a.DTS != 1000*ms+shift || a.End != 1100*ms+shift || !a.Sync || a.Traf != 2 {
			t.Errorf("audio %+v", a)
		}
		if _, err := m.ParseFragment(moof[:len(moof)-1], 0); err == nil {
			t.Error("a fragment that is cut off is taken")
		}
	}
}

package rtp

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/bluenviron/gortsplib/v4/pkg/format"
	prtp "github.com/pion/rtp"

	"github.com/weirmedia/weir/pkg/av"
)

// tolerance is what a time may lose on its way: a tick of the slowest clock, and
// the milliseconds of FLV, which frames of sound in one packet do not have.
const tolerance = int64(1_100_000)

// Files from encoders come out of RTP as they went in: payloads, times, key
// frames and tracks, though numbers and times wrap on the way.
func TestRoundTrip(t *testing.T) {
	for _, name := range []string{
		"bframes.flv", "hevc.flv", "av1.flv", "vp9.flv", "mp3.flv", "opus.flv", "ac3.flv",
	} {
		for id, in := range footage(t, name) {
			if Carries(in[0].Track) != nil {
				continue
			}
			t.Run(fmt.Sprintf("%s %s", name, in[0].Track.Codec), func(t *testing.T) {
				packets, m := packetsOf(t, in)
				out, ignored := demuxAll(t, m, packets)
				if ignored != 0 || len(out) != len(in) {
					t.Fatalf("%d frames of %d, %d ignored", len(out), len(in), ignored)
				}
				shift := in[0].PTS - out[0].PTS
				last := out[0].DTS
				for i, f := range out {
					want := in[i]
					if !bytes.Equal(plainPayload(t, f), plainPayload(t, want)) {
						t.Fatalf("frame %d: %d bytes differ from %d", i, len(f.Payload), len(want.Payload))
					}
					if f.Key != want.Key || f.Track.ID != id || f.Track.Codec != want.Track.Codec {
						t.Errorf("frame %d: key %t of track %d, want %t of %d", i, f.Key, f.Track.ID, want.Key, id)
					}
					if abs(f.PTS+shift-want.PTS) > tolerance {
						t.Errorf("frame %d: PTS %d, want %d", i, f.PTS+shift, want.PTS)
					}
					if f.DTS > f.PTS || f.DTS < last {
						t.Errorf("frame %d: DTS %d after %d, with PTS %d", i, f.DTS, last, f.PTS)
					}
					last = f.DTS
				}
				compareTrack(t, out[len(out)-1].Track, in[len(in)-1].Track)
			})
		}
	}
}

func compareTrack(t *testing.T, got, want *av.Track) {
	t.Helper()
	if got.Kind != want.Kind || got.Width != want.Width && want.Width != 0 || got.Height != want.Height && want.Height != 0 ||
		got.SampleRate != want.SampleRate || got.Channels != want.Channels {
		t.Errorf("track %+v, want %+v", got, want)
	}
}

// Samples of G.711 may be cut anew, but none is lost.
func TestRoundTripG711(t *testing.T) {
	for _, codec := range []av.Codec{av.G711A, av.G711U} {
		track := &av.Track{ID: 1, Kind: av.Audio, Codec: codec, SampleRate: 8000, Channels: 1}
		var in []*av.Frame
		var want []byte
		for i, size := range []int{160, 4000, 1, 320} {
			payload := bytes.Repeat([]byte{byte(i), 7}, size)[:size]
			in = append(in, &av.Frame{Track: track, PTS: int64(len(want)) * second / 8000, Payload: payload})
			want = append(want, payload...)
		}
		packets, m := packetsOf(t, in)
		out, _ := demuxAll(t, m, packets)
		var got []byte
		for _, f := range out {
			if at := int64(len(got)) * second / 8000; f.PTS != at {
				t.Errorf("%v: samples %d on have PTS %d, want %d", codec, len(got), f.PTS, at)
			}
			got = append(got, f.Payload...)
		}
		if !bytes.Equal(got, want) || out[0].Track.Codec != codec {
			t.Errorf("%d samples of %v, want %d of %v", len(got), out[0].Track.Codec, len(want), codec)
		}
	}
}

// VP8 has no sample file: its frames matter only by their header.
func TestRoundTripVP8(t *testing.T) {
	track := &av.Track{Kind: av.Video, Codec: av.VP8}
	key := append([]byte{0x10, 0x02, 0x00, 0x9D, 0x01, 0x2A, 64, 0, 48, 0}, bytes.Repeat([]byte{1}, 5000)...)
	in := []*av.Frame{
		{Track: track, PTS: 0, Key: true, Payload: key},
		{Track: track, PTS: 40e6, Payload: append([]byte{0x11, 0x02, 0x00}, bytes.Repeat([]byte{2}, 1500)...)},
	}
	packets, m := packetsOf(t, in)
	out, ignored := demuxAll(t, m, packets)
	if len(out) != 2 || ignored != 0 {
		t.Fatalf("%d frames, %d ignored", len(out), ignored)
	}
	for i, f := range out {
		if !bytes.Equal(f.Payload, in[i].Payload) || f.Key != in[i].Key || f.PTS != in[i].PTS {
			t.Errorf("frame %d: %d bytes, key %t at %d", i, len(f.Payload), f.Key, f.PTS)
		}
	}
	if out[0].Track.Width != 64 || out[0].Track.Height != 48 {
		t.Errorf("%d×%d, want 64×48", out[0].Track.Width, out[0].Track.Height)
	}
}

// What RTP cannot carry is refused with the reason.
func TestCarries(t *testing.T) {
	for _, codec := range []av.Codec{av.FLAC, av.EAC3, av.ScriptData, av.Unknown} {
		if err := Carries(&av.Track{Codec: codec}); err == nil {
			t.Errorf("%v is carried", codec)
		}
	}
}

// A new configuration goes in band if it can.
func TestFollow(t *testing.T) {
	video := footage(t, "bframes.flv")[0][0].Track
	m, err := NewMuxer(video, MuxerOptions{PayloadType: 96})
	if err != nil {
		t.Fatal(err)
	}
	again := *video
	if err := m.Follow(&again); err != nil || m.Track() != &again {
		t.Errorf("a new configuration of the picture: %v", err)
	}
	if err := m.Follow(&av.Track{Kind: av.Video, Codec: av.VP8}); err == nil || m.Track() != &again {
		t.Error("another codec was followed")
	}
	sound := footage(t, "bframes.flv")[1][0].Track
	if m, err = NewMuxer(sound, MuxerOptions{PayloadType: 97}); err != nil {
		t.Fatal(err)
	}
	other := *sound
	other.SampleRate++
	if m.Follow(&other) == nil {
		t.Error("sound of another rate was followed")
	}
}

// A lost packet costs the access unit that it belongs to, and where it cannot be
// told whose it was, both; what comes out is whole.
func TestLoss(t *testing.T) {
	for _, name := range []string{"bframes.flv", "hevc.flv", "av1.flv", "vp9.flv", "opus.flv"} {
		for _, in := range footage(t, name) {
			if Carries(in[0].Track) != nil {
				continue
			}
			packets, m := packetsOf(t, in)
			for lost := 1; lost < len(packets); lost += 1 + len(packets)/40 {
				left := append(append(packets[:0:0], packets[:lost]...), packets[lost+1:]...)
				out, ignored := demuxAll(t, m, left)
				if lost < len(packets)-1 && ignored == 0 {
					t.Errorf("%s %s: the loss of packet %d was not told", name, in[0].Track.Codec, lost)
				}
				if len(out) < len(in)-2 {
					t.Errorf("%s %s: %d frames of %d without packet %d", name, in[0].Track.Codec, len(out), len(in), lost)
				}
				i := 0
				for _, f := range out {
					for i < len(in) && !bytes.Equal(plainPayload(t, in[i]), plainPayload(t, f)) {
						i++
					}
				}
				if i == len(in) {
					t.Fatalf("%s %s: without packet %d a frame came out that never went in", name, in[0].Track.Codec, lost)
				}
			}
		}
	}
}

// A packet of sound is a frame, however short, also the first after a loss.
func TestShortSoundAfterLoss(t *testing.T) {
	d, err := NewDemuxer(1, &format.Opus{PayloadTyp: 96, ChannelCount: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, number := range []uint16{1, 5} {
		frames, _ := d.Demux(&prtp.Packet{Header: prtp.Header{SequenceNumber: number}, Payload: []byte{0xFC}})
		if len(frames) != 1 {
			t.Errorf("packet %d gave %d frames", number, len(frames))
		}
	}
}

// Streams with intra refresh have recovery points in place of IDR pictures:
// viewers begin there.
func TestRecoveryPoint(t *testing.T) {
	frames := footage(t, "bframes.flv")[0]
	first := frames[0]
	slice := []byte{0, 0, 0, 4, 0x41, 0x9A, 1, 2}
	refresh := *first
	refresh.Key, refresh.Payload = true, append([]byte{0, 0, 0, 5, 6, 6, 1, 0xC4, 0x80}, slice...)
	refresh.DTS += second
	refresh.PTS += second
	other := refresh
	other.Key, other.Payload = false, slice
	other.DTS += second
	other.PTS += second
	packets, m := packetsOf(t, []*av.Frame{first, &other, &refresh, &other})
	got, _ := demuxAll(t, m, packets)
	if len(got) != 4 || !got[0].Key || got[1].Key || !got[2].Key || got[3].Key {
		t.Errorf("%d frames: %+v", len(got), got)
	}
}

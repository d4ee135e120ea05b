package rtp

import (
	"encoding/binary"
	"testing"

	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/sdp"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	prtp "github.com/pion/rtp"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/h264"
)

// formats are those of which FuzzDemuxer makes tracks.
func formats() []format.Format {
	return []format.Format{
		&format.H264{PayloadTyp: 96, PacketizationMode: 1}, &format.H265{PayloadTyp: 96}, &format.AV1{PayloadTyp: 96},
		&format.VP8{PayloadTyp: 96}, &format.VP9{PayloadTyp: 96},
		&format.MPEG4Audio{
			PayloadTyp: 96, SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3,
			Config: &mpeg4audio.AudioSpecificConfig{Type: 2, SampleRate: 44100, ChannelConfig: 2, ChannelCount: 2},
		},
		&format.Opus{PayloadTyp: 96, ChannelCount: 2}, &format.G711{PayloadTyp: 8, SampleRate: 8000, ChannelCount: 1},
		&format.MPEG1Audio{}, &format.AC3{PayloadTyp: 96, SampleRate: 48000, ChannelCount: 2},
	}
}

// FuzzDemuxer reads data as packets of a track: each with two bytes for its
// length, one for its marker and for what is lost before it, and one for how far
// its time advances.
func FuzzDemuxer(f *testing.F) {
	for which, name := range map[byte]string{0: "bframes.flv", 1: "hevc.flv", 2: "av1.flv", 4: "vp9.flv", 6: "opus.flv", 8: "mp3.flv", 9: "ac3.flv"} {
		for _, frames := range footage(f, name) {
			if Carries(frames[0].Track) != nil || (frames[0].Track.Kind == av.Video) != (which < 5) {
				continue
			}
			packets, _ := packetsOf(f, frames[:min(4, len(frames))])
			var data []byte
			for _, p := range packets[:min(6, len(packets))] {
				data = binary.BigEndian.AppendUint16(data, uint16(len(p.Payload)))
				marker := byte(0)
				if p.Marker {
					marker = 1
				}
				data = append(append(data, marker, 10), p.Payload...)
			}
			f.Add(which, data)
		}
	}
	f.Fuzz(func(t *testing.T, which byte, data []byte) {
		list := formats()
		d, err := NewDemuxer(0, list[int(which)%len(list)])
		if err != nil {
			t.Fatal(err)
		}
		var number uint16
		var at uint32
		for len(data) >= 4 {
			size := min(int(binary.BigEndian.Uint16(data)), len(data)-4)
			number += 1 + uint16(data[2]>>1)
			at += uint32(data[3]) * 100
			p := &prtp.Packet{Header: prtp.Header{SequenceNumber: number, Timestamp: at, Marker: data[2]&1 != 0}, Payload: data[4 : 4+size]}
			data = data[4+size:]
			frames, _ := d.Demux(p)
			for _, f := range frames {
				check(t, f)
			}
		}
	})
}

// check fails unless f is what av says of its codec.
func check(t *testing.T, f *av.Frame) {
	t.Helper()
	if f.Track == nil || len(f.Payload) == 0 {
		t.Fatalf("frame of %d bytes of track %v", len(f.Payload), f.Track)
	}
	if c := f.Track.Codec; c == av.H264 || c == av.H265 {
		if err := h264.CheckNALs(f.Payload, lengthSize); err != nil {
			t.Fatal(err)
		}
	}
	m, err := NewMuxer(f.Track, MuxerOptions{PayloadType: 96})
	if err != nil {
		return // a configuration that goes in but not out
	}
	_, _ = m.Mux(f) // fails or not, but does not panic
}

// FuzzSDP reads descriptions of sessions as ANNOUNCE brings them.
func FuzzSDP(f *testing.F) {
	f.Add([]byte("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" +
		"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z0LAHtkAoD2wFqAgICgAAAMACAAAAwGQeLFywA==,aMuMsg==\r\na=control:streamid=0\r\n" +
		"m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/44100/2\r\na=fmtp:97 mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3; config=1210\r\n"))
	f.Add([]byte("v=0\r\ns=x\r\nt=0 0\r\nm=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/44100/2\r\na=fmtp:97 mode=AAC-hbr;sizelength=64;config=1210\r\n"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		var s sdp.SessionDescription
		var d description.Session
		if s.Unmarshal(b) != nil || d.Unmarshal(&s) != nil {
			return
		}
		for _, m := range d.Medias {
			for _, f := range m.Formats {
				if demuxer, err := NewDemuxer(0, f); err == nil {
					demuxer.Demux(&prtp.Packet{Payload: b})
				}
			}
		}
	})
}

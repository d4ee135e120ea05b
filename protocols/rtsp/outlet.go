package rtsp

import (
	"crypto/rand"
	"encoding/binary"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/pion/rtcp"
	prtp "github.com/pion/rtp"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/remux/rtp"
)

const (
	// firstType is the first payload type that is given out (RFC 3551, 6).
	firstType = 96
	// reportInterval is the time between two sender reports (RFC 3550, 6.2).
	reportInterval = 5 * time.Second
)

// outlet is a track on its way out: to the players of a feed, or to a server.
type outlet struct {
	track int // id
	media *description.Media
	muxer *rtp.Muxer
	ssrc  uint32 // that the library gives
}

// newOutlet makes the outlet of t, the one with this index in its session. The
// error says why RTP cannot carry t.
func newOutlet(t *av.Track, index int) (*outlet, error) {
	m, err := rtp.NewMuxer(t, firstType+uint8(index), uint16(random()), random())
	if err != nil {
		return nil, err
	}
	media := &description.Media{Type: description.MediaTypeAudio, Formats: []format.Format{m.Format()}}
	if t.Kind == av.Video {
		media.Type = description.MediaTypeVideo
	}
	return &outlet{track: t.ID, media: media, muxer: m}, nil
}

// random returns what numbers and times of RTP begin with (RFC 3550, 5.1).
func random() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.BigEndian.Uint32(b[:])
}

// tally counts what one receiver was sent of a track, as sender reports tell it
// (RFC 3550, 6.4.1).
type tally struct{ packets, octets uint32 }

func (t *tally) add(p *prtp.Packet) {
	t.packets++
	t.octets += uint32(len(p.Payload))
}

// report makes the sender report of the moment of a packet of source ssrc; at is
// the wall time of its PTS.
func (t *tally) report(ssrc uint32, at int64, p *prtp.Packet) *rtcp.SenderReport {
	return &rtcp.SenderReport{SSRC: ssrc, NTPTime: ntp(at), RTPTime: p.Timestamp, PacketCount: t.packets, OctetCount: t.octets}
}

// ntp returns a Unix time in nanoseconds in the form of NTP: seconds since 1900
// in 32.32 bits.
func ntp(unix int64) uint64 {
	const since1900, second = 2208988800, int64(time.Second)
	return uint64(unix/second+since1900)<<32 | uint64(unix%second)<<32/uint64(second)
}

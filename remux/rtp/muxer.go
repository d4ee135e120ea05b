package rtp

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"fmt"

	"github.com/bluenviron/gortsplib/v4/pkg/format"
	prtp "github.com/pion/rtp"

	"github.com/weirmedia/weir/pkg/av"
)

// Muxer turns the frames of one track into packets.
type Muxer struct {
	track    *av.Track
	pack     packer
	format   format.Format
	sequence uint16
	base     uint32 // RTP time of stream time 0

	most int // bytes of a payload
}

// maxPayload is what fits into a packet of Ethernet, encrypted too, in bytes.
const maxPayload = 1450

// MuxerOptions say what the packets of a Muxer have.
type MuxerOptions struct {
	// PayloadType is theirs, unless the codec has a static one.
	PayloadType uint8
	// MaxPayload bounds their payloads in bytes; 0 is 1450.
	MaxPayload int
}

// NewMuxer returns a Muxer of t. Its packets begin with a number and a time that
// cannot be guessed (RFC 3550, 5.1). An error says why RTP cannot carry t.
func NewMuxer(t *av.Track, o MuxerOptions) (*Muxer, error) {
	most := cmp.Or(o.MaxPayload, maxPayload)
	pack, f, err := newPacker(t, o.PayloadType, most)
	if err != nil {
		return nil, err
	}
	var random [6]byte
	_, _ = rand.Read(random[:]) // it never fails
	return &Muxer{
		track: t, pack: pack, format: f, most: most,
		sequence: binary.BigEndian.Uint16(random[:]), base: binary.BigEndian.Uint32(random[2:]),
	}, nil
}

// Carries returns nil if RTP can carry t, otherwise an error that says why not.
func Carries(t *av.Track) error {
	_, _, err := newPacker(t, FirstDynamic, maxPayload)
	return err
}

// FirstDynamic is the first payload type that SDP may assign (RFC 3551, 6).
const FirstDynamic = 96

// Track returns the track whose frames are expected.
func (m *Muxer) Track() *av.Track { return m.track }

// Format says what the packets are, for SDP.
func (m *Muxer) Format() format.Format { return m.format }

// Time returns the RTP time of pts, in nanoseconds of stream time.
func (m *Muxer) Time(pts int64) uint32 {
	rate := int64(m.format.ClockRate())
	whole, rest := pts/second, pts%second
	return m.base + uint32(whole*rate+(rest*rate+second/2)/second)
}

// Follow goes on with t in place of the track so far: what SDP does not need to
// say anew goes in band. It fails, and changes nothing, if receivers could not
// follow: another codec, or for sound another configuration.
func (m *Muxer) Follow(t *av.Track) error {
	if t == m.track {
		return nil
	}
	old := m.track
	if t.Codec != old.Codec || t.Kind == av.Audio &&
		(string(t.Config) != string(old.Config) || t.SampleRate != old.SampleRate || t.Channels != old.Channels) {
		return fmt.Errorf("%s track %d changed, which RTP cannot tell in band", old.Codec, old.ID)
	}
	pack, _, err := newPacker(t, m.format.PayloadType(), m.most)
	if err != nil {
		return err
	}
	m.track, m.pack = t, pack
	return nil
}

// Mux returns the packets of f, whose track is the Muxer's. They are the
// caller's; their payloads may be parts of f's. SSRC is left to the caller. An
// error is about this frame only.
func (m *Muxer) Mux(f *av.Frame) ([]*prtp.Packet, error) {
	packets, err := m.pack(f)
	if err != nil {
		return nil, err
	}
	time := m.Time(f.PTS)
	for _, p := range packets {
		p.Timestamp += time
		p.SequenceNumber = m.sequence
		m.sequence++
	}
	return packets, nil
}

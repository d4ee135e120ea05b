package rtp

import (
	"errors"
	"fmt"
	"slices"

	"github.com/bluenviron/gortsplib/v4/pkg/format"
	prtp "github.com/pion/rtp"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/paramset"
)

// What a Demuxer leaves out, in words that a caller can count by.
const (
	whyBroken   = "broken packet"
	whyLost     = "packets lost"
	whyNoConfig = "no codec configuration yet"
	whyConfig   = "broken codec configuration"
	whyTooLarge = "access unit too large"
	whyPanic    = "packet that the depacketiser cannot cope with"
)

// errMore says that a frame goes on in the next packet.
var errMore = errors.New("more packets needed")

// unpacker takes what frames are made of out of packets: NAL units of one packet
// for H.264 and H.265, the OBUs of a temporal unit for AV1, else whole frames.
type unpacker func(p *prtp.Packet) ([][]byte, error)

// Demuxer turns the packets of one track into frames.
type Demuxer struct {
	id        int
	codec     av.Codec
	rate      int64 // of RTP time in Hz
	newUnpack func() (unpacker, error)
	unpack    unpacker

	track *av.Track
	sets  paramset.Sets // in force
	order order
	clock unwrapper

	began    bool
	next     uint16 // sequence number
	skipping bool   // until RTP time is another than skipped
	skipped  uint32

	// H.264 and H.265: the access unit so far.
	unit     [][]byte
	unitSize int
	unitTime uint32
}

// NewDemuxer returns a Demuxer of the track id, which f describes. It fails if the
// codec or its packetisation is unknown.
func NewDemuxer(id int, f format.Format) (*Demuxer, error) {
	d := &Demuxer{id: id, rate: int64(f.ClockRate())}
	if err := d.open(f); err != nil {
		return nil, err
	}
	if d.rate < 1 {
		return nil, fmt.Errorf("%s with a clock rate of %d", f.Codec(), d.rate)
	}
	var err error
	d.unpack, err = d.newUnpack()
	return d, err
}

// Kind says what the track carries.
func (d *Demuxer) Kind() av.Kind {
	if isVideo(d.codec) {
		return av.Video
	}
	return av.Audio
}

func isVideo(c av.Codec) bool {
	switch c {
	case av.H264, av.H265, av.AV1, av.VP8, av.VP9:
		return true
	}
	return false
}

// Codec returns the track's codec.
func (d *Demuxer) Codec() av.Codec { return d.codec }

// Track returns the track if its configuration is known: from SDP, or from the
// packets so far.
func (d *Demuxer) Track() *av.Track { return d.track }

// Time returns the media time of an RTP time, in nanoseconds since the first that
// the Demuxer was told: by a packet or by this.
func (d *Demuxer) Time(rtpTime uint32) int64 { return d.scale(d.clock.advance(rtpTime)) }

func (d *Demuxer) scale(ticks int64) int64 {
	return ticks/d.rate*second + ticks%d.rate*second/d.rate
}

// Demux returns the frames that p completes, with their tracks, which may be new
// ones, and times in nanoseconds that Time counts; Arrival is left to the caller.
// Packets are expected in order: where numbers are missing, the access units that
// may lack something are left out. why tells in a few words of a small fixed set
// that something was; it is empty otherwise. p's payload must not be changed
// afterwards.
func (d *Demuxer) Demux(p *prtp.Packet) (frames []*av.Frame, why string) {
	defer func() { // depacketisers read what strangers send
		if recover() != nil {
			d.restart()
			frames, why = nil, whyPanic
		}
	}()
	if lost := d.check(p); lost {
		why = whyLost
	}
	if d.skipping {
		if p.Timestamp == d.skipped {
			return nil, why
		}
		d.skipping = false
	}
	if d.codec == av.H264 || d.codec == av.H265 {
		frames, broken := d.assemble(p)
		return frames, either(broken, why)
	}
	parts, err := d.unpack(p)
	switch {
	case errors.Is(err, errMore):
		return nil, why
	case err != nil:
		return nil, either(why, whyBroken)
	}
	frames, broken := d.frames(parts, p.Timestamp)
	return frames, either(broken, why)
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// check compares p's number with what is expected. After a loss, what has begun
// is dropped, and so is what p is part of unless it is seen to begin with p.
func (d *Demuxer) check(p *prtp.Packet) (lost bool) {
	gap := !d.began || p.SequenceNumber != d.next
	lost = d.began && gap
	d.began, d.next = true, p.SequenceNumber+1
	if !gap {
		return false
	}
	d.restart()
	if !begins(d.codec, p) {
		d.skipping, d.skipped = true, p.Timestamp
	}
	return lost
}

// restart forgets all that is incomplete.
func (d *Demuxer) restart() {
	d.unit, d.unitSize = nil, 0
	if unpack, err := d.newUnpack(); err == nil { // as it was in NewDemuxer
		d.unpack = unpack
	}
}

// assemble joins NAL units to access units, which end with the marker or where
// the time changes: some cameras set no markers.
func (d *Demuxer) assemble(p *prtp.Packet) (frames []*av.Frame, why string) {
	if len(d.unit) > 0 && p.Timestamp != d.unitTime {
		frames, why = d.release()
	}
	alone := *p
	alone.Marker = true // else the depacketiser would join them
	nals, err := d.unpack(&alone)
	if err != nil && !errors.Is(err, errMore) {
		d.drop(p)
		return frames, whyBroken
	}
	d.unitTime = p.Timestamp
	for _, nal := range nals {
		if len(nal) > 0 {
			d.unit, d.unitSize = append(d.unit, nal), d.unitSize+len(nal)
		}
	}
	if d.unitSize > maxUnit || len(d.unit) > maxUnits {
		d.drop(p)
		return frames, whyTooLarge
	}
	if p.Marker && err == nil {
		more, broken := d.release()
		return append(frames, more...), either(broken, why)
	}
	return frames, why
}

// drop leaves out the access unit that p is part of.
func (d *Demuxer) drop(p *prtp.Packet) {
	d.restart()
	d.skipping, d.skipped = true, p.Timestamp
}

// release makes a frame of the access unit so far.
func (d *Demuxer) release() ([]*av.Frame, string) {
	nals := d.unit
	d.unit, d.unitSize = nil, 0
	if len(nals) == 0 {
		return nil, ""
	}
	return d.frames(nals, d.unitTime)
}

// frames makes frames of what the packets of one RTP time held.
func (d *Demuxer) frames(parts [][]byte, rtpTime uint32) ([]*av.Frame, string) {
	start := d.Time(rtpTime)
	switch d.codec {
	case av.H264, av.H265:
		return d.pictureOfNALs(parts, start)
	case av.AV1:
		return d.pictureOfOBUs(parts, start)
	case av.VP8, av.VP9:
		return d.pictureVPX(slices.Concat(parts...), start)
	}
	return d.sounds(parts, start)
}

// unwrapper extends 32-bit RTP times.
type unwrapper struct {
	began bool
	last  uint32
	ticks int64
}

// advance returns how many ticks t lies after the first time that it was given.
func (u *unwrapper) advance(t uint32) int64 {
	if !u.began {
		u.began, u.last = true, t
	}
	u.ticks += int64(int32(t - u.last))
	u.last = t
	return u.ticks
}

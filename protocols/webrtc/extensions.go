package webrtc

import (
	"encoding/binary"
	"time"

	prtp "github.com/pion/rtp"
	pion "github.com/pion/webrtc/v4"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/protocols/internal/rtpfeed"
)

// Header extensions of what is sent (RFC 8285), for clients that offer them: when a
// picture was taken, and between which bounds a client is to delay pictures.
const (
	captureTimeURI  = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"
	playoutDelayURI = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
	// stampEvery is the time between two packets of a track with extensions: a
	// client may have lost the one before.
	stampEvery = time.Second
	// maxExtension is the largest id of an extension that has a header of one byte.
	maxExtension = 14
	// playoutTick is the unit of playout delays, maxPlayoutDelay the longest: 12 bits.
	playoutTick     = 10 * time.Millisecond
	maxPlayoutDelay = (1<<12 - 1) * playoutTick
)

// offerExtensions makes the extensions ones that are negotiated if a client offers
// them.
func (s *Server) offerExtensions(engine *pion.MediaEngine) error {
	uris := []string{captureTimeURI}
	if s.live.Load().MaxPlayoutDelay > 0 {
		uris = append(uris, playoutDelayURI)
	}
	for _, uri := range uris {
		for _, kind := range []pion.RTPCodecType{pion.RTPCodecTypeVideo, pion.RTPCodecTypeAudio} {
			if err := engine.RegisterHeaderExtension(pion.RTPHeaderExtensionCapability{URI: uri}, kind); err != nil {
				return err
			}
		}
	}
	return nil
}

// extensions are those of a track to one player.
type extensions struct {
	captureTime, playoutDelay uint8 // ids; 0 if the client does not take it
	delay                     []byte
	due                       int64 // arrival of the frame from which on the next are due
}

// use takes the ids that were negotiated. What c, which may be newer than the offer,
// says nothing about is left out.
func (x *extensions) use(negotiated []pion.RTPHeaderExtensionParameter, c *Config) {
	for _, e := range negotiated {
		switch {
		case e.ID > maxExtension:
		case e.URI == captureTimeURI:
			x.captureTime = uint8(e.ID)
		case e.URI == playoutDelayURI && c.MaxPlayoutDelay > 0:
			x.playoutDelay = uint8(e.ID)
		}
	}
	ticks := func(d config.Duration) uint32 { return uint32(time.Duration(d) / playoutTick) }
	both := binary.BigEndian.AppendUint32(nil, ticks(c.MinPlayoutDelay)<<12|ticks(c.MaxPlayoutDelay))
	x.delay = both[1:] // 12 bits each
}

// stamp adds the extensions to the header of the first packet of a frame, if they
// are due: at a start point, and every so often. wall is the wall time of the frame
// in nanoseconds since 1970.
func (x *extensions) stamp(h *prtp.Header, e *rtpfeed.Entry, wall int64) {
	if x.captureTime == 0 && x.playoutDelay == 0 || !e.Start && e.Arrival < x.due {
		return
	}
	x.due = e.Arrival + int64(stampEvery)
	set := func(id uint8, value []byte) {
		if id != 0 {
			_ = h.SetExtension(id, value) // fails for no id up to maxExtension
		}
	}
	set(x.captureTime, binary.BigEndian.AppendUint64(nil, prtp.NewAbsCaptureTimeExtension(time.Unix(0, wall)).Timestamp))
	set(x.playoutDelay, x.delay)
}

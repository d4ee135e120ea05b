// Package inorder makes views in which pictures come in the order in which they
// are shown: for players that cannot reorder, such as browsers by WebRTC.
package inorder

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/codec/h264"
	"github.com/weirmedia/weir/pkg/reason"
)

// Counts tell what was left out, of the first track with pictures. They may be read
// at any time.
type Counts struct {
	Pictures, LeftOut atomic.Uint64
}

// transform leaves out the B-frames of H.264 to which no other picture refers, and
// says in the SPS that there are none. Other codecs pass as they are.
type transform struct {
	counts *Counts
	whole  bool

	layout  *av.Layout // of the source
	changed *av.Layout // what became of it
	tracks  map[*av.Track]*track
}

// track is a track of H.264.
type track struct {
	*av.Track        // as it goes out
	lengthSize int   // of the prefixes of its NAL units
	newest     int64 // PTS of the newest picture
	began      bool
}

var _ bus.Transform = (*transform)(nil)

// ErrLeftOut says that a view that was to be whole would lack pictures.
var ErrLeftOut = errors.New("some pictures are B-frames, which cannot be sent: set bframes=0")

// New returns a transform that counts into c. It ends its view with
// reason.Unsupported where a picture that comes late cannot be left out, since
// others refer to it; if whole, also where one could be (ErrLeftOut).
func New(c *Counts, whole bool) bus.Transform {
	return &transform{counts: c, whole: whole, tracks: make(map[*av.Track]*track)}
}

// Transform implements bus.Transform.
func (x *transform) Transform(f *av.Frame, emit func(*av.Frame)) error {
	if f.Layout != x.layout {
		x.follow(f.Layout)
	}
	out := *f
	out.Own(nil) // the memory is the plain view's
	out.Layout = x.changed
	t := x.tracks[f.Track]
	if t == nil {
		emit(&out)
		return nil
	}
	x.counts.Pictures.Add(1)
	late := t.began && f.PTS < t.newest && !f.Key
	if late {
		if !h264.Disposable(f.Payload, t.lengthSize) {
			return reason.Wrap(reason.Unsupported, fmt.Errorf("video track %d cannot be shown in order: %w", f.Track.ID, h264.ErrReordered))
		}
		if x.whole {
			return reason.Wrap(reason.Unsupported, ErrLeftOut)
		}
		x.counts.LeftOut.Add(1)
		return nil
	}
	t.began, t.newest = true, f.PTS
	out.Track = t.Track
	out.Payload = replaceSPS(f.Payload, t.lengthSize)
	emit(&out)
	return nil
}

// follow goes on with a layout of the source.
func (x *transform) follow(l *av.Layout) {
	before := x.tracks
	x.layout, x.tracks = l, make(map[*av.Track]*track)
	changed := *l
	changed.Tracks = slices.Clone(l.Tracks)
	for i, t := range l.Tracks {
		if t.Codec != av.H264 {
			continue
		}
		ours := before[t]
		if ours == nil {
			if ours = newTrack(t); ours == nil {
				continue
			}
		}
		x.tracks[t], changed.Tracks[i] = ours, ours.Track
	}
	x.changed = &changed
}

// newTrack returns nil if t says that its pictures are in order already, or if its
// configuration cannot be read: then nothing is changed.
func newTrack(t *av.Track) *track {
	c, err := h264.ParseConfig(t.Config)
	if err != nil {
		return nil
	}
	same := true
	for i, sps := range c.SPS {
		if c.SPS[i], err = h264.InOrder(sps); err != nil {
			return nil
		}
		same = same && bytes.Equal(c.SPS[i], sps)
	}
	if same {
		return nil
	}
	config, err := h264.BuildConfig(c.SPS, c.PPS)
	if err != nil {
		return nil
	}
	// BuildConfig says that prefixes have 4 bytes; payloads stay as they are.
	config[4] = config[4]&^3 | byte(c.LengthSize-1)
	out := *t
	out.Config = config
	return &track{Track: &out, lengthSize: c.LengthSize}
}

// replaceSPS returns an access unit whose SPS say that pictures are in order. It
// is au itself if it has none.
func replaceSPS(au []byte, lengthSize int) []byte {
	found := false
	for nal := range h264.NALs(au, lengthSize) {
		found = found || h264.NALType(nal) == h264.NALTypeSPS
	}
	if !found {
		return au
	}
	var out bytes.Buffer
	for nal := range h264.NALs(au, lengthSize) {
		if h264.NALType(nal) == h264.NALTypeSPS {
			if changed, err := h264.InOrder(nal); err == nil {
				nal = changed
			}
		}
		var prefix [4]byte
		binary.BigEndian.PutUint32(prefix[:], uint32(len(nal)))
		out.Write(prefix[4-lengthSize:])
		out.Write(nal)
	}
	return out.Bytes()
}

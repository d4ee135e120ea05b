package rtp

import (
	mch264 "github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/av1"
	"github.com/weirmedia/weir/pkg/codec/h264"
	"github.com/weirmedia/weir/pkg/codec/h265"
	"github.com/weirmedia/weir/pkg/codec/paramset"
	"github.com/weirmedia/weir/pkg/codec/vpx"
)

// pictureOfNALs makes a frame of an access unit of H.264 or H.265.
func (d *Demuxer) pictureOfNALs(nals [][]byte, pts int64) ([]*av.Frame, string) {
	var found paramset.Sets
	for _, nal := range nals {
		found.Add(paramset.ClassOf(d.codec, nal), nal)
	}
	if len(found.SPS) > 0 {
		if err := d.learn(found); err != nil {
			return nil, whyConfig
		}
	}
	if d.track == nil {
		return nil, whyNoConfig
	}
	payload := lengthPrefixed(d.codec, nals, len(found.SPS) > 0)
	if len(payload) == 0 {
		return nil, "" // parameter sets alone
	}
	return d.picture(payload, pts, d.starts(payload)), ""
}

// starts reports whether decoding can start at an access unit of H.264 or H.265.
func (d *Demuxer) starts(payload []byte) bool {
	if d.codec == av.H265 {
		return h265.IsIRAP(payload, lengthSize)
	}
	return h264.IsIDR(payload, lengthSize) || h264.IsRecoveryPoint(payload, lengthSize)
}

// learn puts the parameter sets of an access unit that has an SPS in force.
func (d *Demuxer) learn(found paramset.Sets) error {
	found = found.Over(d.sets)
	if d.track != nil && found.Equal(d.sets) {
		return nil
	}
	found = found.Clone()
	t, err := found.Track(d.id, d.codec)
	if err == nil {
		d.follow(t, found)
	}
	return err
}

// follow puts a track of H.264 or H.265 in force, and s, which it was made of.
func (d *Demuxer) follow(t *av.Track, s paramset.Sets) {
	d.track, d.sets = t, s
	d.order.expect(reordered(d.codec, s.SPS[0]), t.FrameRate)
}

// reordered returns how many frames may precede a frame in decoding order and
// follow it in output order, as far as its SPS tells; 0 otherwise.
func reordered(c av.Codec, sps []byte) int {
	if c == av.H264 {
		var s mch264.SPS
		if s.Unmarshal(sps) == nil && s.VUI != nil && s.VUI.BitstreamRestriction != nil {
			return int(s.VUI.BitstreamRestriction.MaxNumReorderFrames)
		}
		return 0
	}
	return h265.Reordered(sps)
}

// picture makes the frame of a payload of d.track.
func (d *Demuxer) picture(payload []byte, pts int64, key bool) []*av.Frame {
	return []*av.Frame{{Track: d.track, DTS: d.order.dts(pts), PTS: pts, Key: key, Payload: payload}}
}

// pictureOfOBUs makes a frame of a temporal unit of AV1.
func (d *Demuxer) pictureOfOBUs(obus [][]byte, pts int64) ([]*av.Frame, string) {
	tu, header, err := joinOBUs(obus)
	if err != nil || len(tu) == 0 {
		return nil, whyBroken
	}
	if header != nil && (d.track == nil || string(header) != string(d.sets.SPS[0])) {
		t, err := av1Track(d.id, header)
		if err != nil {
			return nil, whyConfig
		}
		d.track, d.sets = t, paramset.Sets{SPS: some(append([]byte(nil), header...))}
	}
	if d.track == nil {
		return nil, whyNoConfig
	}
	return d.picture(tu, pts, av1.HasSequenceHeader(tu)), ""
}

// pictureVPX makes a frame of VP8 or VP9, whose key frames tell the size.
func (d *Demuxer) pictureVPX(frame []byte, pts int64) ([]*av.Frame, string) {
	width, height, err := vpx.Size(d.codec, frame)
	key := err == nil
	switch {
	case len(frame) == 0:
		return nil, whyBroken
	case !key && d.track == nil:
		return nil, whyNoConfig
	case key && (d.track == nil || d.track.Width != width || d.track.Height != height):
		t, err := vpx.TrackFromConfig(d.id, d.codec, nil)
		if err != nil {
			return nil, whyConfig
		}
		t.Width, t.Height = width, height
		d.track = t
	}
	return d.picture(frame, pts, key), ""
}

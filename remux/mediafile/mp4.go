package mediafile

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/remux/fmp4"
)

// headerUUID is the usertype of the uuid box (ISO/IEC 14496-12, 11.1) with our own
// header in JSON.
const headerUUID = "\x6b\x3d\x0b\x52\x11\x7e\x4c\x55\x9a\x3a\x77\x65\x69\x72\x00\x01"

// jsonHeader is Header as files have it.
type jsonHeader struct {
	Stream string    `json:"stream"`
	Start  time.Time `json:"start"`
}

func (h Header) encode() []byte {
	b, _ := json.Marshal(jsonHeader{h.Stream, h.Start.UTC()}) // it has nothing that cannot be encoded
	return b
}

// decodeHeader returns the zero Header if b is none.
func decodeHeader(b []byte) Header {
	var h jsonHeader
	if json.Unmarshal(b, &h) != nil {
		return Header{}
	}
	return Header{h.Stream, h.Start.UTC()}
}

// mp4Encoder writes fragmented MP4. The last frame of a track stays held until the
// one after it came, so that all durations are exact.
type mp4Encoder struct {
	layout   *av.Layout
	lead     *av.Track
	runs     []fmp4.Run // of each track, the lead first
	sequence uint32
	index    []fmp4.IndexEntry
	kept     int // frames at the beginning of the next group that were in the one before
}

func newMP4(l *av.Layout) *mp4Encoder {
	m := &mp4Encoder{layout: l, lead: leadOf(l.Tracks)}
	m.runs = []fmp4.Run{{Track: m.lead}}
	for _, t := range l.Tracks {
		if t != m.lead {
			m.runs = append(m.runs, fmp4.Run{Track: t})
		}
	}
	return m
}

// leadOf returns the track whose frames chunks begin with: the first video track, or
// else the first one; nil if there is none.
func leadOf(tracks []*av.Track) *av.Track {
	for _, t := range tracks {
		if t.Kind == av.Video {
			return t
		}
	}
	if len(tracks) > 0 {
		return tracks[0]
	}
	return nil
}

// zero implements encoder.
func (*mp4Encoder) zero() int64 { return -int64(fmp4.Shift) }

// appendHead implements encoder.
func (m *mp4Encoder) appendHead(dst []byte, h Header) ([]byte, error) {
	dst, err := fmp4.AppendInit(dst, m.layout)
	if err != nil {
		return dst, err
	}
	text := h.encode()
	dst = binary.BigEndian.AppendUint32(dst, uint32(mp4Head+len(headerUUID)+len(text)))
	dst = append(append(dst, "uuid"...), headerUUID...)
	return append(dst, text...), nil
}

// appendGroup implements encoder. A group is one fragment, in which the lead comes
// first.
func (m *mp4Encoder) appendGroup(dst []byte, g *group) (out []byte, kept int) {
	var last []av.Frame
	for i := range m.runs {
		run := &m.runs[i]
		t, newest := run.Track, 0
		run.Frames, run.End = run.Frames[:0], g.end(t)
		for i := range g.frames {
			if f := &g.frames[i]; f.Track == t {
				run.Frames, newest = append(run.Frames, f), i
			}
		}
		switch n := len(run.Frames); {
		case n == 0 || g.next == nil:
		case t == g.next.Track:
			run.End = g.next.DTS
		case newest >= m.kept: // else the track has paused: nothing else of it came
			f := *run.Frames[n-1]
			f.Payload = bytes.Clone(f.Payload)
			last = append(last, f)
			run.Frames, run.End = run.Frames[:n-1], f.DTS
		}
	}
	if lead := m.runs[0].Frames; len(lead) > 0 && (lead[0].Key || m.lead.Kind == av.Audio) {
		m.index = append(m.index, fmp4.IndexEntry{PTS: lead[0].PTS, Offset: g.offset, Traf: 1})
	}
	m.sequence++
	dst = fmp4.AppendFragment(dst, m.sequence, m.runs...)
	m.kept = copy(g.frames, last)
	return dst, m.kept
}

// appendEnd implements encoder.
func (m *mp4Encoder) appendEnd(dst []byte, _ position) []byte {
	return fmp4.AppendIndex(dst, m.lead, m.index)
}

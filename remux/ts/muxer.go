package ts

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// tableInterval is how often PAT and PMT go out: a receiver that lost them is
// without picture for no longer.
const tableInterval = 500 * millisecond

// Muxer writes frames as one MPEG transport stream. All tracks that a transport
// stream can carry go out. A track with id n has the PID 0x100 + n; the clock is
// on the first video track, or else on the first track, and is always 200 ms
// behind its DTS. Times are those of the frames and one second.
//
// What was appended is meant to be read in that order: a Muxer keeps the
// continuity counters and the clock. Whoever leaves out a part sees a gap in
// the counters, as after a loss. The zero value is ready. It is not safe for
// concurrent use.
type Muxer struct {
	tracks  []*av.Track // of the layout in force
	streams []*stream   // those of them that go out
	clockOn uint16      // the PID of the clock

	program []byte // what the PMT of streams says
	told    []byte // what the last PMT that went out said
	version uint8  // of that PMT
	pat     []byte // sections
	pmt     []byte

	// current reports that the tables of streams went out and that none are
	// owed; tablesAt is the DTS at which they did.
	current  bool
	tablesAt int64

	clock    clock
	counters map[uint16]*uint8 // by PID, also of streams that have ended
}

// AppendPrelude returns dst as it is: viewers begin at a start frame, and the
// tables are before each. It fails with reason.Unsupported if l is ready, has
// tracks, and none of them can be carried; the error names them.
func (m *Muxer) AppendPrelude(dst []byte, l *av.Layout, _ int64) ([]byte, error) {
	return dst, checkLayout(l)
}

// AppendChange appends new tables if other elementary streams go out with layout
// to than before. A new configuration of a stream goes out with its next key
// frame. dst is as it was if it fails, for which see AppendPrelude. The dts of
// the change is in ns.
func (m *Muxer) AppendChange(dst []byte, _, to *av.Layout, dts int64) ([]byte, error) {
	if err := checkLayout(to); err != nil {
		return dst, err
	}
	if m.use(to); m.current {
		return dst, nil
	}
	m.tablesAt = dts
	return m.appendTables(dst), nil
}

// AppendTables appends PAT and PMT of layout l. AppendFrame does it where they
// are due. dst is as it was if it fails, for which see AppendPrelude.
func (m *Muxer) AppendTables(dst []byte, l *av.Layout) ([]byte, error) {
	if err := checkLayout(l); err != nil {
		return dst, err
	}
	m.use(l)
	return m.appendTables(dst), nil
}

// AppendFrame appends f, a frame of a track of layout l, which is the one in
// force, as whole packets: nothing if the track cannot be carried. PAT and PMT
// are before it if viewers may start there, if they have changed, and if 500 ms
// of DTS have passed since the last. It fails with av.ErrLeftOut, and returns dst
// as it was, if f is audio larger than its headers can express. It does not
// allocate if dst has room and the tracks are those of the call before.
//
// A run of calls whose first has start is a segment of HTTP Live Streaming.
func (m *Muxer) AppendFrame(dst []byte, f *av.Frame, l *av.Layout, start bool) ([]byte, error) {
	m.use(l)
	if start {
		m.current = false // also if f does not go out: the next frame is the start then
	}
	s := m.streamOf(f.Track)
	if s == nil {
		return dst, nil
	}
	var room [maxHead]byte
	u := s.unitOf(f, room[:0])
	if u.size == 0 {
		return dst, nil
	}
	if err := s.check(u); err != nil {
		return dst, fmt.Errorf("mpeg-ts: %w: %w", av.ErrLeftOut, err)
	}
	if !m.current || f.DTS-m.tablesAt >= tableInterval {
		m.tablesAt = f.DTS
		dst = m.appendTables(dst)
	}
	if s.pid == m.clockOn {
		return s.appendUnit(dst, f, u, true, pcr(m.clock.own(f.DTS))), nil
	}
	if at, due := m.clock.other(s.pid, f.DTS); due {
		dst = appendClockPacket(dst, m.clockOn, *m.counter(m.clockOn), pcr(at))
	}
	return s.appendUnit(dst, f, u, false, 0), nil
}

// use puts layout l in force.
func (m *Muxer) use(l *av.Layout) {
	if slices.Equal(m.tracks, l.Tracks) {
		return
	}
	m.tracks, m.streams, m.program = slices.Clone(l.Tracks), nil, nil
	for _, t := range l.Tracks {
		if s, err := newStream(t); err == nil && len(m.streams) < maxStreams {
			s.counter = m.counter(s.pid)
			m.streams = append(m.streams, s)
		}
	}
	if len(m.streams) == 0 {
		return
	}
	m.clockOn = m.streams[0].pid
	if i := slices.IndexFunc(m.streams, func(s *stream) bool { return s.track.Kind == av.Video }); i >= 0 {
		m.clockOn = m.streams[i].pid
	}
	m.program = pmtBody(m.clockOn, m.streams)
	m.current = m.current && bytes.Equal(m.program, m.told)
}

// appendTables appends the tables of the layout in force, if it has streams.
func (m *Muxer) appendTables(dst []byte) []byte {
	if len(m.streams) == 0 {
		return dst
	}
	if !bytes.Equal(m.program, m.told) {
		if m.told != nil {
			m.version = (m.version + 1) & 0x1F
		}
		m.told = m.program
		m.pat = patSection()
		m.pmt = appendSection(nil, tablePMT, programNumber, m.version, m.program)
	}
	m.current = true
	dst = appendSectionPackets(dst, pidPAT, m.counter(pidPAT), m.pat)
	return appendSectionPackets(dst, pidPMT, m.counter(pidPMT), m.pmt)
}

func (m *Muxer) streamOf(t *av.Track) *stream {
	for _, s := range m.streams {
		if s.track == t {
			return s
		}
	}
	return nil
}

// counter returns the continuity counter of pid.
func (m *Muxer) counter(pid uint16) *uint8 {
	c := m.counters[pid]
	if c == nil {
		if m.counters == nil {
			m.counters = make(map[uint16]*uint8)
		}
		c = new(uint8)
		m.counters[pid] = c
	}
	return c
}

// LeftOut returns the tracks of l that do not go out.
func (*Muxer) LeftOut(l *av.Layout) (tracks []av.Omission) {
	carried := 0
	for _, t := range l.Tracks {
		_, err := newStream(t)
		if err == nil {
			if carried++; carried <= maxStreams {
				continue
			}
			err = fmt.Errorf("only %d tracks go out", maxStreams)
		}
		tracks = append(tracks, av.Omit(t, err.Error()))
	}
	return tracks
}

// checkLayout fails if nothing of l can be carried and no track is to come.
func checkLayout(l *av.Layout) error {
	if len(l.Tracks) == 0 || !l.Ready || slices.ContainsFunc(l.Tracks, Carries) {
		return nil
	}
	var why []string
	for _, t := range l.Tracks {
		_, err := newStream(t)
		why = append(why, fmt.Sprintf("%s track %d (%v)", t.Kind, t.ID, err))
	}
	return reason.Wrap(reason.Unsupported, fmt.Errorf("mpeg-ts cannot carry %s", strings.Join(why, ", ")))
}

package ts

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// PacketKind says what a Packet holds.
type PacketKind uint8

// The kinds of Packet.
const (
	// IgnoredPacket holds nothing; Why tells the cause.
	IgnoredPacket PacketKind = iota
	// ProgramPacket holds Hinted: a new or changed PMT was read.
	ProgramPacket
	// FramePacket holds a Frame, and also its Track if that is new or changed.
	// The track is in force before the frame.
	FramePacket
)

// Packet is a part of what a transport stream holds. The fields that its Kind
// does not name are zero.
type Packet struct {
	Kind  PacketKind
	Track *av.Track
	Frame *av.Frame
	// Hinted tells of which kinds the program has tracks that can be read.
	Hinted [av.Kinds]bool
	// Why tells in a few words why something was ignored. It is one of a small
	// fixed set, so that the caller can count by it and log each once.
	Why string
}

const (
	// maxTracks bounds the tracks of a program, and by that its memory.
	maxTracks = 32
	// maxPicture bounds an access unit of video in bytes, and maxBuffered all
	// units that are read at a time.
	maxPicture  = 8 << 20
	maxBuffered = 2 * maxPicture
)

const (
	whyLost     = "packets lost"
	whyCut      = "unit cut off"
	whyHeader   = "PES packet without a valid header"
	whyTime     = "PES packet without time"
	whyEmpty    = "empty access unit"
	whyNoConfig = "no codec configuration yet"
	whyBroken   = "broken codec configuration"
)

// Demuxer reads the first program of a transport stream: H.264, H.265, AAC in
// ADTS, MP3, AC-3, E-AC-3 and Opus. It is not safe for concurrent use.
type Demuxer struct {
	packets packetReader
	clock   unwrapper
	queue   []Packet // read, but not yet returned
	err     error

	pat, pmt sections
	pmtPID   uint16 // 0 until there is a PAT
	program  []byte // the PMT in force
	sources  map[uint16]*source
	buffered int // bytes in sources
}

// NewDemuxer returns a Demuxer that reads from r when it is asked to.
func NewDemuxer(r io.Reader) *Demuxer {
	return &Demuxer{packets: newPacketReader(r)}
}

// Continue goes on with r, the next segment of the stream, as HLS has it
// (RFC 8216, 3.2): program, tracks and parameter sets stay in force; what was
// incomplete is dropped, and packets are numbered anew.
func (d *Demuxer) Continue(r io.Reader) {
	d.packets, d.queue, d.err = newPacketReader(r), nil, nil
	d.pat, d.pmt, d.buffered = sections{}, sections{}, 0
	for _, s := range d.sources {
		s.continuity = continuity{}
		s.pes, s.picture, s.rest, s.timed = nil, picture{}, nil, false
	}
}

// Next returns the next part of the stream. Frames have the times of the
// stream's own clock, unwrapped over all tracks so that audio and video stay
// together; Layout and Arrival are left to others. Payloads have NAL lengths of
// four bytes and no access unit delimiters. Parameter sets are in the track's
// configuration; those that come without an SPS stay in the payload.
//
// Video track number i of the program has the id 2*i, audio track i has 2*i + 1;
// a track keeps its id for as long as its PID is in the program. What is damaged,
// unknown or of no use is ignored, and where packets are lost the next are
// searched for. An error ends the stream and is returned again by later calls:
// io.EOF; one that wraps io.ErrUnexpectedEOF if the input ends inside a packet;
// with reason.BadMedia a *SyncError or an access unit beyond the limits.
func (d *Demuxer) Next() (Packet, error) {
	for len(d.queue) == 0 {
		if d.err != nil {
			return Packet{}, d.err
		}
		d.queue = nil
		d.err = d.read()
		if d.err == io.EOF {
			d.flush()
		}
	}
	p := d.queue[0]
	d.queue = d.queue[1:]
	return p, nil
}

func (d *Demuxer) emit(p Packet) { d.queue = append(d.queue, p) }

func (d *Demuxer) ignore(why string) {
	if why != "" {
		d.emit(Packet{Why: why})
	}
}

// read reads one transport packet.
func (d *Demuxer) read() error {
	b, err := d.packets.next()
	if err == errLostSync {
		d.ignore(err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	p, why := parsePacket(b)
	if why != "" {
		d.ignore(why)
		return nil
	}
	switch s := d.sources[p.pid]; {
	case p.payload == nil || p.pid == pidNull:
	case p.pid == pidPAT:
		d.ignore(d.pat.feed(p, d.readPAT))
	case p.pid == d.pmtPID:
		d.ignore(d.pmt.feed(p, d.readPMT))
	case s != nil:
		if err := d.feed(s, p); err != nil {
			return reason.Wrap(reason.BadMedia, fmt.Errorf("mpeg-ts: pid %#x before offset %d: %w", p.pid, d.packets.offset, err))
		}
	}
	return nil
}

func (d *Demuxer) readPAT(section []byte) {
	if pid, ok := firstProgram(section); ok && pid != d.pmtPID {
		d.pmtPID, d.pmt = pid, sections{}
	}
}

// readPMT puts the streams of a PMT in force. Those that are in it unchanged go
// on.
func (d *Demuxer) readPMT(section []byte) {
	entries, ok := parsePMT(section)
	if !ok || bytes.Equal(section, d.program) {
		return
	}
	d.program = bytes.Clone(section)
	p := Packet{Kind: ProgramPacket}
	before := d.sources
	d.sources = make(map[uint16]*source)
	for _, e := range entries {
		fresh, why := newSource(e)
		switch old := before[e.pid]; {
		case why != "":
			d.ignore(why)
			continue
		case d.sources[e.pid] != nil:
			d.ignore("PID of two streams")
			continue
		case len(d.sources) == maxTracks:
			d.ignore("too many tracks")
			continue
		case old != nil && old.like(fresh):
			d.sources[e.pid] = old
		default:
			d.sources[e.pid] = fresh
		}
		p.Hinted[fresh.mediaKind()] = true
	}
	d.number(entries)
	d.buffered = 0
	for _, s := range d.sources {
		d.buffered += s.held()
	}
	d.emit(p)
}

// number gives ids to the sources that have none yet, in the order of the PMT.
func (d *Demuxer) number(entries []entry) {
	used := make(map[int]bool)
	for _, s := range d.sources {
		used[s.id] = true
	}
	for _, e := range entries {
		s := d.sources[e.pid]
		if s == nil || s.id != noID {
			continue
		}
		for s.id = int(s.mediaKind()); used[s.id]; { // video 0, audio 1
			s.id += 2
		}
		used[s.id] = true
	}
}

// flush reads what is whole once the input has ended.
func (d *Demuxer) flush() {
	for _, pid := range slices.Sorted(maps.Keys(d.sources)) {
		d.finish(d.sources[pid])
		d.release(d.sources[pid])
	}
}

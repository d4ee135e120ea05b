package mediafile

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/remux/ts"
)

// What a file tells of itself is in null packets, which all readers pass over and
// whose payload may be anything (ISO/IEC 13818-1, 2.4.3.3): a header after the first
// tables, and a note after each group of frames, which says that it is whole and where
// the note before it is. So nobody needs to read media to find the chunks of a file.
const (
	tsPacket   = 188
	tsSync     = 0x47
	tsNullHead = "\x47\x1F\xFF\x10" // no counter, payload only

	tsMagic = "weir\x01"
	tsCRC   = 4

	kindHeader   = 'h'
	kindNote     = 'n'
	kindComplete = 'c' // a note at the end of a complete file

	tsPartHead = 4 // length of a whole header, offset of the part in it
	tsRoom     = tsPacket - len(tsNullHead) - len(tsMagic) - 1 - tsCRC
)

// appendOwn appends a null packet with content of ours, tsRoom bytes at most.
func appendOwn(dst []byte, kind byte, content []byte) []byte {
	begin := len(dst)
	dst = append(append(append(dst, tsNullHead...), tsMagic...), kind)
	dst = append(dst, content...)
	for len(dst) < begin+tsPacket-tsCRC {
		dst = append(dst, 0xFF)
	}
	return binary.BigEndian.AppendUint32(dst, crc32.ChecksumIEEE(dst[begin:]))
}

// ownContent returns what appendOwn put into a packet; false if it is none.
func ownContent(packet []byte) (kind byte, content []byte, ok bool) {
	const begin = len(tsNullHead) + len(tsMagic) + 1
	if string(packet[:begin-1]) != tsNullHead+tsMagic || crc32.ChecksumIEEE(packet[:tsPacket-tsCRC]) != binary.BigEndian.Uint32(packet[tsPacket-tsCRC:]) {
		return 0, nil, false
	}
	return packet[begin-1], packet[begin : tsPacket-tsCRC], true
}

// appendTSHeader appends h in as many packets as it needs.
func appendTSHeader(dst []byte, h Header) []byte {
	text := h.encode()
	for at := 0; at < len(text); {
		part := text[at:min(len(text), at+tsRoom-tsPartHead)]
		b := binary.BigEndian.AppendUint16(nil, uint16(len(text)))
		b = binary.BigEndian.AppendUint16(b, uint16(at))
		dst = appendOwn(dst, kindHeader, append(b, part...))
		at += len(part)
	}
	return dst
}

// note is what is written after each group.
type note struct {
	before   int64 // offset of the note before it, -1 if it is the first
	chunk    int64 // offset at which the chunk of the group begins
	start    int64 // time at which it does, ns
	duration int64 // of the file so far, ns
}

func (n note) append(dst []byte, kind byte) []byte {
	var b []byte
	for _, v := range []int64{n.before, n.chunk, n.start, n.duration} {
		b = binary.BigEndian.AppendUint64(b, uint64(v))
	}
	return appendOwn(dst, kind, b)
}

// parseNote reads a note from the content of a packet, which is always long enough.
func parseNote(b []byte) note {
	at := func(i int) int64 { return int64(binary.BigEndian.Uint64(b[8*i:])) }
	return note{at(0), at(1), at(2), at(3)}
}

// tsEncoder writes MPEG-TS.
type tsEncoder struct {
	layout *av.Layout
	muxer  ts.Muxer
	note   note // the next one; its before and chunk are those of the one before
	begun  bool
}

// zero implements encoder.
func (*tsEncoder) zero() int64 { return 0 }

// appendHead implements encoder.
func (m *tsEncoder) appendHead(dst []byte, h Header) ([]byte, error) {
	m.note.before = -1
	dst, err := m.muxer.AppendTables(dst, m.layout)
	return appendTSHeader(dst, h), err
}

// appendGroup implements encoder.
func (m *tsEncoder) appendGroup(dst []byte, g *group) (out []byte, kept int) {
	begin := len(dst)
	if m.begun && g.start { // the first chunk begins with the file
		m.note.chunk, m.note.start = g.offset, g.frames[0].DTS
	}
	m.begun = true
	for i := range g.frames {
		// What is too large for its headers is left out.
		dst, _ = m.muxer.AppendFrame(dst, &g.frames[i], m.layout, g.start && i == 0)
	}
	return m.appendNote(dst, kindNote, g.offset+int64(len(dst)-begin), g.duration), 0
}

// appendNote appends a note, which will be at an offset of the file.
func (m *tsEncoder) appendNote(dst []byte, kind byte, offset, duration int64) []byte {
	m.note.duration = duration
	dst = m.note.append(dst, kind)
	m.note.before = offset
	return dst
}

// appendEnd implements encoder.
func (m *tsEncoder) appendEnd(dst []byte, at position) []byte {
	return m.appendNote(dst, kindComplete, at.offset, at.duration)
}

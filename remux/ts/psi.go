package ts

import (
	"bytes"
	"encoding/binary"
)

// sections puts sections together.
type sections struct {
	continuity
	buf     []byte // the section so far, with stuffing behind it
	started bool
}

// feed takes a packet and gives each section that is whole and sound to emit. It
// returns why something was left out.
func (s *sections) feed(p packet, emit func(section []byte)) (why string) {
	twice, lost := s.check(p)
	if twice {
		return ""
	}
	if lost {
		s.started = false
		why = whyLost
	}
	payload := p.payload
	if p.start && len(payload) > 0 {
		pointer := int(payload[0])
		if payload = payload[1:]; pointer > len(payload) {
			s.started = false
			return "section beyond its packet"
		}
		if s.started {
			s.buf = append(s.buf, payload[:pointer]...)
			why = s.drain(emit)
		}
		payload, s.buf, s.started = payload[pointer:], s.buf[:0], true
	}
	if !s.started {
		return why
	}
	s.buf = append(s.buf, payload...)
	if broken := s.drain(emit); broken != "" {
		why = broken
	}
	return why
}

// drain emits the sections in buf and keeps what is left.
func (s *sections) drain(emit func([]byte)) (why string) {
	const stuffing, head = 0xFF, 3
	b := s.buf
	for len(b) >= head && b[0] != stuffing {
		size := head + int(binary.BigEndian.Uint16(b[1:])&0x0FFF)
		if size > maxSection || size < sectionHead+crcSize {
			s.started = false
			return "section of impossible length"
		}
		if len(b) < size {
			break
		}
		if crc(b[:size]) == 0 {
			emit(b[:size])
		} else {
			why = "section with a wrong checksum"
		}
		b = b[size:]
	}
	if len(b) > 0 && b[0] == stuffing {
		s.started = false
	}
	s.buf = s.buf[:copy(s.buf, b)]
	return why
}

// body returns what a section of the given table says, false if it is another
// table, not yet in force, or not the first section.
func body(table byte, section []byte) ([]byte, bool) {
	const current = 1
	ok := section[0] == table && section[5]&current != 0 && section[6] == 0
	return section[sectionHead : len(section)-crcSize], ok
}

// firstProgram returns the PID of the PMT of the first program in a PAT.
func firstProgram(section []byte) (pid uint16, ok bool) {
	b, ok := body(tablePAT, section)
	if !ok {
		return 0, false
	}
	for ; len(b) >= 4; b = b[4:] {
		if number := binary.BigEndian.Uint16(b); number != 0 { // 0 is the network's table
			return binary.BigEndian.Uint16(b[2:]) & 0x1FFF, true
		}
	}
	return 0, false
}

// entry is what a PMT says of an elementary stream.
type entry struct {
	kind        byte
	pid         uint16
	descriptors []byte
}

// parsePMT reads a PMT (2.4.4.8). What is cut off is left out.
func parsePMT(section []byte) (entries []entry, ok bool) {
	const head = 4 // PID of the clock, length of descriptors
	b, ok := body(tablePMT, section)
	if !ok || len(b) < head {
		return nil, false
	}
	_, b = cut(b[2:])
	for len(b) >= 5 {
		e := entry{kind: b[0], pid: binary.BigEndian.Uint16(b[1:]) & 0x1FFF}
		e.descriptors, b = cut(b[3:])
		entries = append(entries, e)
	}
	return entries, true
}

// cut splits b, which begins with a length of 12 bits, behind what it counts.
func cut(b []byte) (counted, rest []byte) {
	n := int(binary.BigEndian.Uint16(b) & 0x0FFF)
	b = b[2:]
	n = min(n, len(b))
	return b[:n], b[n:]
}

// descriptor returns the content of the first descriptor with tag that begins
// with prefix, without that; nil if there is none.
func (e entry) descriptor(tag byte, prefix string) []byte {
	b := e.descriptors
	for len(b) >= 2 {
		size := min(int(b[1]), len(b)-2)
		content := b[2 : 2+size]
		if b[0] == tag && bytes.HasPrefix(content, []byte(prefix)) {
			return content[len(prefix):]
		}
		b = b[2+size:]
	}
	return nil
}

// has reports whether there is a descriptor with tag and prefix.
func (e entry) has(tag byte, prefix string) bool { return e.descriptor(tag, prefix) != nil }

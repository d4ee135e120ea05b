package ts

import "encoding/binary"

const (
	tablePAT = 0x00
	tablePMT = 0x02

	programNumber     = 1
	transportStreamID = 1

	// maxSection is the longest section of a PAT or PMT in bytes (2.4.4.1).
	maxSection = 1024
	crcSize    = 4
	// sectionHead is what the sections of both tables begin with: table id,
	// length, an id, version and current_next_indicator, section number, number
	// of the last section.
	sectionHead = 8
)

// appendSection appends a section with a CRC (2.4.4.1).
func appendSection(dst []byte, table byte, id uint16, version uint8, body []byte) []byte {
	const syntax, reserved, current = 0xB000, 0xC0, 1
	begin := len(dst)
	dst = append(dst, table)
	dst = binary.BigEndian.AppendUint16(dst, syntax|uint16(sectionHead-3+len(body)+crcSize))
	dst = binary.BigEndian.AppendUint16(dst, id)
	dst = append(dst, reserved|version<<1|current, 0, 0)
	dst = append(dst, body...)
	return binary.BigEndian.AppendUint32(dst, crc(dst[begin:]))
}

// patSection returns the one section of the PAT.
func patSection() []byte {
	body := binary.BigEndian.AppendUint16(nil, programNumber)
	return appendSection(nil, tablePAT, transportStreamID, 0, binary.BigEndian.AppendUint16(body, 0xE000|pidPMT))
}

// pmtBody returns what the PMT says: the PID with the clock and the streams.
func pmtBody(clockPID uint16, streams []*stream) []byte {
	b := binary.BigEndian.AppendUint16(nil, 0xE000|clockPID)
	b = binary.BigEndian.AppendUint16(b, 0xF000) // no descriptors of the program
	for _, s := range streams {
		b = append(b, s.kind)
		b = binary.BigEndian.AppendUint16(b, 0xE000|s.pid)
		b = binary.BigEndian.AppendUint16(b, 0xF000|uint16(len(s.descriptors)))
		b = append(b, s.descriptors...)
	}
	return b
}

// appendSectionPackets appends the packets of one section.
func appendSectionPackets(dst []byte, pid uint16, counter *uint8, section []byte) []byte {
	const pointer = 1 // byte; the section begins right after it
	const room = packetSize - headerSize
	size := pointer + len(section)
	padded := (size + room - 1) / room * room // stuffing is behind the section here (2.4.4)
	w := packetizer{dst: dst, pid: pid, counter: counter, left: padded}
	w.write([]byte{0})
	w.write(section)
	for range padded - size {
		w.write([]byte{0xFF})
	}
	return w.dst
}

// crc returns the CRC of a section (annex A). That of a section with its CRC is
// 0. It needs no table: sections are short and rare.
func crc(b []byte) uint32 {
	const polynomial = 0x04C11DB7
	c := ^uint32(0)
	for _, v := range b {
		c ^= uint32(v) << 24
		for range 8 {
			carry := c >> 31
			c = c<<1 ^ polynomial*carry
		}
	}
	return c
}

package ts

import "encoding/binary"

// Bits of the header of a transport packet (2.4.3.2) and of its adaptation
// field (2.4.3.4).
const (
	errorIndicator = 0x80 // second byte
	unitStart      = 0x40

	hasAdaptation = 0x20 // fourth byte
	hasPayload    = 0x10

	discontinuity = 0x80 // second byte of the adaptation field
	randomAccess  = 0x40
	hasPCR        = 0x10
)

// packetizer cuts one unit, a PES packet or a section, into transport packets.
// How long the unit is must be known from the start: the last packet is filled
// up in front of its payload.
type packetizer struct {
	dst     []byte
	pid     uint16
	counter *uint8 // continuity_counter of the next packet with payload
	left    int    // bytes of the unit to come
	room    int    // bytes that the current packet still takes

	// What the first packet says.
	started bool
	random  bool
	clock   bool
	pcr     uint64
}

// write appends a part of the unit.
func (w *packetizer) write(b []byte) {
	for len(b) > 0 {
		if w.room == 0 {
			w.begin()
		}
		n := min(len(b), w.room)
		w.dst = append(w.dst, b[:n]...)
		w.room, w.left, b = w.room-n, w.left-n, b[n:]
	}
}

// begin starts a packet.
func (w *packetizer) begin() {
	first := byte(0)
	if !w.started {
		first = unitStart
	}
	// The field is its length, its flags and what they announce; one byte of
	// stuffing is a field of length 0.
	field := 0
	switch {
	case first != 0 && w.clock:
		field = 2 + pcrSize
	case first != 0 && w.random:
		field = 2
	}
	w.room = min(w.left, packetSize-headerSize-field)
	field = packetSize - headerSize - w.room
	control := byte(hasPayload)
	if field > 0 {
		control |= hasAdaptation
	}
	w.dst = append(w.dst, syncByte, first|byte(w.pid>>8), byte(w.pid), control|*w.counter)
	*w.counter = (*w.counter + 1) & 0x0F
	if field > 0 {
		w.dst = appendAdaptation(w.dst, field, first != 0 && w.random, first != 0 && w.clock, w.pcr)
	}
	w.started = true
}

// appendAdaptation appends an adaptation field of size bytes.
func appendAdaptation(dst []byte, size int, random, clock bool, pcr uint64) []byte {
	dst = append(dst, byte(size-1))
	if size == 1 {
		return dst
	}
	end := len(dst) + size - 1
	var flags byte
	if random {
		flags |= randomAccess
	}
	if clock {
		flags |= hasPCR
	}
	if dst = append(dst, flags); clock {
		dst = appendPCR(dst, pcr)
	}
	for len(dst) < end {
		dst = append(dst, 0xFF)
	}
	return dst
}

// appendClockPacket appends a packet that has nothing but a PCR. It does not
// count (2.4.3.3).
func appendClockPacket(dst []byte, pid uint16, counter uint8, pcr uint64) []byte {
	dst = append(dst, syncByte, byte(pid>>8), byte(pid), hasAdaptation|(counter-1)&0x0F)
	return appendAdaptation(dst, packetSize-headerSize, false, true, pcr)
}

const pcrSize = 6

// appendPCR appends a program clock reference: 33 bits that count 90 kHz and 9
// bits that count 27 MHz between them. pcr is in units of 27 MHz.
func appendPCR(dst []byte, pcr uint64) []byte {
	const per, reserved = 300, 0x7E00
	base := pcr / per & (1<<timestampBits - 1)
	v := base<<15 | reserved | pcr%per
	return append(binary.BigEndian.AppendUint32(dst, uint32(v>>16)), byte(v>>8), byte(v))
}

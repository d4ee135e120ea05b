package ts

import "encoding/binary"

// pesPacket is a PES packet that was read.
type pesPacket struct {
	timed    bool
	pts, dts int64 // 33 bits
	payload  []byte
	// split reports that the access unit may go on in a PES packet without time:
	// some muxers never use unbounded ones.
	split bool
}

// whole reports whether a PES packet is there up to the length in its header.
func whole(b []byte) bool {
	if len(b) < pesHead {
		return false
	}
	length := int(binary.BigEndian.Uint16(b[4:]))
	return length > 0 && len(b) >= pesHead+length
}

// parsePES reads a PES packet (2.4.3.6), of which nothing more will come; why it
// is to be ignored otherwise.
func parsePES(b []byte) (p pesPacket, why string) {
	if len(b) < pesHead {
		return p, whyHeader
	}
	length := int(binary.BigEndian.Uint16(b[4:]))
	if length > len(b)-pesHead {
		return p, whyCut
	}
	if length > 0 {
		b = b[:pesHead+length]
	}
	if len(b) < pesHead+pesFlags || b[0] != 0 || b[1] != 0 || b[2] != 1 || b[6]&0xC0 != pesMarker {
		return p, whyHeader
	}
	flags, times := b[7], b[pesHead+pesFlags:]
	if int(b[8]) > len(times) {
		return p, whyHeader
	}
	times, p.payload = times[:b[8]], times[b[8]:]
	const nearlyFull = maxPES - 2*packetSize
	p.split = length == 0 || length > nearlyFull
	if flags&pesHasPTS == 0 {
		return p, ""
	}
	if len(times) < timestampSize {
		return p, whyHeader
	}
	p.timed, p.pts = true, parseTimestamp(times)
	p.dts = p.pts
	if flags&pesHasDTS != 0 {
		if len(times) < 2*timestampSize {
			return p, whyHeader
		}
		p.dts = parseTimestamp(times[timestampSize:])
	}
	return p, ""
}

func parseTimestamp(b []byte) int64 {
	return int64(b[0]>>1&7)<<30 | int64(b[1])<<22 | int64(b[2]>>1)<<15 | int64(b[3])<<7 | int64(b[4]>>1)
}

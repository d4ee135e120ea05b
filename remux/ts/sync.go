package ts

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/weirmedia/weir/pkg/reason"
)

// SyncError reports input that is no transport stream, or no longer.
type SyncError struct {
	// Offset is where in the input the last packet ended.
	Offset int64
	// Skipped is how many bytes after it were searched for another.
	Skipped int64
}

func (e *SyncError) Error() string {
	return fmt.Sprintf("no transport packet in %d bytes from offset %d on", e.Skipped, e.Offset)
}

// maxGarbage bounds how many bytes are searched for a packet: less than a second
// of most streams.
const maxGarbage = 256 << 10

// errLostSync says that bytes were skipped. The next packet follows.
var errLostSync = errors.New("lost sync")

// packetReader reads transport packets.
type packetReader struct {
	r      *bufio.Reader
	offset int64
}

func newPacketReader(r io.Reader) packetReader {
	const packets = 7 // what a datagram holds: little enough not to wait for
	return packetReader{r: bufio.NewReaderSize(r, packets*packetSize)}
}

// next returns the next packet, which is valid until the next call. At the end
// it returns io.EOF, and an error that wraps io.ErrUnexpectedEOF if the input
// ends inside a packet.
func (r *packetReader) next() ([]byte, error) {
	b, err := r.r.Peek(packetSize)
	switch {
	case err == io.EOF && len(b) == 0:
		return nil, io.EOF
	case err != nil:
		return nil, r.failed(err)
	case b[0] != syncByte:
		return nil, r.find()
	}
	r.skip(packetSize)
	return b, nil
}

// find skips to the next packet and returns errLostSync if there is one. A sync
// byte counts if two others follow at the distance of packets.
func (r *packetReader) find() error {
	const window = 3 * packetSize
	begin := r.offset
	for r.offset-begin < maxGarbage {
		b, err := r.r.Peek(window)
		if err != nil && (err != io.EOF || len(b) < packetSize) {
			return r.failed(err)
		}
		at := 0
		for at < packetSize && !inSync(b[at:]) {
			at++
		}
		if r.skip(at); at < packetSize {
			return errLostSync
		}
	}
	return reason.Wrap(reason.BadMedia, fmt.Errorf("mpeg-ts: %w", &SyncError{Offset: begin, Skipped: r.offset - begin}))
}

// inSync reports whether all packets that begin in b, the first at its start,
// have a sync byte.
func inSync(b []byte) bool {
	for at := 0; at < len(b); at += packetSize {
		if b[at] != syncByte {
			return false
		}
	}
	return true
}

func (r *packetReader) skip(n int) {
	// It cannot fail: the bytes were peeked at.
	n, _ = r.r.Discard(n)
	r.offset += int64(n)
}

func (r *packetReader) failed(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("mpeg-ts: packet at offset %d: %w", r.offset, err)
}

// packet is what a transport packet says.
type packet struct {
	pid           uint16
	start         bool // a unit begins in it
	random        bool
	discontinuity bool
	counter       uint8
	payload       []byte // nil if it has none
}

// parsePacket reads a transport packet (2.4.3.2); why it is to be ignored
// otherwise.
func parsePacket(b []byte) (p packet, why string) {
	const scrambled = 0xC0
	switch {
	case b[1]&errorIndicator != 0:
		return p, "damaged packet"
	case b[3]&scrambled != 0:
		return p, "scrambled packet"
	}
	p = packet{pid: uint16(b[1]&0x1F)<<8 | uint16(b[2]), start: b[1]&unitStart != 0, counter: b[3] & 0x0F}
	rest := b[headerSize:]
	if b[3]&hasAdaptation != 0 {
		size := 1 + int(rest[0])
		if size > len(rest) {
			return p, "adaptation field beyond its packet"
		}
		if size > 1 {
			p.discontinuity, p.random = rest[1]&discontinuity != 0, rest[1]&randomAccess != 0
		}
		rest = rest[size:]
	}
	if b[3]&hasPayload != 0 {
		p.payload = rest
	}
	return p, ""
}

// continuity watches the counter of one PID.
type continuity struct {
	started bool
	last    uint8
}

// check takes note of p, which has a payload. A packet may be sent twice
// (2.4.3.3); lost reports that packets before it are missing.
func (c *continuity) check(p packet) (twice, lost bool) {
	before := *c
	*c = continuity{started: true, last: p.counter}
	if !before.started || p.discontinuity {
		return false, false
	}
	return p.counter == before.last, p.counter != (before.last+1)&0x0F
}

package h264

// IsRecoveryPoint reports whether au has an SEI message that says so (ITU-T H.264,
// D.2.8): decoding can start there, and pictures are right at once, as in open
// GOPs, or after some of them, as with intra refresh. Such streams may have no IDR
// picture but the first. The parameters are those of NALs. It does not allocate.
func IsRecoveryPoint(au []byte, lengthSize int) bool {
	for nal := range NALs(au, lengthSize) {
		if NALType(nal) == NALTypeSEI && hasMessage(nal[1:], seiRecoveryPoint) {
			return true
		}
	}
	return false
}

// seiRecoveryPoint is the payload type of the message (table D.1).
const seiRecoveryPoint = 6

// hasMessage reports whether there is a message of a type among those of an SEI
// NAL unit, whose bytes behind the header are b (7.3.2.3.1).
func hasMessage(b []byte, payloadType int) bool {
	r := rbsp{rest: b}
	for {
		t, ok := r.sum()
		if !ok {
			return false
		}
		size, ok := r.sum()
		if !ok || size > len(r.rest) {
			return false // the trailing bits, or cut off
		}
		if t == payloadType {
			return true
		}
		for range size {
			r.next()
		}
	}
}

// rbsp reads the bytes of a NAL unit without those that prevent start codes
// (7.4.1).
type rbsp struct {
	rest  []byte
	zeros int // just read
}

func (r *rbsp) next() (b byte, ok bool) {
	if r.zeros >= 2 && len(r.rest) > 0 && r.rest[0] == 3 {
		r.rest, r.zeros = r.rest[1:], 0
	}
	if len(r.rest) == 0 {
		return 0, false
	}
	b, r.rest = r.rest[0], r.rest[1:]
	if r.zeros++; b != 0 {
		r.zeros = 0
	}
	return b, true
}

// sum reads a number that is the sum of bytes up to one that is not 255.
func (r *rbsp) sum() (n int, ok bool) {
	for {
		b, ok := r.next()
		if !ok {
			return 0, false
		}
		if n += int(b); b != 255 {
			return n, true
		}
	}
}

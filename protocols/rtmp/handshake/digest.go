package handshake

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
)

// The handshake with digests is in no specification; this is how Flash player 9
// and its successors do it. Four bytes behind the time hold the sender's version.
// Then come two blocks of 764 bytes, one of them for a digest: four bytes whose
// sum says where it lies, and random bytes around it. The digest is the HMAC of
// the packet without it; an answer ends in an HMAC whose key is made of the
// digest that it answers. All keys have been public for long: the digests prove
// nothing, but some peers treat those without them as strangers, for example by
// withholding H.264.

// Scheme says where in a packet the digest is.
type Scheme int

// The schemes. Flash and ffmpeg use Scheme1 on unencrypted connections.
const (
	Scheme0 Scheme = 0 // in the second block
	Scheme1 Scheme = 1 // in the first block
)

func (s Scheme) block() int {
	if s == Scheme0 {
		return randomStart + blockSize
	}
	return randomStart
}

const (
	blockSize  = (packetSize - randomStart) / 2
	digestSize = sha256.Size
	// digestPlaces is how many places in a block a digest can have.
	digestPlaces = blockSize - 4 - digestSize
	// answerSize is how many bytes of S2 or C2 are signed.
	answerSize = packetSize - digestSize
)

type digest = [digestSize]byte

// party is one side of the handshake: the key of its packets' digests, which
// with secret behind it is the key of its answers, and its version.
type party struct {
	key     string
	version [4]byte
}

var (
	// Flash 9.0.115 was the first with H.264; ffmpeg claims this one.
	player = party{"Genuine Adobe Flash Player 001", [4]byte{9, 0, 124, 2}}
	// The server that connect is answered by too. ffmpeg looks for digests from
	// version 3 on.
	server = party{"Genuine Adobe Flash Media Server 001", [4]byte{3, 0, 1, 123}}
)

const secret = "\xf0\xee\xc2\x4a\x80\x68\xbe\xe8\x2e\x00\xd0\xd1\x02\x9e\x7e\x57" +
	"\x6e\xec\x5d\x2d\x29\x80\x6f\xab\x93\xb8\xe6\x36\xcf\xeb\x31\xae"

// place returns where the packet's digest begins in this scheme.
func place(packet []byte, s Scheme) int {
	at := s.block()
	sum := int(packet[at]) + int(packet[at+1]) + int(packet[at+2]) + int(packet[at+3])
	return at + 4 + sum%digestPlaces
}

// insertDigest makes packet one of p's that has a digest, and returns that.
func insertDigest(packet []byte, p party, s Scheme) digest {
	copy(packet[4:], p.version[:])
	at := place(packet, s)
	d := packetDigest(packet, p, at)
	copy(packet[at:], d[:])
	return d
}

// findDigest returns the digest of a packet that p has sent, if it has one. A
// sender without a version has none: that is the simple handshake.
func findDigest(packet []byte, p party) (Scheme, digest, bool) {
	if bytes.Equal(packet[4:randomStart], make([]byte, 4)) {
		return 0, digest{}, false
	}
	for _, s := range []Scheme{Scheme1, Scheme0} {
		at := place(packet, s)
		if d := packetDigest(packet, p, at); bytes.Equal(packet[at:at+digestSize], d[:]) {
			return s, d, true
		}
	}
	return 0, digest{}, false
}

func packetDigest(packet []byte, p party, at int) digest {
	return sign([]byte(p.key), packet[:at], packet[at+digestSize:])
}

// fillAnswer makes packet p's answer to a packet with digest d.
func fillAnswer(packet []byte, p party, d digest) {
	_, _ = rand.Read(packet[:answerSize]) // never fails
	signature := answerSignature(packet, p, d)
	copy(packet[answerSize:], signature[:])
}

// isAnswer reports whether packet is p's answer to a packet with digest d.
func isAnswer(packet []byte, p party, d digest) bool {
	signature := answerSignature(packet, p, d)
	return bytes.Equal(packet[answerSize:], signature[:])
}

func answerSignature(packet []byte, p party, d digest) digest {
	key := sign([]byte(p.key+secret), d[:])
	return sign(key[:], packet[:answerSize])
}

// sign returns the HMAC-SHA256 of the parts in a row.
func sign(key []byte, parts ...[]byte) (d digest) {
	mac := hmac.New(sha256.New, key)
	for _, p := range parts {
		mac.Write(p)
	}
	mac.Sum(d[:0])
	return d
}

// Package ts turns frames into MPEG transport streams and transport streams
// into frames (ISO/IEC 13818-1, the same as ITU-T H.222.0). A stream that it
// writes has one program.
package ts

const (
	packetSize = 188
	headerSize = 4
	syncByte   = 0x47

	pidPAT  = 0x0000
	pidPMT  = 0x1000 // as most muxers have it
	pidNull = 0x1FFF

	// firstPID is the one of the track with id 0; that with id n has the n-th
	// after it, so that a track keeps its PID whatever other tracks there are.
	firstPID   = 0x0100
	maxTrackID = pidPMT - 1 - firstPID

	// maxStreams bounds the elementary streams of a program, so that a PMT fits
	// one section whatever the codecs are.
	maxStreams = 64
)

// Values of stream_type (table 2-34, and ATSC A/52 for the last two). Type 6 is
// told apart by descriptors.
const (
	typeMPEG1Audio = 0x03
	typeMPEG2Audio = 0x04
	typePrivate    = 0x06
	typeADTS       = 0x0F
	typeH264       = 0x1B
	typeH265       = 0x24
	typeAC3        = 0x81
	typeEAC3       = 0x87
)

// Values of stream_id (table 2-22).
const (
	idPrivate1 = 0xBD
	idAudio    = 0xC0
	idVideo    = 0xE0
)

// Descriptors (table 2-45). The extension is that of DVB, in which Opus has the
// provisional tag 0x80.
const (
	tagRegistration = 0x05
	tagDVBAC3       = 0x6A
	tagDVBEAC3      = 0x7A
	tagDVBExtension = 0x7F
	extensionOpus   = 0x80

	formatAC3  = "AC-3"
	formatEAC3 = "EAC3"
	formatOpus = "Opus"
)

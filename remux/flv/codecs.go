package flv

import "github.com/weirmedia/weir/pkg/av"

// Values of the first byte of audio bodies: SoundFormat in the upper four bits,
// then SoundRate, SoundSize and SoundType (E.4.2.1).
const (
	soundMP3      = 2
	soundALaw     = 7
	soundMuLaw    = 8
	soundExHeader = 9 // Enhanced RTMP: the lower four bits are a packet type
	soundAAC      = 10
	soundMP38kHz  = 14

	sound16Bit  = 0x02
	soundStereo = 0x01

	// aacHeader is the fixed first byte of AAC bodies: the format demands 44 kHz,
	// 16 bits and stereo whatever the AudioSpecificConfig says.
	aacHeader = soundAAC<<4 | 3<<2 | sound16Bit | soundStereo
)

// Values of the second byte of AAC bodies.
const (
	aacSequenceHeader = 0
	aacRaw            = 1
)

// Values of the first byte of video bodies: FrameType in the upper four bits,
// CodecID in the lower (E.4.3.1). The top bit marks Enhanced RTMP, in which the
// lower four bits are a packet type.
const (
	frameKey     = 1
	frameInter   = 2
	frameCommand = 5
	codecAVC     = 7
	codecHEVC    = 12 // informal; bodies are like those of AVC

	videoExHeader = 0x80
)

// Values of the second byte of AVC bodies.
const (
	avcSequenceHeader = 0
	avcNALUs          = 1
	avcEndOfSequence  = 2

	// avcHeaderSize is the length of what precedes the record or the NAL units:
	// first byte, packet type, composition time.
	avcHeaderSize = 5
	aacHeaderSize = 2
	rawHeaderSize = 1 // MP3 and G.711
)

// Values of the packet type of Enhanced RTMP (v2, enum VideoPacketType and
// AudioPacketType). Those of video and audio differ in one.
const (
	packetSequenceStart   = 0
	packetCodedFrames     = 1
	packetSequenceEnd     = 2
	packetCodedFramesX    = 3 // video: without composition time
	packetSideInfo        = 4 // video: Metadata; audio: MultichannelConfig
	packetMPEG2TSStart    = 5 // video
	packetAudioMultitrack = 5
	packetVideoMultitrack = 6
	packetModEx           = 7
)

// Values of AvMultitrackType.
const (
	multitrackOne        = 0
	multitrackMany       = 1
	multitrackManyCodecs = 2
)

// modExTimestampNano is the one type of ModEx data: nanoseconds to add to the
// message's timestamp.
const modExTimestampNano = 0

// Carries reports whether FLV can carry codec c, be it by Enhanced RTMP.
func Carries(c av.Codec) bool {
	switch c {
	case av.ScriptData, av.G711A, av.G711U:
		return true
	}
	return FourCCOf(c) != 0
}

// legacy reports whether FLV has a number for c from before Enhanced RTMP.
// Such tracks go out by it, since every player knows it.
func legacy(c av.Codec) bool {
	switch c {
	case av.H264, av.AAC, av.MP3, av.G711A, av.G711U, av.ScriptData:
		return true
	}
	return false
}

// unsupportedSound is why audio of a SoundFormat is ignored.
var unsupportedSound = [16]string{
	0:  "unsupported audio codec: linear PCM, platform endian",
	1:  "unsupported audio codec: ADPCM",
	3:  "unsupported audio codec: linear PCM, little endian",
	4:  "unsupported audio codec: Nellymoser 16 kHz mono",
	5:  "unsupported audio codec: Nellymoser 8 kHz mono",
	6:  "unsupported audio codec: Nellymoser",
	11: "unsupported audio codec: Speex",
	12: "unsupported audio codec: reserved format 12",
	13: "unsupported audio codec: reserved format 13",
	15: "unsupported audio codec: device-specific sound",
}

// unsupportedVideo is why video of a CodecID is ignored.
var unsupportedVideo = [16]string{
	0:  "unsupported video codec: reserved id 0",
	1:  "unsupported video codec: JPEG",
	2:  "unsupported video codec: Sorenson H.263",
	3:  "unsupported video codec: Screen video",
	4:  "unsupported video codec: On2 VP6",
	5:  "unsupported video codec: On2 VP6 with alpha channel",
	6:  "unsupported video codec: Screen video version 2",
	8:  "unsupported video codec: reserved id 8",
	9:  "unsupported video codec: MPEG-4 Visual, informal id 9",
	10: "unsupported video codec: reserved id 10",
	11: "unsupported video codec: reserved id 11",
	13: "unsupported video codec: AV1, informal id 13",
	14: "unsupported video codec: reserved id 14",
	15: "unsupported video codec: reserved id 15",
}

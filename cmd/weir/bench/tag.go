package bench

import "github.com/weirmedia/weir/remux/flv"

// Values in the first two bytes of tag bodies (FLV 10.1, E.4.2.1 and E.4.3.1;
// Enhanced RTMP v2, "Enhanced Audio" and "Enhanced Video").
const (
	soundAAC      = 10
	soundEnhanced = 9

	frameKey      = 1
	frameCommand  = 5
	codecAVC      = 7
	codecHEVC     = 12 // informal
	codecAV1      = 13 // informal
	videoEnhanced = 0x80

	packetSequenceStart = 0 // the same in all of them
	packetCodedFrames   = 1
	packetSequenceEnd   = 2
	packetMetadata      = 4

	// avcHeaderSize is the length of what precedes configuration or NAL units.
	avcHeaderSize = 5
)

// content is what a tag holds, as far as counting goes.
type content struct {
	media bool // a coded picture or sound, not a header or script data
	video bool
	key   bool // decoding can start here
}

// contentOf looks at the first bytes of a tag's body.
func contentOf(tag flv.Tag) content {
	if len(tag.Body) < 2 {
		return content{}
	}
	first, second := tag.Body[0], tag.Body[1]
	switch tag.Type {
	case flv.VideoTag:
		return videoContent(first, second)
	case flv.AudioTag:
		switch first >> 4 {
		case soundAAC:
			return content{media: second != packetSequenceStart}
		case soundEnhanced:
			return content{media: first&0x0F == packetCodedFrames}
		}
		return content{media: true}
	}
	return content{}
}

func videoContent(first, second byte) content {
	c := content{media: true, video: true, key: first>>4&7 == frameKey}
	if first>>4&7 == frameCommand {
		return content{}
	}
	packet := second
	if first&videoEnhanced != 0 {
		packet = first & 0x0F
	} else if id := first & 0x0F; id != codecAVC && id != codecHEVC && id != codecAV1 {
		return c // every body is a picture
	}
	switch packet {
	case packetSequenceStart, packetSequenceEnd, packetMetadata:
		return content{}
	}
	return c
}

// avcConfig returns the AVCDecoderConfigurationRecord that a tag holds.
func avcConfig(tag flv.Tag) ([]byte, bool) {
	b := tag.Body
	if tag.Type != flv.VideoTag || len(b) < avcHeaderSize || b[0]&0x8F != codecAVC || b[1] != packetSequenceStart {
		return nil, false
	}
	return b[avcHeaderSize:], true
}

// avcPicture returns the access unit that a tag holds.
func avcPicture(tag flv.Tag) ([]byte, bool) {
	b := tag.Body
	if tag.Type != flv.VideoTag || len(b) < avcHeaderSize || b[0]&0x8F != codecAVC || b[1] != packetCodedFrames {
		return nil, false
	}
	return b[avcHeaderSize:], true
}

package ts

import (
	"bytes"
	"errors"

	"github.com/weirmedia/weir/pkg/codec/opus"
)

// opusMappings are the channel mapping tables (RFC 7845, 5.1.1) that a
// channel_config_code of 1 to 8 stands for: streams, coupled streams, channels.
// It is never written to.
var opusMappings = [...][]byte{
	1: {1, 0, 0},
	2: {1, 1, 0, 1},
	3: {2, 1, 0, 2, 1},
	4: {2, 2, 0, 1, 2, 3},
	5: {3, 2, 0, 4, 1, 2, 3},
	6: {4, 2, 0, 4, 1, 2, 3, 5},
	7: {4, 3, 0, 4, 1, 2, 3, 5, 6},
	8: {5, 3, 0, 6, 1, 2, 3, 4, 5, 7},
}

const opusHeaderSize = 19 // of an identification header without mapping table

// opusDescriptors returns the descriptors of Opus with the identification
// header config (ETSI TS Opus 0.1.3-draft, 4 and 5).
func opusDescriptors(config []byte) ([]byte, error) {
	h, err := opus.ParseHeader(config)
	if err != nil {
		return nil, err
	}
	plain := h.Family == 0 ||
		h.Family == 1 && h.Channels < len(opusMappings) && bytes.HasPrefix(config[opusHeaderSize:], opusMappings[h.Channels])
	if !plain {
		return nil, errors.New("opus with a channel mapping of its own")
	}
	return append(registration(formatOpus), tagDVBExtension, 2, extensionOpus, byte(h.Channels)), nil
}

// opusConfig returns the identification header of a channel_config_code, nil
// for the codes that no known program writes.
func opusConfig(code byte) []byte {
	const familyAt = 18
	switch {
	case code == 1 || code == 2:
		return opus.BuildHeader(int(code))
	case code > 2 && int(code) < len(opusMappings):
		b := opus.BuildHeader(int(code))
		b[familyAt] = 1
		return append(b, opusMappings[code]...)
	}
	return nil
}

// maxOpusHead is the length of the control header of the largest packet that a
// PES packet can hold.
const maxOpusHead = 2 + maxPES/255 + 1

// appendOpusHead appends the opus_control_header of a packet of size bytes.
// There is no start trim: a viewer may join anywhere.
func appendOpusHead(dst []byte, size int) []byte {
	dst = append(dst, 0x7F, 0xE0)
	for ; size >= 255; size -= 255 {
		dst = append(dst, 255)
	}
	return append(dst, byte(size))
}

package ts

import (
	"errors"

	"github.com/weirmedia/weir/pkg/codec/opus"
)

// opusDescriptors returns the descriptors of Opus with the identification
// header config (ETSI TS Opus 0.1.3-draft, 4 and 5).
func opusDescriptors(config []byte) ([]byte, error) {
	h, err := opus.ParseHeader(config)
	if err != nil {
		return nil, err
	}
	if !opus.HasUsualMapping(config) {
		return nil, errors.New("opus with a channel mapping of its own")
	}
	return append(registration(formatOpus), tagDVBExtension, 2, extensionOpus, byte(h.Channels)), nil
}

// opusConfig returns the identification header of a channel_config_code, nil
// for the codes that no known program writes.
func opusConfig(code byte) []byte {
	const most = 8
	if code < 1 || code > most {
		return nil
	}
	return opus.BuildHeader(int(code))
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

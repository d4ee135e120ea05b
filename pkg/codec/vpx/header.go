package vpx

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/vp9"
)

// sizeVP8 reads the uncompressed header of a key frame (RFC 6386, 9.1).
func sizeVP8(frame []byte) (width, height int, err error) {
	const headerSize = 10
	if len(frame) == 0 || frame[0]&1 != 0 {
		return 0, 0, errNoKeyFrame
	}
	if len(frame) < headerSize {
		return 0, 0, fmt.Errorf("vp8 key frame header: %d bytes, need %d", len(frame), headerSize)
	}
	if string(frame[3:6]) != "\x9d\x01\x2a" {
		return 0, 0, fmt.Errorf("vp8 key frame header: start code %x at offset 3", frame[3:6])
	}
	// The two upper bits ask for scaling and do not change the size.
	const sizeBits = 1<<14 - 1
	width = int(binary.LittleEndian.Uint16(frame[6:]) & sizeBits)
	height = int(binary.LittleEndian.Uint16(frame[8:]) & sizeBits)
	if width == 0 || height == 0 {
		return 0, 0, errors.New("vp8 key frame header: picture size 0 at offset 6")
	}
	return width, height, nil
}

// sizeVP9 reads the uncompressed header of a key frame (VP9 specification,
// 6.2), which may be the first of a superframe.
func sizeVP9(frame []byte) (width, height int, err error) {
	var h vp9.Header
	if err := h.Unmarshal(frame); err != nil {
		return 0, 0, fmt.Errorf("vp9 frame header: %w", err)
	}
	if h.FrameSize == nil {
		return 0, 0, errNoKeyFrame
	}
	return h.Width(), h.Height(), nil
}

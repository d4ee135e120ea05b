// Package segment cuts frames into the segments and parts of HLS. It knows
// neither sockets nor clocks: a Segmenter is driven by frames and by what is told
// of their publishers, and hands on bytes that never change.
package segment

import (
	"time"

	"github.com/weirmedia/weir/pkg/av"
)

// Init is an initialization section (RFC 8216bis 4.4.4.5). It is immutable.
type Init struct {
	// Number tells the sections of one Segmenter apart, from 0 on.
	Number int
	Bytes  []byte
}

// Head is what is known of a segment when it begins.
type Head struct {
	// Start is where the segment begins on the stream's timeline, in ns.
	Start int64
	// Init is what its bytes need before them; nil if they need nothing.
	Init *Init
	// Layout holds the tracks in it.
	Layout *av.Layout
	// Discontinuity says that it does not continue the segment before: another
	// publisher, other tracks, or frames that were missed. After a pause it is the
	// first gap that has it, and what follows continues the gap.
	Discontinuity bool
}

// Part is a piece of a segment. It is immutable.
type Part struct {
	Duration time.Duration
	Bytes    []byte
	// Gap says that there was nothing in this time: Bytes is empty.
	Gap bool
	// Independent says that decoding can start at the part: it begins with a key
	// frame, or there is no picture in the stream.
	Independent bool
	// Pictures counts the video frames.
	Pictures int
	// LeftOut counts the frames that the format cannot express.
	LeftOut int
}

// Sink takes what a Segmenter makes. Every segment is one call of Begin, one or
// more of Part and one of End; or it is one call of Gap.
type Sink interface {
	Begin(h Head)
	Part(p *Part)
	End()
	// Gap adds a segment without media.
	Gap(h Head, d time.Duration)
	// Overlong says that a segment ends without a key frame after it, since none
	// came in d.
	Overlong(d time.Duration)
}

package rtmp

import (
	"time"

	"github.com/weirmedia/weir/pkg/av"
)

const (
	// A publisher's clock is judged once, by so much wall time and so many
	// pictures: less could be a pause or a burst.
	paceTime     = int64(10 * time.Second)
	pacePictures = 50
	// slowClock is the part of wall time below which timestamps cannot be
	// milliseconds. Seconds advance by a thousandth of it.
	slowClock = 0.01
)

// pace compares a publisher's clock with the wall's.
type pace struct {
	pictures     int
	dts, arrival int64 // of the first picture
	judged       bool
}

// slow takes in a frame with the publisher's times. It returns true once if
// these hardly advance, as from encoders that send seconds for milliseconds.
// Such a stream is passed on as it is: true times would have to be invented.
func (p *pace) slow(f *av.Frame) bool {
	if p.judged || f.Track.Kind != av.Video {
		return false
	}
	if p.pictures++; p.pictures == 1 {
		p.dts, p.arrival = f.DTS, f.Arrival
	}
	wall := f.Arrival - p.arrival
	if wall < paceTime || p.pictures < pacePictures {
		return false
	}
	p.judged = true
	advance := f.DTS - p.dts
	return advance >= 0 && float64(advance) < slowClock*float64(wall)
}

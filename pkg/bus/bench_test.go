package bus

import (
	"fmt"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/av"
)

// benchFrame is the mean frame of a stream of 690 kbit/s with sound: one of
// 1250 bytes, 68 times a second.
const benchFrame = 1250

// BenchmarkWrite publishes to a stream that nobody watches: the newest GOP is
// kept and nothing else happens.
func BenchmarkWrite(b *testing.B) {
	s := publish(b, New(DefaultLimits()), "encoder", video)
	payload := make([]byte, benchFrame)
	b.SetBytes(benchFrame)
	b.ReportAllocs()
	n := int64(0)
	for b.Loop() {
		s.write(&av.Frame{Track: video, DTS: ms(40 * n), PTS: ms(40 * n), Arrival: ms(40 * n), Key: n%50 == 0, Payload: payload})
		n++
	}
}

// nobody is a reader that has better to do than to wake up.
type nobody struct{}

func (nobody) Wake() {}

// BenchmarkReaders publishes a frame that many readers take out of the ring,
// each by itself, with one of them to be woken: the delivery loops wake once for
// all their viewers.
func BenchmarkReaders(b *testing.B) {
	for _, readers := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprintf("readers=%d", readers), func(b *testing.B) {
			hub := New(DefaultLimits())
			s := publish(b, hub, "encoder", video)
			view := hub.Stream("live/test").Plain()
			defer view.Follow(nobody{}, time.Second).Stop()
			payload, batch, positions := make([]byte, benchFrame), make([]Entry, 32), make([]uint64, readers)
			b.ReportAllocs()
			n := int64(0)
			for b.Loop() {
				s.write(&av.Frame{Track: video, DTS: ms(40 * n), PTS: ms(40 * n), Arrival: ms(40 * n), Key: n%50 == 0, Payload: payload})
				n++
				for i := range positions {
					entries, first := view.Read(positions[i], batch)
					positions[i] = first + uint64(len(entries))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(readers), "ns/frame/reader")
		})
	}
}

package mediafile

import (
	"io"
	"testing"
)

// A frame costs no allocation; a fragment, one in a second, a few.
func BenchmarkWriter(b *testing.B) {
	for _, format := range Formats() {
		b.Run(string(format), func(b *testing.B) {
			c := fixture(b, "bframes").repeated(20)
			b.ReportAllocs()
			frames := 0
			for b.Loop() {
				if err := record(b, io.Discard, format, c).Close(); err != nil {
					b.Fatal(err)
				}
				frames += len(c.frames)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(frames), "ns/frame")
			b.ReportMetric(float64(len(c.frames)), "frames/op")
		})
	}
}

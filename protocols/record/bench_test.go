package record

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkSync is what the disk of this machine takes to keep five seconds of a stream
// of 2 Mbit/s (record.sync), beside writing them alone.
func BenchmarkSync(b *testing.B) {
	second := make([]byte, 250_000)
	for _, seconds := range []int{1, 5, 60} {
		for _, sync := range []bool{false, true} {
			b.Run(fmt.Sprintf("seconds=%d/sync=%t", seconds, sync), func(b *testing.B) {
				f, err := os.Create(filepath.Join(b.TempDir(), "file"))
				if err != nil {
					b.Fatal(err)
				}
				defer f.Close()
				b.SetBytes(int64(seconds * len(second)))
				for b.Loop() {
					for range seconds {
						if _, err := f.Write(second); err != nil {
							b.Fatal(err)
						}
					}
					if sync {
						err = f.Sync()
					}
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

package transcode

import (
	"testing"

	"github.com/weirmedia/weir/pkg/av"
)

// The values of ITU-T G.711 at the ends and in between, times 8 for A-law, whose
// table has 13 bits, and times 4 for µ-law with 14.
func TestG711Values(t *testing.T) {
	for code, want := range map[byte]int{0xD5: 1 * 8, 0x55: -1 * 8, 0xAA: 4032 * 8, 0x2A: -4032 * 8, 0xC5: 33 * 8, 0xF5: 66 * 8 /* 64 to 68 */} {
		if got := expandALaw(code); got != want {
			t.Errorf("A-law %#02x: %d, want %d", code, got, want)
		}
	}
	for code, want := range map[byte]int{0xFF: 0, 0x7F: 0, 0x80: 8031 * 4, 0x00: -8031 * 4, 0xEF: 33 * 4, 0xFE: 2 * 4} {
		if got := expandULaw(code); got != want {
			t.Errorf("µ-law %#02x: %d, want %d", code, got, want)
		}
	}
}

// Each sample becomes a code word that is at most half a step away, which is 1/32
// of its size, and code words stay what they are.
func TestG711RoundTrip(t *testing.T) {
	for name, law := range map[string]struct {
		expand   func(byte) int
		compress func(int) byte
	}{"A-law": {expandALaw, compressALaw}, "µ-law": {expandULaw, compressULaw}} {
		t.Run(name, func(t *testing.T) {
			last := -scale
			for v := -scale; v < scale; v++ {
				got := law.expand(law.compress(v))
				if d := abs(got - v); d > abs(v)/32+8 || got < last {
					t.Fatalf("%d becomes %d, after %d", v, got, last)
				}
				last = got
			}
			for b := range 256 {
				v := law.expand(byte(b))
				if again := law.compress(v); law.expand(again) != v {
					t.Errorf("%#02x is %d, which becomes %#02x", b, v, again)
				}
			}
		})
	}
}

func abs(n int) int { return max(n, -n) }

func TestG711EncoderClips(t *testing.T) {
	e, _, err := newG711Encoder(1, av.G711U)
	if err != nil {
		t.Fatal(err)
	}
	b, err := e.encode(nil, []float32{3, -3})
	if err != nil || len(b) != 2 || b[0] != 0x80 || b[1] != 0 {
		t.Errorf("%x, %v", b, err)
	}
}

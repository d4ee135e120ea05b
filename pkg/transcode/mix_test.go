package transcode

import (
	"math"
	"testing"

	"github.com/weirmedia/weir/pkg/codec/opus"
)

// Each speaker of 5.1 goes where ITU-R BS.775 says, and all of them together are
// not too loud.
func TestMixSurround(t *testing.T) {
	const sum = 1 + 2*0.7071
	tests := []struct {
		name        string
		in          []float32
		left, right float64
	}{
		{"left", []float32{1, 0, 0, 0, 0, 0}, 1 / sum, 0},
		{"centre", []float32{0, 1, 0, 0, 0, 0}, 0.7071 / sum, 0.7071 / sum},
		{"right", []float32{0, 0, 1, 0, 0, 0}, 0, 1 / sum},
		{"left behind", []float32{0, 0, 0, 1, 0, 0}, 0.7071 / sum, 0},
		{"right behind", []float32{0, 0, 0, 0, 1, 0}, 0, 0.7071 / sum},
		{"low", []float32{0, 0, 0, 0, 0, 1}, 0, 0},
		{"all", []float32{1, 1, 1, 1, 1, 1}, 1, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := newMixer(6, stereo).mix(nil, test.in)
			if len(got) != 2 || math.Abs(float64(got[0])-test.left) > 1e-4 || math.Abs(float64(got[1])-test.right) > 1e-4 {
				t.Errorf("got %v, want %v and %v", got, test.left, test.right)
			}
		})
	}
}

// No layout is louder than full scale, or silent on a side.
func TestMixIsBounded(t *testing.T) {
	for in := 1; in <= maxChannels; in++ {
		if h, err := opus.ParseHeader(opus.BuildHeader(in)); err != nil || h.Channels != in {
			t.Fatal(h, err)
		}
		for _, out := range []int{mono, stereo} {
			ones := make([]float32, in)
			for i := range ones {
				ones[i] = 1
			}
			for c, v := range newMixer(in, out).mix(nil, ones) {
				if v < 0.99 || v > 1.001 {
					t.Errorf("%d to %d channels: %v on %d", in, out, v, c)
				}
			}
		}
	}
}

// What no sound is does not spoil what follows.
func TestMixRefusesNonsense(t *testing.T) {
	nan := float32(math.NaN())
	inf := float32(math.Inf(1))
	got := newMixer(2, 2).mix(nil, []float32{nan, inf, -inf, 1e9, 0.5, -0.5})
	for i, want := range []float32{0, 0, 0, 0, 0.5, -0.5} {
		if got[i] != want {
			t.Errorf("sample %d is %v, want %v", i, got[i], want)
		}
	}
}

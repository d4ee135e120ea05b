package transcode

import "math"

const (
	// tapsPerSide is how many samples of the lower rate the filter looks at on
	// either side. With kaiserBeta it lets pass all but 0.1 dB up to 0.45 of the
	// lower rate (20 kHz of 44.1), and takes more than 90 dB from 0.55 on: see
	// TestResamplerResponse. That is 0.7 ms at 44.1 kHz, 4 ms at 8 kHz.
	//
	// Why a resampler of our own: go-audio-resampler takes 371 µs and 6145
	// allocations for 23 ms of stereo from 44.1 to 48 kHz at medium quality, and
	// 147 µs and 4098 at the lowest; this one 60 µs and none (BenchmarkResampler).
	// It is under the LGPL besides.
	tapsPerSide = 32
	kaiserBeta  = 9.5
)

// resampler changes the sampling rate of interleaved samples by a polyphase FIR:
// a windowed sinc, of which each output sample takes the one of up phases that
// its place between two input samples calls for. Output sample i lies at the time
// of input sample i*down/up: the filter adds no delay but that it has to see
// what lies ahead.
type resampler struct {
	channels, up, down int
	half               int       // taps on either side
	phases             []float32 // up of them, 2*half taps each
	in                 []float32 // what the next output sample needs, and on
	phase              int       // of the next output sample
}

func newResampler(from, to, channels int) *resampler {
	d := gcd(from, to)
	r := &resampler{channels: channels, up: to / d, down: from / d}
	if r.up != r.down {
		r.design()
	}
	r.reset()
	return r
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// design computes the phases: a sinc that ends at half the lower rate, under a
// Kaiser window. Each phase has a gain of 1 for a constant.
func (r *resampler) design() {
	cutoff := min(1, float64(r.up)/float64(r.down))
	r.half = 2 * int(math.Ceil(tapsPerSide/2/cutoff)) // even, for convolve
	taps := 2 * r.half
	r.phases = make([]float32, r.up*taps)
	phase := make([]float64, taps)
	for p := range r.up {
		sum := 0.0
		for i := range phase {
			t := float64(i-r.half+1) - float64(p)/float64(r.up)
			phase[i] = sinc(t*cutoff) * kaiser(t/float64(r.half))
			sum += phase[i]
		}
		for i, v := range phase {
			r.phases[p*taps+i] = float32(v / sum)
		}
	}
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is the window at x, which is 0 in the middle and 1 at the end.
func kaiser(x float64) float64 {
	return bessel(kaiserBeta*math.Sqrt(max(0, 1-x*x))) / bessel(kaiserBeta)
}

// bessel is the modified Bessel function of the first kind and order 0.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-12; k++ {
		term *= x / (2 * k) * x / (2 * k)
		sum += term
	}
	return sum
}

// reset begins anew: silence lies before the next sample.
func (r *resampler) reset() {
	r.phase = 0
	r.in = append(r.in[:0], make([]float32, max(r.half-1, 0)*r.channels)...)
}

// process takes samples and appends to dst what can be had.
func (r *resampler) process(dst, samples []float32) []float32 {
	if r.up == r.down {
		return append(dst, samples...)
	}
	r.in = append(r.in, samples...)
	taps := 2 * r.half
	pos, end := 0, len(r.in)/r.channels-taps
	for pos <= end {
		phase := r.phases[r.phase*taps : (r.phase+1)*taps]
		if r.channels == mono {
			dst = append(dst, convolve(phase, r.in[pos:]))
		} else {
			left, right := convolvePairs(phase, r.in[pos*stereo:])
			dst = append(dst, left, right)
		}
		r.phase += r.down
		pos += r.phase / r.up
		r.phase %= r.up
	}
	kept := copy(r.in, r.in[min(pos*r.channels, len(r.in)):])
	r.in = r.in[:kept]
	return dst
}

// convolve returns the sum of the products of taps and the samples x.
// There is a multiple of 4 of both.
func convolve(taps, x []float32) float32 {
	x = x[:len(taps)]
	var a, b, c, d float32
	for len(taps) >= 4 && len(x) >= 4 {
		t, y := (*[4]float32)(taps), (*[4]float32)(x)
		a += t[0] * y[0]
		b += t[1] * y[1]
		c += t[2] * y[2]
		d += t[3] * y[3]
		taps, x = taps[4:], x[4:]
	}
	return a + b + c + d
}

// convolvePairs does the same for both channels of x.
func convolvePairs(taps, x []float32) (left, right float32) {
	x = x[:stereo*len(taps)]
	var a, b, c, d, e, f, g, h float32
	for len(taps) >= 4 && len(x) >= 8 {
		t, y := (*[4]float32)(taps), (*[8]float32)(x)
		a += t[0] * y[0]
		b += t[0] * y[1]
		c += t[1] * y[2]
		d += t[1] * y[3]
		e += t[2] * y[4]
		f += t[2] * y[5]
		g += t[3] * y[6]
		h += t[3] * y[7]
		taps, x = taps[4:], x[8:]
	}
	return a + c + e + g, b + d + f + h
}

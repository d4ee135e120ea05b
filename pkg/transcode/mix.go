package transcode

// maxChannels is how many channels can be mixed: those of 7.1.
const maxChannels = 8

// loudest is the greatest sample that is believed. Decoders go a little beyond
// full scale; what is not a number, or far from sound, is the work of a broken
// frame and would spoil all that follows in an encoder.
const loudest = 4

// mixer maps the channels of a decoder to those of an encoder.
type mixer struct {
	in, out int
	gains   [stereo][maxChannels]float32
}

// newMixer returns the mixer from the in channels of a decoder, in the order that
// Vorbis and Opus have (RFC 7845, 5.1.1.2), to mono or stereo.
func newMixer(in, out int) *mixer {
	m := &mixer{in: in, out: out}
	speakers := layouts[in]
	for i, s := range speakers {
		m.gains[0][i], m.gains[1][i] = s.left, s.right
	}
	if out == mono {
		for i := range in {
			m.gains[0][i] = (m.gains[0][i] + m.gains[1][i]) / 2
		}
	}
	for o := range out {
		sum := float32(0)
		for _, g := range m.gains[o] {
			sum += g
		}
		for i := range m.gains[o] {
			m.gains[o][i] /= max(sum, 1) // all at full scale is full scale
		}
	}
	return m
}

// speaker is what of a channel goes to the left and to the right.
type speaker struct{ left, right float32 }

// Where the sound of a speaker goes: the centre and those at the side or behind
// 3 dB down (ITU-R BS.775-3, table 2), the one for low frequencies nowhere.
var (
	left       = speaker{1, 0}
	right      = speaker{0, 1}
	centre     = speaker{0.7071, 0.7071}
	leftBack   = speaker{0.7071, 0}
	rightBack  = speaker{0, 0.7071}
	centreBack = speaker{0.5, 0.5}
	low        = speaker{}

	// layouts are the channels by their number. It is never written to.
	layouts = [maxChannels + 1][]speaker{
		1: {{1, 1}},
		2: {left, right},
		3: {left, centre, right},
		4: {left, right, leftBack, rightBack},
		5: {left, centre, right, leftBack, rightBack},
		6: {left, centre, right, leftBack, rightBack, low},
		7: {left, centre, right, leftBack, rightBack, centreBack, low},
		8: {left, centre, right, leftBack, rightBack, leftBack, rightBack, low},
	}
)

// mix appends samples, interleaved, to dst in the channels of the encoder.
func (m *mixer) mix(dst, samples []float32) []float32 {
	for ; len(samples) >= m.in; samples = samples[m.in:] {
		for o := range m.out {
			sum := samples[min(o, m.in-1)]
			if m.in != m.out {
				sum = 0
				for i, s := range samples[:m.in] {
					sum += s * m.gains[o][i]
				}
			}
			if !(sum >= -loudest && sum <= loudest) { // so as to catch what is not a number
				sum = 0
			}
			dst = append(dst, sum)
		}
	}
	return dst
}

package av

// Omission is a track that somebody does without: an output whose format cannot
// carry it, or a stream whose publisher announced it.
type Omission struct {
	Kind Kind
	// Codec is its usual name; such a track need not be of one that Codec knows.
	Codec string
	// Why says it in words.
	Why string
}

// Omit returns the Omission of t.
func Omit(t *Track, why string) Omission {
	return Omission{Kind: t.Kind, Codec: t.Codec.String(), Why: why}
}

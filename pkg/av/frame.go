package av

// Frame is one access unit. It is immutable once published and shared by all
// who read it.
type Frame struct {
	// Track is the frame's track, one of Layout.Tracks or ScriptTrack.
	Track *Track
	// Layout is the layout in force. The bus sets it.
	Layout *Layout
	// DTS and PTS are nanoseconds on the stream's timeline. DTS never decreases
	// within a track. A publisher hands frames over with the times of its own
	// clock; the bus moves them to the stream's timeline.
	DTS, PTS int64
	// Arrival is when the frame's last byte was read, as Now gives it.
	Arrival int64
	// Key reports that decoding can start here. Every audio frame of the
	// supported codecs can be decoded alone, but Key is for video frames only.
	Key bool
	// Payload is laid out as the codec's constant says.
	Payload []byte

	slab *Slab // that Payload lies in; see Own
}

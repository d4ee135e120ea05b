package av

// Track describes one elementary stream. It is immutable once it is part of a
// published Layout: a new configuration is a new Track.
type Track struct {
	// ID tells tracks of one layout apart. The video tracks of a publisher that
	// counts them from 0 are 0, 2, 4 and so on, its audio tracks 1, 3, 5: half
	// the id is the track id of Enhanced RTMP.
	ID    int
	Kind  Kind
	Codec Codec
	// Config is the codec configuration; its form is stated at the Codec.
	Config []byte
	// SideInfo is what Enhanced RTMP says about the track beyond Config, as it
	// was sent and empty if nothing was: for video the AMF0 pairs of a Metadata
	// packet (colorInfo, that is HDR), for audio the body of a MultichannelConfig
	// packet. Only FLV and RTMP can carry it.
	SideInfo []byte

	// Profile is a short text such as "High 4.0" or "LC", empty if unknown.
	Profile string

	// Width and Height are in pixels after cropping, 0 if unknown. Video only.
	Width, Height int
	// FrameRate is frames per second as the codec configuration says it, 0 if
	// it does not. Video only.
	FrameRate float64

	// SampleRate is in Hz and Channels counts speakers, 0 if unknown. Audio only.
	SampleRate, Channels int
}

// ScriptTrack is the track of all script data frames. It is in no Layout.
var ScriptTrack = &Track{ID: -1, Kind: Data, Codec: ScriptData}

// Field is one entry of Metadata. Value is a string, a float64 or a bool.
type Field struct {
	Name  string
	Value any
}

// Metadata is what a publisher says about its stream (encoder, title, nominal
// rates) in the publisher's order. What tracks know themselves, such as codec
// and size, is not taken from here.
type Metadata []Field

// Layout is a snapshot of all tracks of a stream. It is immutable.
type Layout struct {
	// Epoch grows with every change of layout and with every publisher of the
	// stream, so that two layouts of one stream are the same exactly if their
	// epochs are.
	Epoch uint64
	// Tracks is ordered by ID.
	Tracks []*Track
	// Hinted tells, for each Kind, that the publisher announced a track of it.
	// It matters only while the layout is not Ready.
	Hinted [Kinds]bool
	// Ready reports that every hinted track was seen or that settling ended;
	// formats that must name all tracks at their start wait for it.
	Ready    bool
	Metadata Metadata
}

// First returns the layout's first track of kind k, or nil.
func (l *Layout) First(k Kind) *Track {
	if l == nil {
		return nil
	}
	for _, t := range l.Tracks {
		if t.Kind == k {
			return t
		}
	}
	return nil
}

// Lacks reports whether l has tracks and s selects none of them.
func (l *Layout) Lacks(s Selection) bool {
	return len(l.Tracks) > 0 && len(l.Select(s).Tracks) == 0
}

// Size returns about how many bytes l takes, in memory and written out.
func (l *Layout) Size() int64 {
	if l == nil {
		return 0
	}
	const fixed, perTrack, perField = 128, 192, 48
	n := fixed
	for _, t := range l.Tracks {
		n += perTrack + len(t.Config) + len(t.SideInfo)
	}
	for _, f := range l.Metadata {
		n += perField + len(f.Name)
		if s, ok := f.Value.(string); ok {
			n += len(s)
		}
	}
	return int64(n)
}

// Leads reports whether t is the layout's first track of its kind: the one that
// formats with a single track of a kind carry.
func (l *Layout) Leads(t *Track) bool {
	first := l.First(t.Kind)
	return first != nil && first.ID == t.ID
}

// Expects reports whether a track of kind k is there or, while the layout is
// still settling, was announced.
func (l *Layout) Expects(k Kind) bool {
	return l.First(k) != nil || (l != nil && !l.Ready && l.Hinted[k])
}

// Selection is the set of kinds that a viewer wants.
type Selection struct {
	NoVideo, NoAudio, NoData bool
}

// Has reports whether kind k is selected.
func (s Selection) Has(k Kind) bool {
	switch k {
	case Video:
		return !s.NoVideo
	case Audio:
		return !s.NoAudio
	}
	return !s.NoData
}

// Select returns l without the tracks that s leaves out; l itself if nothing
// is left out.
func (l *Layout) Select(s Selection) *Layout {
	if !s.NoVideo && !s.NoAudio {
		return l
	}
	out := *l
	out.Tracks = nil
	for _, t := range l.Tracks {
		if s.Has(t.Kind) {
			out.Tracks = append(out.Tracks, t)
		}
	}
	for k := range out.Hinted {
		out.Hinted[k] = out.Hinted[k] && s.Has(Kind(k))
	}
	return &out
}

package probe

import (
	"io"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/protocols/hls/hlsclient"
	"github.com/weirmedia/weir/remux/flv"
	"github.com/weirmedia/weir/remux/ts"
)

// The containers.
const (
	containerFLV = "FLV"
	containerTS  = "MPEG-TS"
	containerMP4 = "fMP4"
)

// Input is a piece of a stream: one of the fields is set, or none.
type Input struct {
	// Tag is one of FLV.
	Tag *flv.Tag
	// Frame is one of another container. Its track is in force from it on.
	Frame *av.Frame
	// Ignored tells in a few words why something cannot be used.
	Ignored string
}

// tags is a source of FLV, or of RTMP.
type tags struct {
	next func() (flv.Tag, error)
	io.Closer
}

// Read returns the next tag.
func (s tags) Read() (Input, error) {
	tag, err := s.next()
	if err != nil {
		return Input{}, err
	}
	return Input{Tag: &tag}, nil
}

// packets is a source of MPEG-TS.
type packets struct {
	next func() (ts.Packet, error)
	io.Closer
}

// Read returns the next frame, or why there is none.
func (s packets) Read() (Input, error) {
	p, err := s.next()
	return Input{Frame: p.Frame, Ignored: p.Why}, err
}

// frames is a source of fragmented MP4.
type frames struct {
	next func() (*av.Frame, error)
	io.Closer
	ids numbering
}

func newFrames(next func() (*av.Frame, error), c io.Closer) *frames {
	return &frames{next, c, numbering{}}
}

// Read returns the next frame.
func (s *frames) Read() (Input, error) {
	f, err := s.next()
	if err != nil {
		return Input{}, err
	}
	s.ids.number(f, 0)
	return Input{Frame: f}, nil
}

// renditions is a source of HLS.
type renditions struct {
	*hlsclient.Client
	ids numbering
}

func newRenditions(c *hlsclient.Client) *renditions { return &renditions{c, numbering{}} }

// Read returns the next frame, or why there is none.
func (s *renditions) Read() (Input, error) {
	p, err := s.Next()
	if err != nil {
		return Input{}, err
	}
	if p.Frame != nil {
		s.ids.number(p.Frame, p.Rendition)
	}
	return Input{Frame: p.Frame, Ignored: p.Why}, nil
}

// numbering gives tracks the ids that they have in FLV and MPEG-TS: video track
// number i has 2*i, audio track i has 2*i + 1.
type numbering map[numbered]*renumbered

type numbered struct {
	rendition, id int
	kind          av.Kind
}

type renumbered struct{ before, after *av.Track }

// number puts a copy of its track with its number into a frame.
func (n numbering) number(f *av.Frame, rendition int) {
	key := numbered{rendition, f.Track.ID, f.Track.Kind}
	known := n[key]
	if known == nil {
		id := int(f.Track.Kind)
		for other := range n {
			if other.kind == key.kind {
				id += int(av.Kinds)
			}
		}
		known = &renumbered{after: &av.Track{ID: id}}
		n[key] = known
	}
	if known.before != f.Track {
		t := *f.Track
		t.ID = known.after.ID
		known.before, known.after = f.Track, &t
	}
	f.Track = known.after
}

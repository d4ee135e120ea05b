package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/h264"
	"github.com/weirmedia/weir/remux/flv"
)

// Clip is a recording that is published in a loop. It is immutable and shared
// by all publishers.
type Clip struct {
	tags   []clipTag
	length uint64 // ms until the first tag is due again
}

// clipTag is a tag that may have room for a stamp.
type clipTag struct {
	flv.Tag
	stamp int // offset of the stamp in Body, 0 if there is none
}

// ReadClip reads an FLV file. Errors name the offset in it.
func ReadClip(r io.Reader) (*Clip, error) {
	reader := flv.NewReader(r)
	c := &Clip{}
	var last, interval [2]uint64 // of sound and of pictures
	for {
		tag, err := reader.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		c.tags = append(c.tags, clipTag{Tag: tag})
		what := contentOf(tag)
		if !what.media {
			continue
		}
		i := 0
		if what.video {
			i = 1
		}
		if at := uint64(tag.Timestamp); at > last[i] {
			interval[i], last[i] = at-last[i], at
		}
	}
	// The track that ends later tells how long the clip is.
	c.length = max(last[0]+interval[0], last[1]+interval[1])
	if c.length == 0 {
		return nil, errors.New("the clip has neither pictures nor sound that move on")
	}
	return c, nil
}

// Play calls write for each tag when it is due, over and over, with timestamps
// that go on from round to round. It returns nil when ctx ends, or write's error.
func (c *Clip) Play(ctx context.Context, write func(flv.Tag) error) error {
	begin := time.Now()
	for offset := uint64(0); ; offset += c.length {
		for _, t := range c.tags {
			at := offset + uint64(t.Timestamp)
			if !sleep(ctx, time.Until(begin.Add(time.Duration(at)*time.Millisecond))) {
				return nil
			}
			tag := t.Tag
			tag.Timestamp = uint32(at)
			if err := write(tag); err != nil {
				return err
			}
		}
	}
}

// tracks returns those that the clip has frames of.
func (c *Clip) tracks() (list []*av.Track) {
	var d flv.Demuxer
	known := map[int]bool{}
	for _, tag := range c.tags {
		packets, err := d.Decode(tag.Type, tag.Timestamp, tag.Body)
		if err != nil {
			continue // publishing tells
		}
		for _, p := range packets {
			if p.Frame != nil && p.Frame.Track.Kind != av.Data && !known[p.Frame.Track.ID] {
				known[p.Frame.Track.ID] = true
				list = append(list, p.Frame.Track)
			}
		}
	}
	return list
}

// marked returns a copy of c with room for a stamp in every picture.
func (c *Clip) marked() (*Clip, error) {
	out := &Clip{tags: slices.Clone(c.tags), length: c.length}
	lengthSize, count := 0, 0
	for i, tag := range out.tags {
		if record, ok := avcConfig(tag.Tag); ok {
			config, err := h264.ParseConfig(record)
			if err != nil {
				return nil, fmt.Errorf("tag at %d ms: %w", tag.Timestamp, err)
			}
			lengthSize = config.LengthSize
			continue
		}
		au, ok := avcPicture(tag.Tag)
		if !ok || lengthSize == 0 {
			continue
		}
		if marked, stamp, ok := insertMarker(au, lengthSize); ok {
			out.tags[i].Body = append(slices.Clone(tag.Body[:avcHeaderSize]), marked...)
			out.tags[i].stamp = avcHeaderSize + stamp
			count++
		}
	}
	if count == 0 {
		return nil, errors.New("the clip has no H.264 pictures, which alone can be marked")
	}
	return out, nil
}

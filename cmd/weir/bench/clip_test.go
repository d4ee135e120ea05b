package bench

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/weirmedia/weir/remux/flv"
)

// A sequence header with a record that has no PPS, and a key frame.
const (
	avcHeader = "\x17\x00\x00\x00\x00\x01\x42\xc0\x1e\xff\xe1\x00\x04\x67\x42\xc0\x1e\x00"
	avcKey    = "\x17\x01\x00\x00\x00\x00\x00\x00\x03\x65ab"
	avcInter  = "\x27\x01\x00\x00\x00\x00\x00\x00\x03\x41ab"
	aacHeader = "\xaf\x00\x12\x10"
	aacFrame  = "\xaf\x01\x21\x18"
)

// file makes an FLV file of bodies: those of sound begin with 0xAF.
func file(tags ...flv.Tag) []byte {
	b := flv.AppendFileHeader(nil, true, true)
	for _, t := range tags {
		b = flv.AppendTag(b, t.Type, t.Timestamp, t.Body)
	}
	return b
}

func videoTag(at uint32, body string) flv.Tag {
	return flv.Tag{Type: flv.VideoTag, Timestamp: at, Body: []byte(body)}
}
func audioTag(at uint32, body string) flv.Tag {
	return flv.Tag{Type: flv.AudioTag, Timestamp: at, Body: []byte(body)}
}

func TestReadClip(t *testing.T) {
	for _, test := range []struct {
		name   string
		file   []byte
		length uint64
		fails  bool
	}{
		{"pictures and sound", file(videoTag(0, avcHeader), videoTag(0, avcKey), audioTag(5, aacFrame), videoTag(40, avcInter), audioTag(28, aacFrame)), 80, false},
		{"sound ends later", file(videoTag(0, avcKey), videoTag(40, avcInter), audioTag(60, aacFrame), audioTag(90, aacFrame)), 120, false},
		{"sound only", file(audioTag(0, aacHeader), audioTag(0, aacFrame), audioTag(23, aacFrame)), 46, false},
		{"time of 32 bits", file(videoTag(0xFFFFFFF0, avcKey), videoTag(0xFFFFFFFF, avcInter)), 1<<32 + 14, false},
		{"one picture", file(videoTag(0, avcKey)), 0, true},
		{"no tags", file(), 0, true},
		{"not FLV", []byte("RIFF....AVI LIST"), 0, true},
		{"cut", file(videoTag(0, avcKey), videoTag(40, avcInter))[:40], 0, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := ReadClip(bytes.NewReader(test.file))
			if (err != nil) != test.fails {
				t.Fatal(err)
			}
			if err == nil && c.length != test.length {
				t.Errorf("%d ms long, want %d", c.length, test.length)
			}
		})
	}
}

func TestMarkedLeavesTheClipAlone(t *testing.T) {
	before := file(videoTag(0, avcHeader), videoTag(0, avcKey), audioTag(0, aacFrame), videoTag(40, avcInter))
	c, err := ReadClip(bytes.NewReader(before))
	if err != nil {
		t.Fatal(err)
	}
	marked, err := c.marked()
	if err != nil {
		t.Fatal(err)
	}
	if again := c.bytes(); !bytes.Equal(again, before) {
		t.Error("the clip itself has changed")
	}
	stamps := 0
	for i, tag := range marked.tags {
		if tag.stamp == 0 {
			if !bytes.Equal(tag.Body, c.tags[i].Body) {
				t.Errorf("tag %d has no stamp, and has changed", i)
			}
			continue
		}
		stamps++
		putStamp(tag.Body[tag.stamp:], Stamp{Number: 7, Time: 8})
		if s, ok := findStamp(tag.Body[avcHeaderSize:], 4); !ok || s != (Stamp{7, 8}) {
			t.Errorf("tag %d: stamp %v, %t", i, s, ok)
		}
	}
	if stamps != 2 {
		t.Errorf("%d stamps, want 2", stamps)
	}
}

func (c *Clip) bytes() []byte {
	var tags []flv.Tag
	for _, t := range c.tags {
		tags = append(tags, t.Tag)
	}
	return file(tags...)
}

// FuzzClip: whatever the file, its tags are kept, and those with room for a
// stamp return it.
func FuzzClip(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ReadClip(bytes.NewReader(b))
		if err != nil {
			if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("the end of the file is no error: %v", err)
			}
			return
		}
		if c.length == 0 {
			t.Fatal("a clip without length would be published in a loop without pause")
		}
		v := verifier{latency: &histogram{}}
		for _, tag := range c.tags {
			v.observe(tag.Tag, v.since)
		}
		marked, err := c.marked()
		if err != nil {
			return
		}
		stamped := 0
		for i, tag := range marked.tags {
			if tag.Timestamp != c.tags[i].Timestamp || len(tag.Body) < len(c.tags[i].Body) && tag.stamp == 0 {
				t.Fatalf("tag %d has changed", i)
			}
			if tag.stamp > 0 {
				stamped++
				putStamp(tag.Body[tag.stamp:], Stamp{Number: uint64(i), Time: 1})
			}
		}
		if len(marked.tags) != len(c.tags) || stamped == 0 {
			t.Fatalf("%d tags became %d with %d stamps", len(c.tags), len(marked.tags), stamped)
		}
	})
}

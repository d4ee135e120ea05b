package mediafile

import (
	"encoding/binary"
	"math"
	"slices"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/remux/flv"
	"github.com/weirmedia/weir/remux/fmp4"
)

// Sizes in bytes (E.2 to E.4).
const (
	flvHead    = 9
	flvTagHead = 11
	flvTagSize = 4 // the size of a tag that follows it
)

// flvFile is what is found in an FLV file.
type flvFile struct{ found Info }

// flvTag is where a tag is in a file.
type flvTag struct {
	kind   flv.TagType
	ms     uint32
	offset int64 // of its header
	size   int   // of its body
}

func (t flvTag) body() int64 { return t.offset + flvTagHead }

// end is where the tag after it begins.
func (t flvTag) end() int64 { return t.body() + int64(t.size) + flvTagSize }

func openFLV(in input) (opened, error) {
	var head [flvHead]byte
	if err := in.read(head[:], 0); err != nil {
		return nil, err
	}
	f := &flvFile{Info{Format: FLV, Head: int64(binary.BigEndian.Uint32(head[5:])) + flvTagSize}}
	d := new(flv.Demuxer)
	if err := f.begin(in, d); err != nil || f.found.Stream == "" {
		return f, err
	}
	if err := f.end(in); err != nil || f.found.Complete {
		return f, err
	}
	return f, f.walk(in, d)
}

// flvTag reads the header of the tag at an offset; false if the file does not have all
// of a tag there.
func (in input) flvTag(offset int64) (t flvTag, ok bool, err error) {
	if offset < 0 || in.size-offset < flvTagHead+flvTagSize {
		return t, false, nil
	}
	var b [flvTagHead]byte
	if err := in.read(b[:], offset); err != nil {
		return t, false, err
	}
	t = flvTag{
		kind: flv.TagType(b[0]), offset: offset,
		size: int(b[1])<<16 | int(b[2])<<8 | int(b[3]),
		ms:   uint32(b[7])<<24 | uint32(b[4])<<16 | uint32(b[5])<<8 | uint32(b[6]),
	}
	if t.kind != flv.AudioTag && t.kind != flv.VideoTag && t.kind != flv.ScriptTag || t.end() > in.size {
		return t, false, nil
	}
	var size [flvTagSize]byte
	err = in.read(size[:], t.end()-flvTagSize)
	return t, binary.BigEndian.Uint32(size[:]) == uint32(flvTagHead+t.size), err
}

// packets decodes the body of a tag. What is broken in it is left out.
func (in input) packets(d *flv.Demuxer, t flvTag) ([]flv.Packet, error) {
	body := make([]byte, t.size)
	if err := in.read(body, t.body()); err != nil {
		return nil, err
	}
	packets, _ := d.Decode(t.kind, t.ms, body)
	return packets, nil
}

// begin reads the first tags: which stream it is, and the tracks. It ends with the
// first frame after which no announced track is missing.
func (f *flvFile) begin(in input, d *flv.Demuxer) error {
	const maxTags, maxBytes = 1000, 16 << 20
	var missing [av.Kinds]bool
	framed := false
	for at, tags := f.found.Head, 0; tags < maxTags && at < maxBytes; tags++ {
		t, ok, err := in.flvTag(at)
		if err != nil || !ok {
			return err
		}
		packets, err := in.packets(d, t)
		if err != nil {
			return err
		}
		for _, p := range packets {
			if p.Kind == flv.MetadataPacket && tags == 0 {
				f.found.Header, missing = flvHeader(p.Metadata), p.Hinted
			}
			if p.Track != nil {
				f.addTrack(p.Track)
				missing[p.Track.Kind] = false
			}
			framed = framed || p.Kind == flv.FramePacket
		}
		if framed && !missing[av.Video] && !missing[av.Audio] {
			return nil
		}
		at = t.end()
	}
	return nil
}

// addTrack adds t, or has it replace the one with its ID.
func (f *flvFile) addTrack(t *av.Track) {
	i, known := slices.BinarySearchFunc(f.found.Tracks, t, func(a, b *av.Track) int { return a.ID - b.ID })
	if known {
		f.found.Tracks[i] = t
		return
	}
	f.found.Tracks = slices.Insert(f.found.Tracks, i, t)
}

func flvHeader(m av.Metadata) (h Header) {
	for _, field := range m {
		text, _ := field.Value.(string)
		switch field.Name {
		case fieldStream:
			h.Stream = text
		case fieldStart:
			h.Start, _ = time.Parse(time.RFC3339Nano, text) // zero if it is none
		}
	}
	return Header{h.Stream, h.Start.UTC()}
}

// end looks whether the file ends as we end files.
func (f *flvFile) end(in input) error {
	const maxEnd = 1 << 10
	var last [flvTagSize]byte
	if err := in.read(last[:], in.size-flvTagSize); err != nil {
		return err
	}
	size := int64(binary.BigEndian.Uint32(last[:]))
	if size > maxEnd {
		return nil
	}
	t, ok, err := in.flvTag(in.size - flvTagSize - size)
	if err != nil || !ok || t.kind != flv.ScriptTag || t.end() != in.size {
		return err
	}
	packets, err := in.packets(new(flv.Demuxer), t)
	for _, p := range packets {
		for _, field := range p.Metadata {
			switch v := field.Value.(type) {
			case bool:
				f.found.Complete = f.found.Complete || field.Name == fieldComplete && v
			case float64:
				const longest = float64(100 * 366 * 24 * time.Hour)
				if ns := v * float64(time.Second); field.Name == fieldDuration && ns >= 0 && ns < longest {
					f.found.Duration = time.Duration(math.Round(ns))
				}
			}
		}
	}
	f.found.Good = in.size
	return err
}

// walk goes over all tags, of which it reads the headers and what follows them, up to
// the first that is not whole.
func (f *flvFile) walk(in input, d *flv.Demuxer) error {
	var last [av.Kinds]struct {
		tag       flvTag
		durations fmp4.Durations
	}
	at := f.found.Head
	for {
		t, ok, err := in.flvTag(at)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		at = t.end()
		kind := map[flv.TagType]av.Kind{flv.AudioTag: av.Audio, flv.VideoTag: av.Video, flv.ScriptTag: av.Data}[t.kind]
		l := &last[kind]
		l.tag = t
		l.durations.Set((&av.Layout{Tracks: f.found.Tracks}).First(kind))
		if l.durations.Track != nil {
			l.durations.Observe(&av.Frame{DTS: int64(t.ms) * int64(time.Millisecond)})
		}
	}
	f.found.Good = min(at, in.size)
	f.found.Duration = 0
	for _, l := range last[:av.Data] {
		if l.durations.Track == nil || l.tag.size == 0 {
			continue
		}
		packets, err := in.packets(d, l.tag)
		if err != nil {
			return err
		}
		for _, p := range packets {
			if p.Kind == flv.FramePacket {
				f.found.Duration = max(f.found.Duration, time.Duration(int64(l.tag.ms)*int64(time.Millisecond)+l.durations.Of(p.Frame)))
			}
		}
	}
	return nil
}

// info implements opened.
func (f *flvFile) info() Info { return f.found }

// appendEnd implements opened.
func (f *flvFile) appendEnd(dst []byte) []byte { return appendFLVEnd(dst, int64(f.found.Duration)) }

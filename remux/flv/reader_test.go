package flv

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

func readAll(r io.Reader) (tags []Tag, err error) {
	for reader := NewReader(r); ; {
		t, err := reader.Next()
		if err != nil {
			return tags, err
		}
		tags = append(tags, t)
	}
}

func TestReader(t *testing.T) {
	large := bytes.Repeat([]byte("0123456789"), 30_000) // read in several steps
	file := AppendFileHeader(nil, true, false)
	file = AppendTag(file, AudioTag, 0xFEDCBA98, []byte{1, 2}, []byte{3})
	file = AppendTag(file, ScriptTag, 0, nil)
	file = AppendTag(file, 0x29, 5, large) // filtered
	for name, r := range map[string]io.Reader{
		"at once":                     bytes.NewReader(file),
		"byte by byte":                iotest.OneByteReader(bytes.NewReader(file)),
		"data with the error":         iotest.DataErrReader(bytes.NewReader(file)),
		"without the last size":       bytes.NewReader(file[:len(file)-previousTagSize]),
		"wrong PreviousTagSize":       bytes.NewReader(bytes.Replace(file, []byte{0, 0, 0, 14}, []byte{0xFF, 0, 0xFF, 7}, 1)),
		"longer header":               io.MultiReader(bytes.NewReader(unhex(t, "464c5601040000000b eeee")), bytes.NewReader(file[fileHeaderSize:])),
		"reserved bits in a tag type": bytes.NewReader(bytes.Replace(file, []byte{8, 0, 0, 3}, []byte{0xC8, 0, 0, 3}, 1)),
	} {
		t.Run(name, func(t *testing.T) {
			reader := NewReader(r)
			if h, err := reader.Header(); err != nil || h != (Header{HasAudio: true}) {
				t.Fatalf("header %+v, %v", h, err)
			}
			for i, want := range []Tag{{AudioTag, 0xFEDCBA98, []byte{1, 2, 3}}, {ScriptTag, 0, nil}, {0x29, 5, large}} {
				got, err := reader.Next()
				if err != nil || got.Type != want.Type || got.Timestamp != want.Timestamp || !bytes.Equal(got.Body, want.Body) {
					t.Fatalf("tag %d: type %d at %d, %d bytes, %v", i, got.Type, got.Timestamp, len(got.Body), err)
				}
			}
			for range 2 {
				if got, err := reader.Next(); err != io.EOF {
					t.Fatalf("after the end: %+v, %v", got, err)
				}
			}
		})
	}
}

func TestReaderErrors(t *testing.T) {
	broken := errors.New("line cut")
	file := AppendTag(AppendFileHeader(nil, true, true), AudioTag, 0, make([]byte, 100))
	for _, c := range []struct {
		name string
		r    io.Reader
		want string
		is   error
	}{
		{"empty", strings.NewReader(""), "file header at offset 0", io.ErrUnexpectedEOF},
		{"cut header", bytes.NewReader(file[:5]), "file header at offset 0", io.ErrUnexpectedEOF},
		{"MP4", strings.NewReader("\x00\x00\x00\x20ftypisom"), "not an FLV file", nil},
		{"version 2", strings.NewReader("FLV\x02\x05\x00\x00\x00\x09"), "version 2 at offset 3", nil},
		{"header size 8", strings.NewReader("FLV\x01\x05\x00\x00\x00\x08"), "header size 8 at offset 5", nil},
		{"header size 4 GB", strings.NewReader("FLV\x01\x05\xff\xff\xff\xff"), "header size 4294967295", nil},
		{"header announced longer", strings.NewReader("FLV\x01\x05\x00\x00\x00\x0a"), "file header at offset 9", io.ErrUnexpectedEOF},
		{"cut in PreviousTagSize", bytes.NewReader(file[:11]), "tag header at offset 9", io.ErrUnexpectedEOF},
		{"cut in the tag header", bytes.NewReader(file[:20]), "tag header at offset 9", io.ErrUnexpectedEOF},
		{"cut before the body", bytes.NewReader(file[:24]), "tag body at offset 24", io.ErrUnexpectedEOF},
		{"cut in the body", bytes.NewReader(file[:60]), "tag body at offset 24", io.ErrUnexpectedEOF},
		{"failing input", io.MultiReader(bytes.NewReader(file[:13]), iotest.ErrReader(broken)), "tag header at offset 9", broken},
	} {
		t.Run(c.name, func(t *testing.T) {
			reader := NewReader(c.r)
			_, first := reader.Next()
			if first == nil || !strings.Contains(first.Error(), c.want) || (c.is != nil && !errors.Is(first, c.is)) {
				t.Fatalf("error %v, want one with %q", first, c.want)
			}
			if _, err := reader.Next(); err != first {
				t.Errorf("second error %v", err)
			}
		})
	}
}

func TestReaderDoesNotTrustSizes(t *testing.T) {
	file := append(AppendFileHeader(nil, true, true), 9, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0)
	const runs = 10
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		if _, err := readAll(bytes.NewReader(file)); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / runs; each > 256<<10 {
		t.Errorf("a tag that announces 16 MB and has none costs %d bytes", each)
	}
}

// TestRoundTrip takes files that ffmpeg made through Demuxer and Muxer: all
// but the metadata must come out as it was.
func TestRoundTrip(t *testing.T) {
	for name, wantFrames := range map[string]int{"bframes.flv": 29, "mp3.flv": 10} {
		t.Run(name, func(t *testing.T) {
			d := new(Demuxer)
			var want, got []byte
			frames, keys, reordered := 0, 0, 0
			for _, tag := range fixture(t, name) {
				p, err := decodeOne(t, d, tag.Type, tag.Timestamp, tag.Body)
				if err != nil {
					t.Fatal(err)
				}
				switch p.Kind {
				case ConfigPacket:
					got = AppendTag(got, TagTypeOf(p.Track.Kind), tag.Timestamp, configBody(p.Track, singleTrack))
				case FramePacket:
					frames++
					if p.Frame.Key {
						keys++
					}
					if p.Frame.PTS != p.Frame.DTS {
						reordered++
					}
					if got, err = new(Muxer).AppendFrame(got, p.Frame, nil, false); err != nil {
						t.Fatal(err)
					}
				case MetadataPacket, EndPacket:
					continue
				default:
					t.Fatalf("packet %+v", p)
				}
				want = AppendTag(want, tag.Type, tag.Timestamp, tag.Body)
			}
			if !bytes.Equal(got, want) {
				t.Error("tags differ")
			}
			if frames != wantFrames {
				t.Errorf("%d frames, want %d", frames, wantFrames)
			}
			if trackOf(d, VideoTrackID) != nil && (keys != 2 || reordered == 0) {
				t.Errorf("%d key frames, %d reordered", keys, reordered)
			}
		})
	}
}

// fixture returns the tags of a file in testdata.
func fixture(t *testing.T, name string) []Tag {
	t.Helper()
	file, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	tags, err := readAll(bytes.NewReader(file))
	if err != io.EOF {
		t.Fatal(err)
	}
	return tags
}

// FuzzReader reads any bytes as an FLV file, demuxes what it finds and muxes it
// again: the second round must give the same frames.
func FuzzReader(f *testing.F) {
	for _, name := range []string{"bframes.flv", "mp3.flv", "hdr.flv", "vp9.flv", "multitrack.flv", "eac3.flv"} {
		file, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		tags, err := readAll(bytes.NewReader(file))
		if err == nil {
			t.Fatal("an input without end")
		}
		var first, second Demuxer
		size := 0
		for _, tag := range tags {
			size += len(tag.Body)
			checkTag(t, &first, &second, tag)
		}
		if size > len(file) {
			t.Fatalf("bodies of %d bytes in a file of %d", size, len(file))
		}
	})
}

// FuzzDecode gives a tag to Demuxers that know codec configurations.
func FuzzDecode(f *testing.F) {
	f.Fuzz(func(t *testing.T, tag byte, timestamp uint32, body []byte) {
		checkTag(t, configured(t), configured(t), Tag{Type: TagType(tag), Timestamp: timestamp, Body: body})
		checkTag(t, wellConfigured(t), wellConfigured(t), Tag{Type: TagType(tag), Timestamp: timestamp, Body: body})
	})
}

var everything = Options{Multitrack: true, Nanoseconds: true}

// sameTime compares the DTS that came out with the one that went in, to the
// nanosecond if body can say it and modulo 2^31 ms, which the clock unwraps.
func sameTime(out, in int64, body []byte) bool {
	if enhanced := body[0]&videoExHeader != 0; enhanced && out%nanosecondsPerMillisecond != (in%nanosecondsPerMillisecond+nanosecondsPerMillisecond)%nanosecondsPerMillisecond {
		return false
	}
	return Milliseconds(out) == Milliseconds(in)
}

// checkTag demuxes tag with first, muxes what it holds and demuxes that with
// second.
func checkTag(t *testing.T, first, second *Demuxer, tag Tag) {
	t.Helper()
	packets, err := first.Decode(tag.Type, tag.Timestamp, tag.Body)
	if err != nil && reason.Of(err, "") != reason.BadMedia {
		t.Fatalf("reason %q of %v", reason.Of(err, ""), err)
	}
	if len(first.sources) > maxTracks || len(packets) > len(tag.Body)+1 {
		t.Fatalf("%d tracks, %d packets from %d bytes", len(first.sources), len(packets), len(tag.Body))
	}
	for _, p := range packets {
		checkPacket(t, second, p)
	}
}

func checkPacket(t *testing.T, second *Demuxer, p Packet) {
	t.Helper()
	if (p.Kind == IgnoredPacket) != (p.Why != "") || (p.Kind == ConfigPacket && p.Track == nil) {
		t.Fatalf("packet %+v", p)
	}
	if p.Track != nil {
		checkConfig(t, second, p.Track)
	}
	if p.Frame != nil {
		checkFrame(t, second, p.Frame)
	}
	l := &av.Layout{Metadata: p.Metadata, Hinted: p.Hinted}
	if len(AppendMetadataBody(nil, l, 0, everything)) > 10*maxMetadata {
		t.Fatalf("metadata of %d fields grows without bound", len(p.Metadata))
	}
}

// alone returns the layout of a track in multitrack form, if there is one, and
// the form. The track in front is there to be the first.
func alone(track *av.Track) (*av.Layout, form) {
	front := &av.Track{ID: -2, Kind: track.Kind, Codec: av.AAC}
	l := &av.Layout{Tracks: []*av.Track{front, track}}
	if form := everything.formOf(l, track); track.ID > AudioTrackID && form == multitrack {
		return l, form
	}
	return nil, singleTrack
}

// checkConfig muxes the headers of track and demuxes them with d.
func checkConfig(t *testing.T, d *Demuxer, track *av.Track) {
	t.Helper()
	_, form := alone(track)
	for _, b := range appendTrackBodies(nil, track, form) {
		packets, err := d.Decode(TagTypeOf(b.Kind), 0, b.Bytes)
		if err != nil {
			t.Fatalf("%x of %+v comes back as %v", b.Bytes, track, err)
		}
		for _, p := range packets {
			if p.Kind == ConfigPacket && (p.Track.Codec != track.Codec || !bytes.Equal(p.Track.Config, track.Config)) {
				t.Fatalf("%+v comes back as %+v", track, p.Track)
			}
		}
	}
}

// checkFrame muxes f and demuxes it with d.
func checkFrame(t *testing.T, d *Demuxer, f *av.Frame) {
	t.Helper()
	muxed := *f
	muxed.Layout, _ = alone(f.Track)
	tag, err := (&Muxer{everything}).AppendFrame(AppendFileHeader(nil, true, true), &muxed, muxed.Layout, false)
	if err != nil {
		t.Fatal(err)
	}
	tags, err := readAll(bytes.NewReader(tag))
	if err != io.EOF || len(tags) != 1 {
		t.Fatalf("%d tags, %v", len(tags), err)
	}
	packets, err := d.Decode(tags[0].Type, tags[0].Timestamp, tags[0].Body)
	if err != nil || len(packets) != 1 || packets[0].Frame == nil {
		t.Fatalf("%+v comes back as %+v, %v", f, packets, err)
	}
	g := packets[0].Frame
	if g.PTS-g.DTS != f.PTS-f.DTS || !sameTime(g.DTS, f.DTS, tags[0].Body) || g.Key != f.Key || g.Track.Codec != f.Track.Codec || !bytes.Equal(g.Payload, f.Payload) {
		t.Fatalf("%+v comes back as %+v", f, g)
	}
}

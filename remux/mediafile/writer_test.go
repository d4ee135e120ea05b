package mediafile

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// What is published is in the file: each packet with its times, from 0 on.
func TestWriterKeepsFrames(t *testing.T) {
	for name, formats := range fixtures {
		for _, format := range formats {
			t.Run(name+"."+string(format), func(t *testing.T) {
				c := fixture(t, name)
				first := c.first()
				got := frames(t, format, whole(t, format, c))
				for _, track := range c.layout.Tracks {
					published, written := of(c.frames, track.ID), of(got, track.ID)
					if len(published) != len(written) {
						t.Errorf("%d frames of track %d, want %d", len(written), track.ID, len(published))
						continue
					}
					for i, f := range published {
						compare(t, format, f, written[i], first)
					}
				}
			})
		}
	}
}

// compare fails the test unless got is want, with times that count from first on.
func compare(t *testing.T, format Format, want, got *av.Frame, first int64) {
	t.Helper()
	near := int64(time.Second) / 40000 // a tick of the coarsest timescale is rounded by half
	if format == FLV {
		near = ms / 2
	}
	if d := got.DTS - (want.DTS - first); d < -near || d > near {
		t.Errorf("DTS %d, want %d", got.DTS, want.DTS-first)
	}
	if d := got.PTS - (want.PTS - first); d < -2*near || d > 2*near {
		t.Errorf("PTS %d, want %d", got.PTS, want.PTS-first)
	}
	if got.Key != want.Key {
		t.Errorf("key is %v", got.Key)
	}
	// MPEG-TS has the parameter sets of key frames in band, and delimiters nowhere.
	if format != TS && !bytes.Equal(got.Payload, want.Payload) {
		t.Errorf("%x is another payload than %x", got.Payload, want.Payload)
	}
}

// frame returns a frame of a track.
func frame(t *av.Track, dts int64, key bool) *av.Frame {
	return &av.Frame{Track: t, DTS: dts, PTS: dts, Key: key, Payload: []byte{0, 0, 0, 4, 0x41, 0x9A, 0x02, 0x03}}
}

// A file begins with the least time of its first fragment; what comes later from
// before is left out, and so are frames of tracks that the file does not have.
func TestWriterBegins(t *testing.T) {
	for _, format := range Formats() {
		c := fixture(t, "bframes")
		video, audio := c.layout.Tracks[0], c.layout.Tracks[1]
		other := *video
		other.Config = append(bytes.Clone(video.Config), 0)
		again := *audio // of the next publisher
		var b file
		w, err := NewWriter(&b, format, header, c.layout)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []*av.Frame{
			frame(video, 5000*ms, true), frame(audio, 4990*ms, false), frame(av.ScriptTrack, 5000*ms, false),
			frame(video, 7000*ms, true), frame(audio, 4980*ms, false), frame(&again, 7010*ms, false), frame(&other, 7040*ms, false),
		} {
			if err := w.Write(f, f.Key); err != nil {
				t.Fatal(err)
			}
		}
		if w.Duration() < 2060*time.Millisecond || w.Duration() > 2070*time.Millisecond {
			t.Errorf("%s: %v", format, w.Duration())
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got := frames(t, format, b.Bytes())
		if v := of(got, 0); len(v) != 2 || v[0].DTS != 10*ms || v[1].DTS != 2010*ms {
			t.Errorf("%s: video %v", format, v)
		}
		if a := of(got, 1); len(a) != 2 || a[0].DTS != 0 || a[1].DTS < 2019*ms || a[1].DTS > 2021*ms {
			t.Errorf("%s: audio %v", format, a)
		}
	}
}

// A track that pauses does not end the fragments of others early, and what was held
// of it is written.
func TestWriterPausedTrack(t *testing.T) {
	c := fixture(t, "bframes")
	video, audio := c.layout.Tracks[0], c.layout.Tracks[1]
	var b writes
	w, err := NewWriter(&b, MP4, header, c.layout)
	if err != nil {
		t.Fatal(err)
	}
	for i := range int64(250) {
		f := frame(video, i*40*ms, i%50 == 0)
		if err := w.Write(f, f.Key); err != nil {
			t.Fatal(err)
		}
		if i < 10 {
			if err := w.Write(frame(audio, i*40*ms, false), false); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(b.ends); n < 10 || n > 13 {
		t.Errorf("%d writes for ten seconds", n)
	}
	if got := frames(t, MP4, b.Bytes()); len(of(got, 0)) != 250 || len(of(got, 1)) != 10 {
		t.Errorf("%d and %d frames", len(of(got, 0)), len(of(got, 1)))
	}
}

// What is held is bounded in bytes too.
func TestWriterHoldsLittle(t *testing.T) {
	c := fixture(t, "bframes")
	var b writes
	w, err := NewWriter(&b, TS, header, c.layout)
	if err != nil {
		t.Fatal(err)
	}
	big := frame(c.layout.Tracks[0], 0, true)
	big.Payload = make([]byte, 3<<20)
	copy(big.Payload, []byte{0, 0x2F, 0xFF, 0xFC, 0x65})
	for i := range int64(9) {
		f := *big
		f.DTS, f.PTS = i*ms, i*ms
		if err := w.Write(&f, i == 0); err != nil {
			t.Fatal(err)
		}
		if held := w.Bytes() - int64(b.Len()); held > maxGroupBytes {
			t.Fatalf("%d bytes are held", held)
		}
	}
}

// What is held is bounded in frames as well: a fragment of more could not be read again.
func TestWriterOfTinyFrames(t *testing.T) {
	const n = 70_000
	c := fixture(t, "opus")
	var b file
	w, err := NewWriter(&b, MP4, header, c.layout)
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		f := *c.frames[0] // time stands still
		f.Payload = f.Payload[:1]
		if err := w.Write(&f, false); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := Describe(b.reader(), int64(b.Len()))
	if err != nil || !info.Complete {
		t.Errorf("%d of %d bytes are whole: %v", info.Good, b.Len(), err)
	}
}

// Viewers may begin at a time that is less than the one before: while the picture hangs
// they begin with sound, and what comes of it then is late.
func TestStartsThatGoBack(t *testing.T) {
	for _, format := range []Format{MP4, TS} {
		c := fixture(t, "bframes")
		video, audio := c.layout.Tracks[0], c.layout.Tracks[1]
		var b file
		w, err := NewWriter(&b, format, header, c.layout)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []*av.Frame{frame(video, 0, true), frame(audio, 6000*ms, true), frame(video, 1000*ms, true), frame(video, 8000*ms, true)} {
			if err := w.Write(f, true); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		info, err := Describe(b.reader(), int64(b.Len()))
		if err != nil || !info.Complete || info.Duration < 8*time.Second {
			t.Fatalf("%s: %+v %v", format, info, err)
		}
		for i, c := range info.Chunks {
			if c.Bytes <= 0 || c.Duration < 0 || i > 0 && c.Start < info.Chunks[i-1].Start {
				t.Errorf("%s: %+v", format, info.Chunks)
			}
		}
	}
}

func TestFits(t *testing.T) {
	c := fixture(t, "bframes")
	video, audio := *c.layout.Tracks[0], *c.layout.Tracks[1]
	phone := &av.Track{ID: 3, Kind: av.Audio, Codec: av.G711A, SampleRate: 8000, Channels: 1}
	larger := video
	larger.Config, larger.Width = append(bytes.Clone(video.Config), 0), 2*video.Width
	for _, test := range []struct {
		name   string
		tracks []*av.Track
		fits   bool
	}{
		{"the same", []*av.Track{&video, &audio}, true},
		{"another configuration", []*av.Track{&larger, &audio}, false},
		{"one less", []*av.Track{&video}, false},
		{"one more that is left out", []*av.Track{&video, &audio, phone}, true},
	} {
		w, err := NewWriter(new(file), MP4, header, c.layout)
		if err != nil {
			t.Fatal(err)
		}
		l := &av.Layout{Tracks: test.tracks, Ready: true, Epoch: 2}
		for range 2 {
			if w.Fits(l) != test.fits {
				t.Errorf("%s: fits is %t", test.name, !test.fits)
			}
		}
	}
}

func TestNewWriterRefuses(t *testing.T) {
	broken := &av.Layout{Ready: true, Tracks: []*av.Track{{Kind: av.Video, Codec: av.H264, Config: []byte{1}}}}
	phone := &av.Layout{Ready: true, Tracks: []*av.Track{{ID: 1, Kind: av.Audio, Codec: av.G711A, SampleRate: 8000}}}
	for _, test := range []struct {
		name   string
		format Format
		layout *av.Layout
		why    reason.Reason
	}{
		{"nothing", MP4, &av.Layout{Ready: true}, reason.Unsupported},
		{"G.711 in MP4", MP4, phone, reason.Unsupported},
		{"G.711 in MPEG-TS", TS, phone, reason.Unsupported},
		{"another format", "mkv", fixture(t, "opus").layout, reason.Unsupported},
		{"a broken configuration", MP4, broken, reason.BadMedia},
	} {
		var b file
		if _, err := NewWriter(&b, test.format, header, test.layout); reason.Of(err, "") != test.why || b.Len() > 0 {
			t.Errorf("%s: %v, %d bytes", test.name, err, b.Len())
		}
	}
	for _, format := range []Format{MP4, TS} {
		if l := LeftOut(format, phone); len(l) != 1 || l[0].Codec != "G.711 A-law" {
			t.Errorf("%s leaves out %v", format, l)
		}
	}
}

// full is a disk that takes so many bytes.
type full struct{ room int }

var errFull = errors.New("no space left")

func (f *full) Write(b []byte) (int, error) {
	n := min(len(b), f.room)
	f.room -= n
	if n < len(b) {
		return n, errFull
	}
	return n, nil
}

// An error of the disk is returned, and returned again.
func TestWriterOnFullDisk(t *testing.T) {
	c := fixture(t, "bframes").repeated(3)
	for _, format := range Formats() {
		if _, err := NewWriter(&full{10}, format, header, c.layout); !errors.Is(err, errFull) {
			t.Errorf("%s: %v", format, err)
		}
		w, err := NewWriter(&full{4000}, format, header, c.layout)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range c.frames {
			err = errors.Join(err, w.Write(f, c.starts(f)))
		}
		if !errors.Is(err, errFull) || !errors.Is(w.Flush(), errFull) || !errors.Is(w.Close(), errFull) {
			t.Errorf("%s: %v", format, err)
		}
	}
}

// TestLetsGo: what was written of payloads is not looked at again.
func TestLetsGo(t *testing.T) {
	for _, format := range Formats() {
		t.Run(string(format), func(t *testing.T) {
			c := fixture(t, "bframes").repeated(3)
			want := whole(t, format, c)
			for _, f := range c.frames {
				f.Payload = bytes.Clone(f.Payload)
			}
			var b file
			w, err := NewWriter(&b, format, header, c.layout)
			if err != nil {
				t.Fatal(err)
			}
			fragments := 0
			for i, f := range c.frames {
				before := b.Len()
				if err := w.Write(f, c.starts(f)); err != nil {
					t.Fatal(err)
				}
				if b.Len() > before {
					fragments++
					for _, f := range c.frames[:i] {
						clear(f.Payload)
					}
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if fragments < 3 || !bytes.Equal(b.Bytes(), want) {
				t.Errorf("%d fragments, %d bytes that are not the %d of the untouched", fragments, b.Len(), len(want))
			}
		})
	}
}

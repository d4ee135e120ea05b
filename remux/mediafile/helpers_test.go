package mediafile

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/remux/flv"
	"github.com/weirmedia/weir/remux/flv/flvtest"
	"github.com/weirmedia/weir/remux/fmp4"
	"github.com/weirmedia/weir/remux/ts"
)

const ms = int64(time.Millisecond)

var header = Header{Stream: "live/test", Start: time.Date(2026, 11, 21, 15, 4, 5, 123_000_000, time.UTC)}

// clip is what is published.
type clip struct {
	layout *av.Layout
	frames []*av.Frame
}

// fixtures are the clips of package flv, and which formats carry all of their tracks.
var fixtures = map[string][]Format{
	"bframes": {MP4, FLV, TS}, "hevc": {MP4, FLV, TS}, "hdr": {MP4, FLV, TS}, "av1": {MP4, FLV}, "vp9": {MP4, FLV},
	"opus": {MP4, FLV, TS}, "flac": {MP4, FLV}, "ac3": {MP4, FLV, TS}, "eac3": {MP4, FLV, TS}, "mp3": {MP4, FLV, TS},
	"alaw": {FLV}, "multitrack": {MP4, FLV, TS},
}

// fixture reads a clip. It begins at a time of the stream that is not 0.
func fixture(t testing.TB, name string) clip {
	t.Helper()
	const begin = 1234567 * ms
	c, tracks := clip{}, make(map[int]*av.Track)
	for _, p := range flvtest.Packets(t, "../flv/testdata/"+name+".flv") {
		if p.Track != nil {
			tracks[p.Track.ID] = p.Track
		}
		if p.Kind == flv.FramePacket {
			f := *p.Frame
			f.DTS, f.PTS = f.DTS+begin, f.PTS+begin
			c.frames = append(c.frames, &f)
		}
	}
	c.layout = &av.Layout{Ready: true, Epoch: 1}
	for _, track := range tracks {
		c.layout.Tracks = append(c.layout.Tracks, track)
	}
	slices.SortFunc(c.layout.Tracks, func(a, b *av.Track) int { return a.ID - b.ID })
	for _, f := range c.frames {
		f.Track = tracks[f.Track.ID]
	}
	return c
}

// repeated returns c with its frames n times, one after the other.
func (c clip) repeated(n int) clip {
	var length int64
	for _, f := range c.frames {
		length = max(length, f.DTS-c.frames[0].DTS+40*ms)
	}
	out := clip{layout: c.layout}
	for i := range n {
		for _, f := range c.frames {
			g := *f
			g.DTS, g.PTS = g.DTS+int64(i)*length, g.PTS+int64(i)*length
			out.frames = append(out.frames, &g)
		}
	}
	return out
}

// starts reports whether viewers may begin at f, as the bus has it, but for streams
// without video, in which every frame is a start here.
func (c clip) starts(f *av.Frame) bool {
	if c.layout.First(av.Video) == nil {
		return true
	}
	return f.Key && c.layout.Leads(f.Track)
}

// first is the time of the stream at which the file begins.
func (c clip) first() int64 {
	first := c.frames[0].DTS
	for _, f := range c.frames {
		first = min(first, f.DTS)
	}
	return first
}

// file is a file in memory.
type file struct{ bytes.Buffer }

func (f *file) reader() *bytes.Reader { return bytes.NewReader(f.Bytes()) }

// record writes c and returns the writer, which is not closed.
func record(t testing.TB, to io.Writer, format Format, c clip) *Writer {
	t.Helper()
	w, err := NewWriter(to, format, header, c.layout)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range c.frames {
		if err := w.Write(f, c.starts(f)); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// whole returns a complete file of c.
func whole(t testing.TB, format Format, c clip) []byte {
	t.Helper()
	var b file
	w := record(t, &b, format, c)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if int64(b.Len()) != w.Bytes() {
		t.Errorf("%d bytes, Bytes says %d", b.Len(), w.Bytes())
	}
	return b.Bytes()
}

// frames reads a file with the demuxer of its format.
func frames(t testing.TB, format Format, b []byte) (out []*av.Frame) {
	t.Helper()
	add := func(f *av.Frame) { out = append(out, f) }
	var err error
	switch format {
	case MP4:
		for d := fmp4.NewDemuxer(bytes.NewReader(b)); err == nil; {
			var f *av.Frame
			if f, err = d.Next(); err == nil {
				add(f)
			}
		}
	case FLV:
		d := new(flv.Demuxer)
		for r := flv.NewReader(bytes.NewReader(b)); err == nil; {
			var tag flv.Tag
			if tag, err = r.Next(); err != nil {
				break
			}
			packets, err := d.Decode(tag.Type, tag.Timestamp, tag.Body)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range packets {
				if p.Kind == flv.FramePacket {
					add(p.Frame)
				}
			}
		}
	case TS:
		for d := ts.NewDemuxer(bytes.NewReader(b)); err == nil; {
			var p ts.Packet
			if p, err = d.Next(); err == nil && p.Kind == ts.FramePacket {
				p.Frame.DTS, p.Frame.PTS = p.Frame.DTS-int64(time.Second), p.Frame.PTS-int64(time.Second)
				add(p.Frame)
			}
		}
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return out
}

// of returns the frames of a track.
func of(frames []*av.Frame, id int) (out []*av.Frame) {
	for _, f := range frames {
		if f.Track.ID == id {
			out = append(out, f)
		}
	}
	return out
}

// run runs a program for at most a minute and returns what it prints on standard
// output. The test fails if it is not there.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Fatalf("%v: make clients installs it", err)
	}
	var out, errs bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil || errs.Len() > 0 {
		t.Errorf("%s %v: %v\n%s", name, args, err, errs.String())
	}
	return out.String()
}

// save writes b to a file of the test.
func save(t testing.TB, name string, b []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

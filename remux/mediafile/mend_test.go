package mediafile

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
)

// cut is a file in memory that can be mended.
type cut struct{ b []byte }

func (c *cut) ReadAt(b []byte, at int64) (int, error) { return bytes.NewReader(c.b).ReadAt(b, at) }

func (c *cut) Truncate(size int64) error {
	c.b = c.b[:size:size]
	return nil
}

func (c *cut) WriteAt(b []byte, at int64) (int, error) {
	if at != int64(len(c.b)) {
		return 0, io.ErrShortWrite
	}
	c.b = append(c.b, b...)
	return len(b), nil
}

// writes notes where each write ended, which is where a fragment does.
type writes struct {
	file
	ends []int
}

func (w *writes) Write(b []byte) (int, error) {
	n, err := w.file.Write(b)
	w.ends = append(w.ends, w.Len())
	return n, err
}

// Wherever a file is cut off, Mend makes a complete one of it that has every whole
// fragment.
func TestMendAfterEveryByte(t *testing.T) {
	for _, name := range []string{"bframes", "opus"} {
		for _, format := range []Format{MP4, FLV, TS} {
			t.Run(name+"."+string(format), func(t *testing.T) {
				var b writes
				c := fixture(t, name).repeated(2)
				if err := record(t, &b, format, c).Close(); err != nil {
					t.Fatal(err)
				}
				if len(b.ends) < 4 {
					t.Fatalf("only %d writes", len(b.ends))
				}
				all, head := b.Bytes(), b.ends[0]
				for size := range len(all) {
					checkMend(t, format, all, head, size, b.ends)
				}
			})
		}
	}
}

// checkMend mends the first size bytes of a file.
func checkMend(t *testing.T, format Format, all []byte, head, size int, ends []int) {
	t.Helper()
	f := &cut{bytes.Clone(all[:size])}
	info, err := Mend(f, int64(size))
	if err != nil {
		if size >= head || reason.Of(err, "") != reason.BadMedia || len(f.b) != size {
			t.Fatalf("%d bytes: %v, %d are left", size, err, len(f.b))
		}
		return
	}
	safe := 0
	for _, end := range ends {
		if end <= size {
			safe = end
		}
	}
	if !bytes.HasPrefix(f.b, all[:safe]) {
		t.Fatalf("%d bytes: the first %d are gone", size, safe)
	}
	again, err := Describe(f, int64(len(f.b)))
	if err != nil || !again.Complete || again.Good != int64(len(f.b)) || again.Header != header {
		t.Fatalf("%d bytes: %+v, %v", size, again, err)
	}
	if info.Duration != again.Duration || len(info.Chunks) != len(again.Chunks) || info.Good != again.Good || len(info.Tracks) != len(again.Tracks) {
		t.Fatalf("%d bytes: Mend says %+v, Describe %+v", size, info, again)
	}
	var end int64
	for _, got := range frames(t, format, f.b) {
		end = max(end, got.DTS)
	}
	if d := again.Duration - time.Duration(end); d < 0 || d > 200*time.Millisecond {
		t.Fatalf("%d bytes: %v, the last frame is at %v", size, again.Duration, time.Duration(end))
	}
	checkChunks(t, f.b, again)
}

// checkChunks fails the test unless the chunks of a file follow one another.
func checkChunks(t *testing.T, b []byte, info Info) {
	t.Helper()
	at, begin := info.Head, time.Duration(0)
	for _, c := range info.Chunks {
		if c.Offset != at || c.Start != begin || c.Bytes <= 0 || c.Duration < 0 {
			t.Fatalf("chunk %+v, want it at %d and %v", c, at, begin)
		}
		at, begin = c.Offset+c.Bytes, c.Start+c.Duration
	}
	if len(info.Chunks) > 0 && (begin != info.Duration || at > int64(len(b))) {
		t.Fatalf("chunks end at %d and %v of %d and %v", at, begin, len(b), info.Duration)
	}
}

// Each chunk can be decoded without those before it.
func TestChunksStandAlone(t *testing.T) {
	for _, format := range []Format{MP4, TS} {
		t.Run(string(format), func(t *testing.T) {
			b := whole(t, format, fixture(t, "bframes").repeated(4))
			info, err := Describe(bytes.NewReader(b), int64(len(b)))
			if err != nil || len(info.Chunks) < 4 {
				t.Fatalf("%+v, %v", info, err)
			}
			checkChunks(t, b, info)
			total := 0
			for _, c := range info.Chunks {
				part := append(bytes.Clone(b[:info.Head]), b[c.Offset:c.Offset+c.Bytes]...)
				got := frames(t, format, part)
				total += len(got)
				if video := of(got, 0); len(video) == 0 || !video[0].Key {
					t.Errorf("chunk %+v does not begin with a key frame", c)
				}
			}
			if want := len(frames(t, format, b)); total != want {
				t.Errorf("%d frames in all chunks, want %d", total, want)
			}
		})
	}
}

// A complete file stays as it is, and one of others is not touched.
func TestMendLeavesAlone(t *testing.T) {
	for _, format := range Formats() {
		b := whole(t, format, fixture(t, "bframes"))
		f := &cut{bytes.Clone(b)}
		if info, err := Mend(f, int64(len(b))); err != nil || !info.Complete || !bytes.Equal(f.b, b) {
			t.Errorf("%s: %+v, %v", format, info, err)
		}
		var foreign file
		w, err := NewWriter(&foreign, format, Header{}, fixture(t, "bframes").layout)
		if err != nil {
			t.Fatal(err)
		}
		for _, frame := range fixture(t, "bframes").frames {
			if err := w.Write(frame, frame.Key); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		f = &cut{bytes.Clone(foreign.Bytes())}
		if _, err := Mend(f, int64(foreign.Len())); reason.Of(err, "") != reason.BadMedia || !bytes.Equal(f.b, foreign.Bytes()) {
			t.Errorf("%s: %v", format, err)
		}
		info, err := Describe(f, int64(len(f.b)))
		if err != nil || info.Format != format || len(info.Tracks) != 2 || info.Complete || info.Header != (Header{}) {
			t.Errorf("%s: %+v, %v", format, info, err)
		}
	}
}

// What follows the last whole fragment without being one is cut off.
func TestMendCutsOffGarbage(t *testing.T) {
	for _, format := range Formats() {
		var b file
		w := record(t, &b, format, fixture(t, "bframes"))
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		for name, garbage := range map[string][]byte{"zeros": make([]byte, 1000), "text": bytes.Repeat([]byte("what is this? "), 100)} {
			f := &cut{append(bytes.Clone(b.Bytes()), garbage...)}
			info, err := Mend(f, int64(len(f.b)))
			if err != nil || !bytes.HasPrefix(f.b, b.Bytes()) || bytes.Contains(f.b, garbage) || !info.Complete {
				t.Errorf("%s, %s: %+v, %v", format, name, info, err)
			}
			if got := frames(t, format, f.b); len(got) != len(fixture(t, "bframes").frames) {
				t.Errorf("%s, %s: %d frames", format, name, len(got))
			}
		}
	}
}

// A file in which nothing came is whole as well.
func TestEmptyFiles(t *testing.T) {
	for _, format := range Formats() {
		b := whole(t, format, clip{layout: fixture(t, "bframes").layout})
		info, err := Describe(bytes.NewReader(b), int64(len(b)))
		if err != nil || !info.Complete || info.Duration != 0 || len(info.Chunks) != 0 || info.Header != header {
			t.Errorf("%s: %+v, %v", format, info, err)
		}
	}
}

// Damage in the middle of a file that was closed costs what follows it nothing: nobody cut
// that off.
func TestMendLeavesDamage(t *testing.T) {
	for _, format := range Formats() {
		var b writes
		if err := record(t, &b, format, fixture(t, "bframes").repeated(4)).Close(); err != nil {
			t.Fatal(err)
		}
		f := &cut{bytes.Clone(b.Bytes())}
		clear(f.b[b.ends[1]:][:200])
		damaged := bytes.Clone(f.b)
		info, err := Mend(f, int64(len(f.b)))
		if err != nil && reason.Of(err, "") != reason.BadMedia || !bytes.Equal(f.b, damaged) {
			t.Errorf("%s: %v, %d of %d bytes are left", format, err, len(f.b), len(damaged))
		}
		if err == nil && (!info.Complete || info.Header != header || info.Duration <= 0) {
			t.Errorf("%s: %+v", format, info)
		}
	}
}

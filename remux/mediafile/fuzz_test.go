package mediafile

import (
	"bytes"
	"testing"

	"github.com/weirmedia/weir/pkg/reason"
)

// Whatever a file holds, Describe ends, in bounds, and what it says is possible.
func FuzzDescribe(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		info, err := Describe(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			if reason.Of(err, "") != reason.BadMedia {
				t.Fatal(err)
			}
			return
		}
		if info.Good > int64(len(b)) || info.Duration < 0 {
			t.Fatalf("%+v of %d bytes", info, len(b))
		}
		checkChunks(t, b, info)
	})
}

// What Mend made is complete, and Mend leaves it so.
func FuzzMend(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		c := &cut{bytes.Clone(b)}
		info, err := Mend(c, int64(len(b)))
		if err != nil {
			if reason.Of(err, "") != reason.BadMedia || !bytes.Equal(c.b, b) {
				t.Fatal(err)
			}
			return
		}
		again, err := Describe(c, int64(len(c.b)))
		if err != nil || !again.Complete || again.Header != info.Header || len(again.Chunks) != len(info.Chunks) {
			t.Fatalf("%+v becomes %+v, %v", info, again, err)
		}
	})
}

package probe

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/remux/flv"
)

// Whatever an FLV file holds, the report can be written, is the same each time,
// agrees with itself and does not command the terminal.
func FuzzAnalyzer(f *testing.F) {
	for _, sample := range []string{"../../../remux/flv/testdata/bframes.flv", "../../../remux/flv/testdata/mp3.flv"} {
		b, err := os.ReadFile(sample)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, true, uint16(40))
	}
	f.Fuzz(func(t *testing.T, file []byte, live bool, step uint16) {
		first, frames := analyse(t, file, live, step)
		second, _ := analyse(t, file, live, step)
		if !bytes.Equal(first, second) {
			t.Fatalf("two reports differ:\n%s\n%s", first, second)
		}
		var r Report
		if err := json.Unmarshal(first, &r); err != nil {
			t.Fatal(err)
		}
		total := 0
		for _, track := range r.Tracks {
			total += track.Frames
			if track.Frames == 0 || track.BitRate < 0 || track.FrameRate < 0 {
				t.Fatalf("track %+v", track)
			}
		}
		if total > frames {
			t.Fatalf("%d frames of %d tags", total, frames)
		}
		l := r.Timeline
		if n := len(l.Video); n > columns || len(l.Audio) != n || len(l.KeyFrames) != n || len(l.Jumps) != n {
			t.Fatalf("timeline %+v", l)
		}
		if r.Seconds < 0 || len(r.Jumps.List) > maxListed {
			t.Fatalf("%v s, %d jumps", r.Seconds, len(r.Jumps.List))
		}
	})
}

// analyse returns the report as JSON and how many frames there can be.
func analyse(t *testing.T, file []byte, live bool, step uint16) (report []byte, frames int) {
	r := flv.NewReader(bytes.NewReader(file))
	facts := Facts{Source: "fuzz", Protocol: "file", Live: live}
	if h, err := r.Header(); err == nil {
		facts.Header = &h
	}
	a := NewAnalyzer(facts)
	for at := time.Duration(0); ; at += time.Duration(step) * time.Millisecond {
		tag, err := r.Next()
		if err != nil {
			a.End(err)
			break
		}
		// A multitrack tag has a frame in six bytes at least.
		frames += 1 + len(tag.Body)/6
		a.Add(tag, at)
	}
	result := a.Report()
	var text strings.Builder
	if err := result.Print(&text, false); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(text.String(), "\x1b\r\a\x00") {
		t.Fatalf("the text commands the terminal: %q", text.String())
	}
	report, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	return report, frames
}

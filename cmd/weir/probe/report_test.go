package probe

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/weirmedia/weir/remux/flv"
)

var update = flag.Bool("update", false, "write the golden files of testdata")

// examples are the reports of golden files.
func examples(t *testing.T) map[string]*Report {
	good := newFeed(t, Facts{
		Source: "rtmp://127.0.0.1/live/good", Protocol: "rtmp", Live: true,
		Connected: 2 * time.Millisecond, Ready: 8 * time.Millisecond,
	})
	good.headers()
	good.regular(shape{frames: 250, gop: 50, arrival: func(dts int) int { return max(20, dts-1000) }})

	bad := newFeed(t, Facts{
		Source: "http://127.0.0.1:8080/live/bad.flv", Protocol: "http-flv", Live: true,
		Header:    &flv.Header{HasVideo: true},
		Connected: time.Millisecond, Ready: time.Millisecond,
	})
	bad.metadata(field("width", 1920.0), field("height", 1080.0), field("encoder", "odd"))
	bad.headers()
	for i := range 200 {
		dts := 40 * i
		if i >= 120 {
			dts += 7000
		}
		// Two B-frames after each P-frame, a key frame every seven seconds.
		bad.picture(dts, []int{120, 0, 0}[i%3], 5+40*i+300*(i/10%2), 1000, i%174 == 0, []byte{idr, other}[min(i%174, 1)])
		bad.sound(dts, 5+40*i)
	}
	bad.End(reset{})

	file := newFeed(t, Facts{Source: "music.flv", Protocol: "file", Header: &flv.Header{HasAudio: true}})
	file.audioHeader()
	for i := range 100 {
		file.sound(20*i, 0)
	}
	empty := newFeed(t, Facts{Source: "-", Protocol: "file", Header: &flv.Header{HasAudio: true}})
	return map[string]*Report{"good": good.Report(), "bad": bad.Report(), "music": file.Report(), "empty": empty.Report()}
}

// reset is an error whose text would command the terminal.
type reset struct{}

func (reset) Error() string { return "reset \x1b[2J by peer" }

func TestGolden(t *testing.T) {
	for name, r := range examples(t) {
		var text, coloured bytes.Buffer
		if err := r.Print(&text, false); err != nil {
			t.Fatal(err)
		}
		if err := r.Print(&coloured, true); err != nil {
			t.Fatal(err)
		}
		asJSON, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name+".txt", text.Bytes())
		golden(t, name+".colours.txt", coloured.Bytes())
		golden(t, name+".json", append(asJSON, '\n'))
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test -update writes it):\n%s", name, got)
	}
}

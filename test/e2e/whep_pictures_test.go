//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// Each picture of a numbered clip has its number at the top, a block for each bit,
// white for 1. testdata/pictures.js reads it.
const (
	numberBits  = 10
	numberBlock = 32
)

// numbered draws the numbers into a test picture of 512x288, 30 a second.
func numbered() string {
	filters := []string{"testsrc2=s=512x288:r=30:d=24"}
	for k := range numberBits {
		box := fmt.Sprintf("drawbox=x=%d:y=0:w=%d:h=%d:t=fill:c=", k*numberBlock, numberBlock, numberBlock)
		filters = append(filters, box+"black", box+fmt.Sprintf("white:enable='gte(mod(n,%d),%d)'", 2<<k, 1<<k))
	}
	return strings.Join(filters, ",")
}

// bFramesClip has two B-frames between others, to which no picture refers.
var bFramesClip = clip{"b-frames-numbered", join(lavfi(numbered(), tone),
	[]string{"-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-crf", "18", "-x264-params",
		"bframes=2:b-pyramid=none:b-adapt=0:keyint=60:min-keyint=60:scenecut=0"}, aacStereo, []string{"-shortest"})}

// shownPicture is a picture that a page showed.
type shownPicture struct {
	Number int
	Time   uint32 // of RTP
	Cells  []int  // brightness in a grid
}

// gridColumns and gridRows are those of testdata/pictures.js.
const (
	gridColumns = 16
	gridRows    = 9
)

// decodedGrids returns the brightness of all pictures of a clip in the grid, as
// ffmpeg decodes them.
func decodedGrids(t *testing.T, c clip) [][]byte {
	t.Helper()
	var out bytes.Buffer
	p := start(t, time.Minute, func(c *exec.Cmd) { c.Stdout = &out }, "ffmpeg", "-nostdin", "-v", "error", "-i", c.path(t), "-map", "0:v", "-fps_mode", "passthrough",
		"-vf", fmt.Sprintf("scale=%d:%d:flags=area:out_range=full,format=gray", gridColumns, gridRows), "-f", "rawvideo", "pipe:1")
	p.mustSucceed(t)
	return slices.Collect(slices.Chunk(out.Bytes(), gridColumns*gridRows))
}

// pictureTypes returns the types of all pictures of a clip in the order in which
// they are shown: I, P or B.
func pictureTypes(t *testing.T, c clip) []string {
	t.Helper()
	p := start(t, time.Minute, nil, "ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "frame=pict_type", "-of", "csv=p=0", c.path(t))
	p.mustSucceed(t)
	return strings.FieldsFunc(p.out.String(), func(r rune) bool { return strings.ContainsRune(", \n", r) })
}

// TestFullWHEPBFrames: of a stream with B-frames Chromium shows all other pictures,
// in order, at their times, and as ffmpeg decodes them.
func TestFullWHEPBFrames(t *testing.T) {
	s := startWebRTC(t)
	s.publish(t, bFramesClip, "live/test", publishOptions{})
	b := openWHEP(t, s)
	script, err := os.ReadFile("testdata/pictures.js")
	if err != nil {
		t.Fatal(err)
	}
	var ready bool
	b.eval(t, string(script)+"; watchPictures(v); true", &ready)
	b.eventually(t, 20*time.Second, "it plays", `v.currentTime > 8`)
	var shown []shownPicture
	b.eval(t, "sawPictures()", &shown)

	types, grids := pictureTypes(t, bFramesClip), decodedGrids(t, bFramesClip)
	shown = shown[len(shown)/4:] // before that times are squeezed up
	if len(shown) == 0 {
		t.Fatal("no picture was seen")
	}
	worst := 0
	for i, p := range shown {
		if p.Number >= len(types) {
			t.Fatalf("a picture with the number %d of %d", p.Number, len(types))
		}
		if types[p.Number] == "B" {
			t.Fatalf("picture %d is a B-frame", p.Number)
		}
		for k, want := range grids[p.Number] {
			worst = max(worst, p.Cells[k]-int(want), int(want)-p.Cells[k])
		}
		if i == 0 {
			continue
		}
		before := shown[i-1]
		if p.Number <= before.Number {
			t.Fatalf("picture %d came after %d", p.Number, before.Number)
		}
		if want := 3000 * (p.Number - before.Number); !sameTicks(p.Time-before.Time, want) {
			t.Errorf("picture %d is %d ticks after %d, want %d", p.Number, p.Time-before.Time, before.Number, want)
		}
	}
	first, last := shown[0].Number, shown[len(shown)-1].Number
	sent := 0
	for _, kind := range types[first : last+1] {
		if kind != "B" {
			sent++
		}
	}
	t.Logf("pictures %d to %d: %d shown of %d that are no B-frames; brightness off by %d of 255 at most", first, last, len(shown), sent, worst)
	if len(shown) < sent*8/10 { // the page may miss some that Chromium shows
		t.Errorf("%d pictures shown of %d", len(shown), sent)
	}
	if worst > 12 {
		t.Errorf("brightness is off by %d of 255", worst)
	}
}

// sameTicks compares times that went through milliseconds.
func sameTicks(got uint32, want int) bool {
	const millisecond = 90
	d := int(got) - want
	return -2*millisecond <= d && d <= 2*millisecond
}

package probe

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/remux/flv"
	"github.com/weirmedia/weir/remux/flv/flvtest"
	"github.com/weirmedia/weir/remux/mediafile"
)

// recorded returns a file of a clip of package flv.
func recorded(t *testing.T, format mediafile.Format, clip string) []byte {
	t.Helper()
	var b bytes.Buffer
	l := &av.Layout{Ready: true}
	var frames []*av.Frame
	for _, p := range flvtest.Packets(t, "../../../remux/flv/testdata/"+clip+".flv") {
		if p.Track != nil {
			l.Tracks = append(slices.DeleteFunc(l.Tracks, func(t *av.Track) bool { return t.ID == p.Track.ID }), p.Track)
		}
		if p.Kind == flv.FramePacket {
			frames = append(frames, p.Frame)
		}
	}
	slices.SortFunc(l.Tracks, func(a, b *av.Track) int { return a.ID - b.ID })
	w, err := mediafile.NewWriter(&b, format, mediafile.Header{Stream: "live/\x1b[1mtest", Start: time.Unix(1, 0)}, l)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range frames {
		if err := w.Write(f, f.Key || l.First(av.Video) == nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A complete recording of any format is good, and one that was cut off says so.
func TestRecordings(t *testing.T) {
	for _, format := range mediafile.Formats() {
		for _, clip := range []string{"bframes", "opus", "hevc"} {
			t.Run(clip+"."+string(format), func(t *testing.T) {
				all := recorded(t, format, clip)
				r := probeFile(t, all)
				if r.Wrong() || r.Recording == nil || !r.Recording.Complete || r.Recording.Good != int64(len(all)) || codes(r)["not_complete"] {
					t.Errorf("%+v: %+v", r.Recording, r.Findings)
				}
				var text strings.Builder
				if err := r.Print(&text, false); err != nil || !strings.Contains(text.String(), "Recorded  live/?[1mtest, from 1970-01-01 00:00:01.000 UTC") {
					t.Errorf("%v: %s", err, text.String())
				}
				r = probeFile(t, all[:len(all)*3/4])
				if r.Recording == nil || r.Recording.Complete || r.Recording.Good >= r.Recording.Bytes || !codes(r)["not_complete"] {
					t.Errorf("%+v: %+v", r.Recording, r.Findings)
				}
			})
		}
	}
}

func probeFile(t *testing.T, b []byte) *Report {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Run(context.Background(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func codes(r *Report) map[string]bool {
	out := make(map[string]bool)
	for _, f := range r.Findings {
		out[f.Code] = true
	}
	return out
}

package rtmp

import (
	"testing"

	"github.com/weirmedia/weir/pkg/amf0"
)

// What the answer to connect announces is what the muxers and demuxers know.
func TestCapabilities(t *testing.T) {
	o := capabilities()
	list, _ := o.Get("fourCcList")
	video, _ := o.Get("videoFourCcInfoMap")
	audio, _ := o.Get("audioFourCcInfoMap")
	for _, name := range []string{"avc1", "hvc1", "av01", "vp08", "vp09"} {
		if n := video.(amf0.Object).Number(name); n != canForward {
			t.Errorf("%s: %v", name, n)
		}
		found := false
		for _, v := range list.(amf0.StrictArray) {
			found = found || v == name
		}
		if !found {
			t.Errorf("%s is not in fourCcList", name)
		}
	}
	for _, name := range []string{"Opus", "fLaC", "ac-3", "ec-3", "mp4a", ".mp3"} {
		if n := audio.(amf0.Object).Number(name); n != canForward {
			t.Errorf("%s: %v", name, n)
		}
	}
	if caps := o.Number("capsEx"); caps != 15 {
		t.Errorf("capsEx %v, want 15", caps)
	}
}

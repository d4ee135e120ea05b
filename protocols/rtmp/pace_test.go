package rtmp

import (
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/av"
)

func TestPace(t *testing.T) {
	video, audio := &av.Track{Kind: av.Video}, &av.Track{Kind: av.Audio}
	const second = int64(time.Second)
	for _, test := range []struct {
		name  string
		track *av.Track
		rate  int64 // pictures per second of wall time
		tick  int64 // ns that the publisher's clock advances per second
		want  int
	}{
		{"milliseconds", video, 25, second, 0},
		{"seconds", video, 25, second / 1000, 1},
		{"standing still", video, 25, 0, 1},
		{"slow motion", video, 25, second / 20, 0},
		{"backwards", video, 25, -second, 0},
		{"few pictures", video, 1, second / 1000, 0},
		{"sound", audio, 43, second / 1000, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			var p pace
			told := 0
			for i := range 30 * test.rate {
				if p.slow(&av.Frame{Track: test.track, DTS: i * test.tick / test.rate, Arrival: i * second / test.rate}) {
					told++
				}
			}
			if told != test.want {
				t.Errorf("told %d times, want %d", told, test.want)
			}
		})
	}
}

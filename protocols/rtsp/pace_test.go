package rtsp

import (
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/av"
)

// Sound waits for pictures under load, but not for ones that are rare or do not
// come.
func TestPace(t *testing.T) {
	const ms = int64(time.Millisecond)
	video, audio := &av.Track{Kind: av.Video}, &av.Track{Kind: av.Audio}
	at := func(track *av.Track, arrival int64) *av.Frame { return &av.Frame{Track: track, Arrival: arrival} }
	for _, tt := range []struct {
		name     string
		pass     int64 // how long each takes
		distance int64 // of pictures
		then     int64 // when sound comes after the last picture
		want     int64 // how long it waits
	}{
		{"idle", ms / 10, 40 * ms, 10 * ms, 0},
		{"busy", 3 * ms, 40 * ms, 10 * ms, soundWait},
		{"busy, slow pictures", 6 * ms, 100 * ms, 10 * ms, 0},
		{"busy, pictures have ended", 3 * ms, 40 * ms, 200 * ms, 0},
	} {
		p, now := pace{since: 1000 * ms}, 1000*ms
		for range 20 {
			now += tt.distance
			p.note(at(video, now))
			if due := p.due(now); due > now {
				t.Errorf("%s: a picture waits %d ms", tt.name, (due-now)/ms)
			}
			p.passed(now, now+tt.pass)
		}
		now += tt.then
		p.note(at(audio, now))
		if got := p.due(now) - now; got != tt.want {
			t.Errorf("%s: sound waits %d ms, want %d", tt.name, got/ms, tt.want/ms)
		}
		p.note(at(audio, now+20*ms))
		if got := p.due(now+20*ms) - now; tt.want > 0 && got != tt.want {
			t.Errorf("%s: sound waits %d ms because of more sound, want %d", tt.name, got/ms, tt.want/ms)
		}
	}
}

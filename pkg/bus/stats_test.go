package bus

import (
	"math"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
)

func TestMeter(t *testing.T) {
	const second = int64(time.Second)
	tests := []struct {
		name string
		add  func(m *meter)
		at   int64
		want float64
	}{
		{"nothing", func(*meter) {}, 5 * second, 0},
		{"in the first second the count is the rate", func(m *meter) { m.add(0, 100) }, second / 2, 100},
		{"the first seconds", func(m *meter) { m.add(0, 100); m.add(second, 100) }, 2 * second, 100},
		{"steady", func(m *meter) {
			for i := range int64(100) {
				m.add(i*second/10, 10)
			}
		}, 10 * second, 100},
		{"steady, begun in the middle of a second", func(m *meter) {
			for i := range int64(100) {
				m.add(second/2+i*second/10, 10)
			}
		}, 10*second + second/2, 100},
		{"halves as it stops", func(m *meter) {
			for i := range int64(100) {
				m.add(i*second/10, 10)
			}
		}, 12 * second, 50},
		{"forgotten", func(m *meter) { m.add(0, 1_000_000) }, 6 * second, 0},
		{"forgotten long ago", func(m *meter) { m.add(0, 1_000_000) }, 1 << 60, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var m meter
			test.add(&m)
			if got := m.perSecond(test.at); math.Abs(got-test.want) > test.want/100 {
				t.Errorf("%v per second, want %v", got, test.want)
			}
		})
	}
}

func TestInfo(t *testing.T) {
	b := New(DefaultLimits())
	defer b.Close(reason.Shutdown)
	p := publish(t, b, "me", video, audio)
	if i := p.Stream().Info(); i.LastFrame >= 0 || i.GOP != 0 || i.Bitrate != 0 || len(i.Tracks) != 2 {
		t.Errorf("before any frame: %+v", i)
	}
	// Ten seconds that end now: 25 pictures of 5000 bytes and 50 sounds of 400
	// bytes a second, a key frame every two seconds.
	const now = 90*int64(time.Second) + int64(time.Second)/2
	const begin = now - 10*int64(time.Second)
	for n := range int64(500) {
		at := n * 20
		if n%2 == 0 {
			f := frame(video, at, at%2000 == 0)
			f.Arrival, f.Payload = begin+ms(at), make([]byte, 5000)
			switch n % 10 { // of five pictures the third is a B-frame, shown before the second
			case 2:
				f.PTS += ms(40)
			case 4:
				f.PTS -= ms(40)
				if n%20 == 4 { // others refer to every second of them
					copy(f.Payload, []byte{0, 0, 0, 2, 0x41, 0x80})
				}
			}
			p.write(f)
		}
		f := frame(audio, at, false)
		f.Arrival, f.Payload = begin+ms(at), make([]byte, 400)
		p.write(f)
	}
	i := p.Stream().info(now)
	if i.Name != "live/test" || i.State != Live || i.Session != "me's session" {
		t.Errorf("%s is %s by %s", i.Name, i.State, i.Session)
	}
	if i.GOP != 2*time.Second || i.LastFrame != 20*time.Millisecond || i.FramesIn != 750 || i.BytesIn != 250*5000+500*400 {
		t.Errorf("GOP %v, last frame %v ago, %d frames and %d bytes in", i.GOP, i.LastFrame, i.FramesIn, i.BytesIn)
	}
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > want/100 {
			t.Errorf("%s is %.0f, want about %.0f", what, got, want)
		}
	}
	near("frame rate", i.Tracks[0].FrameRate, 25)
	if late := i.Tracks[0].LateRate; late < 4.5 || late > 5.5 || i.Tracks[1].LateRate != 0 { // 22 or 23 in 4.5 s
		t.Errorf("%v B-frames and %v sounds out of order a second, want 5 and 0", late, i.Tracks[1].LateRate)
	}
	if needed := i.Tracks[0].NeededRate; needed < 2.2 || needed > 2.8 {
		t.Errorf("others refer to %v B-frames a second, want 2.5", needed)
	}
	near("video bitrate", i.Tracks[0].Bitrate, 8*25*5000)
	near("audio bitrate", i.Tracks[1].Bitrate, 8*50*400)
	near("bitrate", i.Bitrate, 8*(25*5000+50*400))
	if i.RingFrames != 150 { // the newest GOP: from 8000 ms on
		t.Errorf("%d frames held, want 150", i.RingFrames)
	}
}

//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"
)

// latencyWay is one way to play a stream in Chromium.
type latencyWay struct {
	name string
	// via is what the console's player calls it.
	via string
	// gop is the distance of key frames in pictures.
	gop    int
	change settings
	// history is for how long segments are made before the page is opened: a
	// player of plain HLS begins three before the end, if there are as many.
	history time.Duration
	// most is what docs/latency.md promises for 95 of 100 pictures, in ms; 0 if
	// nothing.
	most float64
}

var latencyWays = []latencyWay{
	{name: "webrtc", via: "whep", gop: 50, change: settings{"webrtc.listen": "127.0.0.1:0"}, most: 400},
	{name: "ws-fmp4", via: "wsmp4", gop: 50, most: 400},
	{name: "http-flv", via: "httpflv", gop: 50, most: 400},
	{name: "ws-flv", via: "wsflv", gop: 50, most: 400},
	{name: "ll-hls", via: "llhls", gop: 50, most: 1500},
	{name: "ll-hls parts 100 ms", via: "llhls", gop: 50, change: settings{"hls.part_duration": "100ms"}, most: 1500},
	{name: "ll-hls parts 500 ms", via: "llhls", gop: 50, change: settings{"hls.part_duration": "500ms"}},
	{name: "hls", via: "hls", gop: 50, history: 10 * time.Second},
	{name: "hls 1 s", via: "hls", gop: 25, change: settings{"hls.segment_duration": "1s"}, history: 10 * time.Second},
}

// TestLatency measures, for each way, how long after a picture went to the
// encoder Chromium shows it. It runs if WEIR_LATENCY says for how long to
// measure, such as 10s: `make bench-latency`.
func TestLatency(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("WEIR_LATENCY"))
	if err != nil {
		t.Skip("WEIR_LATENCY sets no time: `make bench-latency` does")
	}
	table := "\n| way | median | 95 % | worst | freezes | buffer |\n|---|---:|---:|---:|---:|---:|\n"
	t.Cleanup(func() { t.Log(table) })
	for _, way := range latencyWays {
		t.Run(way.name, func(t *testing.T) {
			s := startServer(t, way.change)
			publishClock(t, s, way.gop)
			if way.history > 0 {
				hlsPlaylist(t, s, "fmp4") // a viewer, whose segments linger
				time.Sleep(way.history)
			}
			b := openPage(t, s.httpURL("?play=live/test&via="+way.via))
			l := summarise(t, sampleClock(t, b, 12*time.Second, length), length)
			table += fmt.Sprintf("| %s | %.0f ms | %.0f ms | %.0f ms | %d | %.2f s |\n", way.name, l.median, l.most, l.worst, l.freezes, l.buffer)
			if way.most > 0 && l.most > way.most {
				t.Errorf("95 of 100 pictures come within %.0f ms, want %.0f", l.most, way.most)
			}
		})
	}
}

// latency sums samples up.
type latency struct {
	median, most, worst float64 // ms; most is that of 95 of 100
	freezes             int     // pictures that stood for more than a quarter of a second
	buffer              float64 // s, median
}

func summarise(t *testing.T, samples []clockSample, length time.Duration) (l latency) {
	t.Helper()
	if least := int(length.Seconds() * 12); len(samples) < least {
		t.Fatalf("%d pictures shown, want %d of 25 a second", len(samples), least)
	}
	var all, buffers []float64
	for i, s := range samples {
		all, buffers = append(all, s.Latency), append(buffers, s.Buffer)
		if i > 0 && s.At-samples[i-1].At > 250 {
			l.freezes++
		}
	}
	slices.Sort(all)
	slices.Sort(buffers)
	n := len(all)
	l.median, l.most, l.worst, l.buffer = all[n/2], all[n*95/100], all[n-1], buffers[n/2]
	return l
}

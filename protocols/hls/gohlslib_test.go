package hls

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gohlslib/v2"
	"github.com/bluenviron/gohlslib/v2/pkg/codecs"

	"github.com/weirmedia/weir/protocols/hls/segment"
)

// heard is what a client got of one track.
type heard struct {
	payloads []string
	times    []time.Duration
}

// player is a client of another make.
type player struct {
	mu              sync.Mutex
	pictures, sound heard
}

func (p *player) add(h *heard, payload string, pts int64, rate int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h.payloads = append(h.payloads, payload)
	h.times = append(h.times, time.Duration(float64(pts)/float64(rate)*1e9))
}

// watch starts a client.
func watch(t *testing.T, address string) *player {
	t.Helper()
	p := &player{}
	c := &gohlslib.Client{URI: address}
	c.OnTracks = func(tracks []*gohlslib.Track) error {
		for _, track := range tracks {
			switch track.Codec.(type) {
			case *codecs.H264:
				c.OnDataH26x(track, func(_, dts int64, au [][]byte) {
					for _, nal := range au {
						if kind := nal[0] & 0x1F; kind == 1 || kind == 5 {
							p.add(&p.pictures, string(nal), dts, track.ClockRate)
						}
					}
				})
			case *codecs.MPEG4Audio:
				c.OnDataMPEG4Audio(track, func(pts int64, aus [][]byte) {
					for i, au := range aus {
						p.add(&p.sound, string(au), pts+int64(i)*1024*int64(track.ClockRate)/44100, track.ClockRate)
					}
				})
			}
		}
		return nil
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		t.Logf("the client ended: %v", c.Wait2()) // for a test that fails
	})
	return p
}

// TestOtherClient: a client of another make gets the frames that were published,
// all of them and in order, with their distances in time.
func TestOtherClient(t *testing.T) {
	for _, query := range []string{"", "?format=ts"} {
		for _, low := range []bool{true, false} {
			name, format := "fmp4", segment.FMP4
			if query != "" {
				name, format = "ts", segment.TS
			}
			if low {
				name += " low latency"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				c := defaults()
				c.LowLatency = low
				c.SegmentDuration = seconds(1)
				r := newRig(t, options{config: c})
				s := r.publish(25)
				r.warm(s, format)
				s.play(110) // the segments that the client begins with
				stop := make(chan struct{})
				var publishing sync.WaitGroup
				publishing.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
							s.pace(5, picture)
						}
					}
				})
				defer publishing.Wait()
				defer close(stop)
				p := watch(t, r.url+"/live/test/index.m3u8"+query)
				eventually(t, "two seconds of media", func() bool {
					p.mu.Lock()
					defer p.mu.Unlock()
					return len(p.pictures.payloads) >= 60 && len(p.sound.payloads) >= 100
				})
				p.mu.Lock()
				defer p.mu.Unlock()
				s.mu.Lock()
				defer s.mu.Unlock()
				picturesAt := compare(t, p.pictures, s.pictures, func(n int) time.Duration { return time.Duration(n) * picture })
				soundAt := compare(t, p.sound, s.sounds, func(n int) time.Duration { return time.Duration(n*1024*1000/44100) * time.Millisecond })
				if off := (picturesAt - soundAt).Abs(); off > time.Millisecond {
					t.Errorf("sound lies %v off the picture", off)
				}
			})
		}
	}
}

// compare checks that got is a run of sent, of which frame n was sent for at(n).
// It returns how far got's times lie after those.
func compare(t *testing.T, got heard, sent []string, at func(n int) time.Duration) time.Duration {
	t.Helper()
	first := slices.Index(sent, got.payloads[0])
	if first < 0 {
		t.Fatalf("%q was not sent", got.payloads[0])
	}
	offset := got.times[0] - at(first)
	for i, payload := range got.payloads {
		if payload != sent[first+i] {
			t.Fatalf("frame %d is %.30q, want %.30q", i, payload, sent[first+i])
		}
		if off := (got.times[i] - at(first+i) - offset).Abs(); off > time.Millisecond {
			t.Errorf("frame %d lies %v off", i, off)
		}
	}
	return offset
}

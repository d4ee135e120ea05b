package session

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// written returns a timeline as text, with times since the first step.
func written(steps []Step) (lines []string) {
	for _, s := range steps {
		line := fmt.Sprintf("%v %s", s.At.Sub(steps[0].At), s.What)
		if s.Detail != "" {
			line += " " + s.Detail
		}
		lines = append(lines, line)
	}
	return lines
}

func TestTimeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Options{})
		info := Info{Protocol: "rtmp", Action: Play, Stream: "live/a", Transport: "tcp"}
		info.Reached(Connected, time.Now(), "")
		time.Sleep(time.Second)
		info.Reached(Handshake, time.Now(), "")
		info.Admit(auth.Grant{Rule: "auth.users[0].allow[1]"})
		time.Sleep(time.Second)
		s, err := r.Open(info, func(reason.Reason) {})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Wait(); err != nil {
			t.Fatal(err)
		}
		s.Activate() // at once: no wait worth telling
		if err := s.Wait(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(1500 * time.Millisecond)
		s.Activate()
		s.SetTransport("tcp")
		s.SetTransport("udp")
		layout := &av.Layout{Tracks: []*av.Track{{Kind: av.Video, Codec: av.H264, Width: 1280, Height: 720}, {Kind: av.Audio, Codec: av.AAC}}}
		s.LayoutKnown(layout)
		s.LayoutKnown(layout)
		s.FrameKnown()
		time.Sleep(time.Second)
		s.FrameKnown()
		s.LayoutKnown(&av.Layout{Tracks: layout.Tracks[1:]})
		s.Skipped(reason.LagTime, 40)
		want := []string{
			"0s connected tcp", "1s handshake", "1s authorised auth.users[0].allow[1]", "3.5s waited 1.5s", "3.5s transport udp",
			"3.5s layout H264 1280x720, AAC", "3.5s first_key_frame", "4.5s layout AAC", "4.5s skip lag_time, 40 frames",
		}
		if got, _ := r.Get(s.ID()); !slices.Equal(written(got.Timeline), want) {
			t.Errorf("%q", written(got.Timeline))
		}
		if got := r.List(); got[0].Timeline != nil {
			t.Error("a list has timelines")
		}
		time.Sleep(time.Second)
		s.Close(reason.NetworkError, errors.New("reset"))
		s.FrameKnown()
		s.LayoutKnown(layout)
		if got := r.Ended()[0].Timeline; !slices.Equal(written(got), append(want, "5.5s closed network_error: reset")) {
			t.Errorf("%q", written(got))
		}
		if s.Info().before != nil {
			t.Error("the registry keeps what is on the timeline")
		}
	})
}

// A session that ends while it waits has waited.
func TestTimelineOfWhoWaitedInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Options{})
		s, err := r.Open(Info{Protocol: "rtmp", Action: Play, Stream: "live/a", Transport: "tcp"}, func(reason.Reason) {})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Wait(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		s.Close(reason.StreamNotFound, nil)
		want := []string{"0s connected tcp", "5s waited 5s", "5s closed stream_not_found"}
		if got := r.Ended()[0].Timeline; !slices.Equal(written(got), want) {
			t.Errorf("%q", written(got))
		}
	})
}

// Of many skips the first and the last are kept, and how many were between.
func TestTimelineOfSkips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			skips int
			want  []string
		}{
			{0, nil},
			{firstSkips, []string{"1", "2", "3", "4"}},
			{firstSkips + 2, []string{"1", "2", "3", "4", "5", "6"}},
			{firstSkips + lastSkips, []string{"1", "2", "3", "4", "5", "6", "7", "8"}},
			{firstSkips + lastSkips + 1, []string{"1", "2", "3", "4", "1 more", "6", "7", "8", "9"}},
			{1000, []string{"1", "2", "3", "4", "992 more", "997", "998", "999", "1000"}},
		} {
			r := NewRegistry(Options{})
			s, err := r.Open(Info{Protocol: "rtmp", Action: Play, Stream: "live/a"}, func(reason.Reason) {})
			if err != nil {
				t.Fatal(err)
			}
			for n := range test.skips {
				time.Sleep(time.Second)
				s.Skipped(reason.LagBytes, n+1)
			}
			for range 2 * maxSteps { // neither drives the other out
				s.Reached(ICEPair, "another")
			}
			snapshot, _ := r.Get(s.ID())
			var got []string
			pairs := 0
			for _, step := range snapshot.Timeline {
				switch step.What {
				case Skip:
					words := strings.TrimSuffix(strings.TrimPrefix(step.Detail, "lag_bytes, "), " frames")
					if !strings.HasSuffix(step.Detail, "more") && step.At.Sub(s.since) != time.Duration(mustAtoi(t, words))*time.Second {
						t.Errorf("%s at %v", words, step.At.Sub(s.since))
					}
					got = append(got, words)
				case ICEPair:
					pairs++
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%d skips: %q", test.skips, got)
			}
			if pairs != maxSteps-1 {
				t.Errorf("%d skips: %d other steps", test.skips, pairs)
			}
			if !slices.IsSortedFunc(snapshot.Timeline, func(a, b Step) int { return a.At.Compare(b.At) }) {
				t.Error("not in order")
			}
			s.Close(reason.ClientClosed, nil)
		}
	})
}

func mustAtoi(t *testing.T, text string) (n int) {
	t.Helper()
	if _, err := fmt.Sscan(text, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A timeline is small: of 10,000 sessions it is 6 MB at most.
func TestTimelineIsSmall(t *testing.T) {
	const sessions, most = 2000, 600
	layout := &av.Layout{Tracks: []*av.Track{{Kind: av.Video, Codec: av.H264, Width: 1280, Height: 720}, {Kind: av.Audio, Codec: av.AAC}}}
	all := make([]*Session, sessions)
	before := heap()
	for i := range all {
		all[i] = new(Session)
	}
	empty := heap()
	for _, s := range all {
		s.begin([]step{{what: Handshake}, {what: Authorised, detail: "auth.users[0].allow[1]"}})
		s.note(Waited, "", 1)
		s.LayoutKnown(layout)
		s.FrameKnown()
	}
	full := heap()
	size := (full - empty) / sessions
	t.Logf("a session without: %d bytes, its timeline: %d", (empty-before)/sessions, size)
	if size > most {
		t.Errorf("a timeline takes %d bytes", size)
	}
	runtime.KeepAlive(all)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

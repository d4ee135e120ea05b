package hlsclient

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// live returns a playlist of segments of 2 s from a number on, and of parts of
// 1 s of which the last segments have two and the open one so many.
func live(t *testing.T, from, segments, open int) *Media {
	t.Helper()
	text := fmt.Sprintf("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=3\n"+
		"#EXT-X-PART-INF:PART-TARGET=1\n#EXT-X-MEDIA-SEQUENCE:%d\n", from)
	for i := range segments + 1 {
		n := 2
		if i == segments {
			n = open
		}
		for part := range n {
			text += fmt.Sprintf("#EXT-X-PART:DURATION=1,URI=\"%d.%d\"\n", from+i, part)
		}
		if i < segments {
			text += fmt.Sprintf("#EXTINF:2,\n%d\n", from+i)
		}
	}
	m, err := ParseMedia(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestFollower(t *testing.T) {
	for _, test := range []struct {
		name  string
		plain bool
		lists [][3]int // of live
		want  string   // what is loaded, a dash for the end of a segment whose parts were
		query string
		wait  time.Duration
	}{
		{"the beginning", false, [][3]int{{10, 5, 1}}, "14 15.0", "_HLS_msn=15&_HLS_part=1", 0},
		{"part by part", false, [][3]int{{10, 5, 1}, {10, 5, 2}, {11, 5, 0}, {11, 5, 1}}, "14 15.0 | 15.1 | - | 16.0", "_HLS_msn=16&_HLS_part=1", 0},
		{"a whole segment meanwhile", false, [][3]int{{10, 5, 1}, {11, 5, 1}}, "14 15.0 | 15.1 - 16.0", "_HLS_msn=16&_HLS_part=1", 0},
		{"a server that does not wait", false, [][3]int{{10, 5, 1}, {10, 5, 1}}, "14 15.0 | ", "_HLS_msn=15&_HLS_part=1", time.Second},
		{"too late", false, [][3]int{{10, 5, 0}, {20, 3, 0}}, "13 14 | 20 21 22", "_HLS_msn=23&_HLS_part=0", 0},
		{"a restart", false, [][3]int{{10, 5, 0}, {1, 3, 0}}, "13 14 | 2 3", "_HLS_msn=4&_HLS_part=0", 0},
		{"plain", true, [][3]int{{10, 5, 1}, {11, 5, 1}, {11, 5, 2}}, "12 13 14 | 15 | ", "", time.Second},
		{"plain with something new", true, [][3]int{{10, 5, 1}}, "12 13 14", "", 2 * time.Second},
		{"a short playlist", true, [][3]int{{0, 1, 0}}, "0", "", 2 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := Follower{Plain: test.plain}
			var got []string
			for _, list := range test.lists {
				var names []string
				for _, p := range f.Update(live(t, list[0], list[1], list[2])) {
					if p.URI == "" {
						p.URI = "-"
					}
					names = append(names, p.URI)
				}
				got = append(got, strings.Join(names, " "))
			}
			if text := strings.Join(got, " | "); text != test.want {
				t.Errorf("loaded %q, want %q", text, test.want)
			}
			if wait, query := f.Reload(); query != test.query || wait != test.wait {
				t.Errorf("reload after %v with %q, want %v and %q", wait, query, test.wait, test.query)
			}
		})
	}
}

func TestFollowerCounts(t *testing.T) {
	f := Follower{}
	f.Update(live(t, 10, 5, 0))
	f.Update(live(t, 20, 3, 0))
	f.Update(live(t, 1, 3, 0))
	if f.Missed != 5 || f.Restarts != 1 || f.Ended() {
		t.Errorf("missed %d, restarts %d, ended %t", f.Missed, f.Restarts, f.Ended())
	}
}

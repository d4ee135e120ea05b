package probe

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/protocols/hls/hlsclient"
	"github.com/weirmedia/weir/remux/fmp4"
	"github.com/weirmedia/weir/remux/ts"
)

// reel makes files of pictures and sound, a second each.
type reel struct {
	t      *testing.T
	tracks [2]*av.Track
	layout *av.Layout
}

func newReel(t *testing.T) *reel {
	config, err := hex.DecodeString(avcConfig)
	if err != nil {
		t.Fatal(err)
	}
	tracks := [2]*av.Track{
		{ID: 0, Kind: av.Video, Codec: av.H264, Config: config, Width: 640, Height: 360},
		{ID: 1, Kind: av.Audio, Codec: av.AAC, Config: []byte{0x11, 0x90}, SampleRate: 48000, Channels: 2},
	}
	return &reel{t, tracks, &av.Layout{Tracks: tracks[:], Ready: true}}
}

const pictureTime = 40 * time.Millisecond

// second returns the frames of second n, by track. The first picture is a key
// frame, or none is.
func (r *reel) second(n int, key bool) (frames [2][]*av.Frame) {
	add := func(track int, at time.Duration, f av.Frame) {
		f.Track, f.Layout = r.tracks[track], r.layout
		f.DTS = int64(time.Duration(n)*time.Second + at)
		f.PTS = f.DTS
		frames[track] = append(frames[track], &f)
	}
	for at := time.Duration(0); at < time.Second; at += pictureTime {
		nal, first := byte(other), key && at == 0
		if first {
			nal = idr
		}
		add(0, at, av.Frame{Key: first, Payload: append([]byte{0, 0, 0, 101, nal}, bytes.Repeat([]byte{1}, 100)...)})
		add(1, at, av.Frame{Payload: make([]byte, 50)})
		add(1, at+pictureTime/2, av.Frame{Payload: make([]byte, 50)})
	}
	return frames
}

func (r *reel) ts(n int, key bool) string {
	r.t.Helper()
	var m ts.Muxer
	b, err := m.AppendTables(nil, r.layout)
	seconds := r.second(n, key)
	all := slices.Concat(seconds[0], seconds[1])
	slices.SortStableFunc(all, func(x, y *av.Frame) int { return cmp.Compare(x.DTS, y.DTS) })
	for i, f := range all {
		if err == nil {
			b, err = m.AppendFrame(b, f, r.layout, i == 0)
		}
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return string(b)
}

func (r *reel) init() string {
	r.t.Helper()
	b, err := fmp4.AppendInit(nil, r.layout)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(b)
}

func (r *reel) fragment(n int, key bool) string {
	var runs []fmp4.Run
	for i, frames := range r.second(n, key) {
		runs = append(runs, fmp4.Run{Track: r.tracks[i], Frames: frames, End: int64(n+1) * int64(time.Second)})
	}
	return string(fmp4.AppendFragment(nil, uint32(n+1), runs...))
}

// host answers with files by their names.
func host(t *testing.T, files map[string]string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		text, ok := files[q.URL.Path]
		if !ok {
			http.NotFound(w, q)
			return
		}
		_, _ = w.Write([]byte(text)) // a client that is gone has what it wanted
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// hlsCodes are the findings about HLS.
var hlsCodes = []string{
	"segment_long", "part_long", "segment_without_key", "discontinuity", "segment_gap", "segment_failed", "segment_missed", "slow_segments",
	"playlist_failed", "playlist_stuck", "playlist_restarted", "blocking_reload", "part_hold_back", "bandwidth_low", "codecs_missing", "codecs_differ",
}

// hlsFindings returns the findings about HLS among others.
func hlsFindings(all []Finding) (out []string) {
	for _, f := range all {
		if slices.Contains(hlsCodes, f.Code) {
			out = append(out, string(f.Severity)+" "+f.Code)
		}
	}
	return out
}

// TestHLSFindings: what is wrong with playlists and segments is found, and
// nothing else.
func TestHLSFindings(t *testing.T) {
	r := newReel(t)
	const good, low = `BANDWIDTH=2000000,CODECS="avc1.4d401f,mp4a.40.2"`, "#EXT-X-PART-INF:PART-TARGET=0.5\n"
	const control = "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.5\n"
	const halves = "#EXT-X-PART:DURATION=0.5,URI=\"a\"\n#EXT-X-PART:DURATION=%s,URI=\"b\"\n"
	const fragments = "#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:1,\n0.mp4\n#EXTINF:1,\nopen.mp4\n"
	files := map[string]string{"/0.ts": r.ts(0, true), "/1.ts": r.ts(1, true), "/2.ts": r.ts(2, true), "/init.mp4": r.init(), "/0.mp4": r.fragment(0, true), "/open.mp4": r.fragment(1, false), "/open.ts": r.ts(1, false)}
	for i, test := range []struct {
		name, variant, head string
		segments            string
		want                string
	}{
		{"good", good, "", "#EXTINF:1,\n0.ts\n#EXTINF:1,\n1.ts\n#EXTINF:1,\n2.ts\n", ""},
		{"good with parts", good, low + control, "#EXTINF:1,\n0.ts\n" + fmt.Sprintf(halves, "0.5") + "#EXTINF:1,\n1.ts\n", ""},
		{"a long segment", good, "", "#EXTINF:1,\n0.ts\n#EXTINF:1.6,\n1.ts\n", "wrong segment_long"},
		{"a long part", good, low + control, "#EXTINF:1,\n0.ts\n" + fmt.Sprintf(halves, "0.6") + "#EXTINF:1.1,\n1.ts\n", "wrong part_long"},
		{"no key frame", good, "", fragments, "advice segment_without_key"},
		{"no key frame in spite of a promise", good, "#EXT-X-INDEPENDENT-SEGMENTS\n", fragments, "wrong segment_without_key"},
		{"no key frame in MPEG-TS", good, "", "#EXTINF:1,\n0.ts\n#EXTINF:1,\nopen.ts\n", "advice segment_without_key"},
		{"an interruption", good, "", "#EXTINF:1,\n0.ts\n#EXT-X-DISCONTINUITY\n#EXTINF:1,\n2.ts\n", "advice discontinuity"},
		{"a gap", good, "", "#EXTINF:1,\n0.ts\n#EXT-X-GAP\n#EXTINF:1,\nno.ts\n#EXTINF:1,\n2.ts\n", "wrong segment_gap"},
		{"a segment that is not there", good, "", "#EXTINF:1,\n0.ts\n#EXTINF:1,\nno.ts\n#EXTINF:1,\n2.ts\n", "wrong segment_failed"},
		{"parts without waiting", good, low + "#EXT-X-SERVER-CONTROL:PART-HOLD-BACK=1.5\n", "#EXTINF:1,\n0.ts\n", "wrong blocking_reload"},
		{"parts without hold back", good, low + "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES\n", "#EXTINF:1,\n0.ts\n", "wrong part_hold_back"},
		{"a low bandwidth", `BANDWIDTH=1000,CODECS="avc1.4d401f,mp4a.40.2"`, "", "#EXTINF:1,\n0.ts\n", "wrong bandwidth_low"},
		{"no codecs", `BANDWIDTH=2000000`, "", "#EXTINF:1,\n0.ts\n", "advice codecs_missing"},
		{"another profile", `BANDWIDTH=2000000,CODECS="avc1.640028,mp4a.40.2"`, "", "#EXTINF:1,\n0.ts\n", "advice codecs_differ"},
		{"another codec", `BANDWIDTH=2000000,CODECS="hvc1.1.6.L93.B0,mp4a.40.2"`, "", "#EXTINF:1,\n0.ts\n", "wrong codecs_differ"},
	} {
		index := fmt.Sprintf("/index%d.m3u8", i)
		files[index] = "#EXTM3U\n#EXT-X-STREAM-INF:" + test.variant + "\nmedia" + index[1:] + "\n"
		files["/media"+index[1:]] = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n" + test.head + test.segments + "#EXT-X-ENDLIST\n"
		t.Run(test.name, func(t *testing.T) {
			report, err := Run(t.Context(), host(t, files)+index, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(hlsFindings(report.Findings), ", "); got != test.want {
				t.Errorf("found %q, want %q in %+v", got, test.want, report.Findings)
			}
			h := report.HLS
			if report.Protocol != "hls" || h == nil || h.Format == "" || !h.Ended || len(h.Variants) != 1 || h.Played != 0 || h.Segments.Count == 0 {
				t.Errorf("%s, %+v", report.Protocol, h)
			}
		})
	}
}

// TestHLSFindingsOfTime: findings about when something came.
func TestHLSFindingsOfTime(t *testing.T) {
	list := func(control string) *hlsclient.Media {
		m, err := hlsclient.ParseMedia("#EXTM3U\n#EXT-X-TARGETDURATION:1\n" + control + "#EXTINF:1,\na\n")
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	plain := list("")
	waits := list("#EXT-X-PART-INF:PART-TARGET=0.5\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.5\n")
	begin := time.Unix(1_000_000, 0)
	at := func(after time.Duration, l hlsclient.PlaylistLoad) hlsclient.PlaylistLoad {
		l.Sent = begin.Add(after)
		if l.Media == nil && l.Err == nil {
			l.Media = plain
		}
		return l
	}
	took := func(d time.Duration) []hlsclient.SegmentLoad {
		return []hlsclient.SegmentLoad{{Segment: &plain.Segments[0], Format: hlsclient.TS, Bytes: 1000, Took: d, Video: true, Key: true}}
	}
	for _, test := range []struct {
		name      string
		playlists []hlsclient.PlaylistLoad
		segments  []hlsclient.SegmentLoad
		ended     time.Duration
		want      string
	}{
		{"in time", []hlsclient.PlaylistLoad{at(0, hlsclient.PlaylistLoad{New: 1}), at(2400*time.Millisecond, hlsclient.PlaylistLoad{New: 1})}, took(600 * time.Millisecond), 3 * time.Second, ""},
		{"a playlist that stays", []hlsclient.PlaylistLoad{at(0, hlsclient.PlaylistLoad{New: 1}), at(2600*time.Millisecond, hlsclient.PlaylistLoad{New: 1})}, nil, 3 * time.Second, "wrong playlist_stuck"},
		{"one that stays to the end", []hlsclient.PlaylistLoad{at(0, hlsclient.PlaylistLoad{New: 1}), at(time.Second, hlsclient.PlaylistLoad{})}, nil, 3 * time.Second, "wrong playlist_stuck"},
		{"a refusal", []hlsclient.PlaylistLoad{at(0, hlsclient.PlaylistLoad{New: 1}), at(time.Second, hlsclient.PlaylistLoad{Err: errors.New("503")})}, nil, 2 * time.Second, "wrong playlist_failed"},
		{"a restart", []hlsclient.PlaylistLoad{at(0, hlsclient.PlaylistLoad{New: 1}), at(time.Second, hlsclient.PlaylistLoad{New: 1, Restarted: true})}, nil, 2 * time.Second, "wrong playlist_restarted"},
		{"segments that left", []hlsclient.PlaylistLoad{at(0, hlsclient.PlaylistLoad{New: 1}), at(time.Second, hlsclient.PlaylistLoad{New: 1, Missed: 2})}, nil, 2 * time.Second, "wrong segment_missed"},
		{"slow segments", []hlsclient.PlaylistLoad{at(0, hlsclient.PlaylistLoad{New: 1})}, took(800 * time.Millisecond), time.Second, "wrong slow_segments"},
		{"answers with nothing", slices.Repeat([]hlsclient.PlaylistLoad{at(0, hlsclient.PlaylistLoad{Media: waits, Blocking: true})}, someBlocking), nil, time.Second, "wrong blocking_reload"},
		{"too few to tell", slices.Repeat([]hlsclient.PlaylistLoad{at(0, hlsclient.PlaylistLoad{Media: waits, Blocking: true})}, someBlocking-1), nil, time.Second, ""},
		{"separate sound", []hlsclient.PlaylistLoad{at(0, hlsclient.PlaylistLoad{New: 1}), at(time.Second, hlsclient.PlaylistLoad{Rendition: 1, Missed: 2, Err: errors.New("503")})}, nil, time.Second, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := &hlsLog{}
			for _, p := range test.playlists {
				l.playlist(p)
			}
			for _, s := range test.segments {
				l.segment(s)
			}
			l.end(begin.Add(test.ended))
			var n notes
			l.judgeHLS(&n, l.report(NewAnalyzer(Facts{})))
			if got := strings.Join(hlsFindings(n.list), ", "); got != test.want || len(n.list) > 1 {
				t.Errorf("found %q, want %q in %+v", got, test.want, n.list)
			}
		})
	}
}

// TestContainers: files are told by what is in them, streams of HTTP by their
// address.
func TestContainers(t *testing.T) {
	r := newReel(t)
	files := map[string]string{
		"/a.ts": r.ts(0, true) + r.ts(1, true), "/a.mp4": r.init() + r.fragment(0, true) + r.fragment(1, true),
		"/plain.mp4": strings.Replace(r.init(), "mvex", "free", 1) + "\x00\x00\x00\x08mdat",
		"/list.m3u8": "#EXTM3U\n",
	}
	dir, url := t.TempDir(), host(t, files)
	for path, text := range files {
		if err := os.WriteFile(filepath.Join(dir, path), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ target, protocol, container string }{
		{dir + "/a.ts", "file", containerTS}, {dir + "/a.mp4", "file", containerMP4},
		{url + "/a.ts", "http-ts", containerTS}, {url + "/a.mp4", "http-fmp4", containerMP4},
	} {
		report, err := Run(t.Context(), test.target, Options{})
		if err != nil {
			t.Errorf("%s: %v", test.target, err)
			continue
		}
		if report.Protocol != test.protocol || report.Container != test.container || len(report.Tracks) != 2 || report.Seconds < 1.9 || report.Seconds > 2 {
			t.Errorf("%s: %s of %s, %v s, tracks %+v", test.target, report.Protocol, report.Container, report.Seconds, report.Tracks)
		}
		for i, codec := range []string{"H264", "AAC"} {
			if got := report.Tracks[i]; got.Codec != codec || got.ID != i {
				t.Errorf("%s: track %d is %+v", test.target, i, got)
			}
		}
	}
	if _, err := Run(t.Context(), dir+"/plain.mp4", Options{}); reason.Of(err, "") != reason.Unsupported {
		t.Errorf("MP4 that is not fragmented: %v", err)
	}
	if _, err := Run(t.Context(), dir+"/list.m3u8", Options{}); err == nil || !strings.Contains(err.Error(), "name its URL") {
		t.Errorf("a playlist as a file: %v", err)
	}
}

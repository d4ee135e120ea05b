package vod

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gohlslib/v2"
	"github.com/bluenviron/gohlslib/v2/pkg/codecs"
	"go.uber.org/goleak"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/protocols/record/library"
	"github.com/weirmedia/weir/remux/flv"
	"github.com/weirmedia/weir/remux/flv/flvtest"
	"github.com/weirmedia/weir/remux/mediafile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var day = time.Date(2026, 11, 21, 15, 0, 0, 0, time.UTC)

// clip is what is recorded: pictures with B-frames, and sound.
type clip struct {
	layout *av.Layout
	frames []*av.Frame
	length time.Duration
}

// newClip reads a clip of package flv and repeats it n times.
func newClip(t *testing.T, n int) clip {
	t.Helper()
	c, tracks := clip{layout: &av.Layout{Ready: true, Epoch: 1}}, map[int]*av.Track{}
	var once []*av.Frame
	var length int64
	for _, p := range flvtest.Packets(t, "../../../remux/flv/testdata/bframes.flv") {
		if p.Track != nil && tracks[p.Track.ID] == nil {
			tracks[p.Track.ID] = p.Track
			c.layout.Tracks = append(c.layout.Tracks, p.Track)
		}
		if p.Kind == flv.FramePacket {
			p.Frame.Track = tracks[p.Frame.Track.ID]
			once = append(once, p.Frame)
			length = max(length, p.Frame.DTS+int64(40*time.Millisecond))
		}
	}
	slices.SortFunc(c.layout.Tracks, func(a, b *av.Track) int { return a.ID - b.ID })
	for i := range n {
		for _, f := range once {
			g := *f
			g.DTS, g.PTS = g.DTS+int64(i)*length, g.PTS+int64(i)*length
			c.frames = append(c.frames, &g)
		}
	}
	c.length = time.Duration(int64(n) * length)
	return c
}

// rig is a library with its playlists, served as the API does.
type rig struct {
	*Playlists
	t        *testing.T
	folder   string
	library  *library.Library
	server   *httptest.Server
	mu       sync.Mutex
	requests []*http.Request // of files
}

func newRig(t *testing.T) *rig {
	t.Helper()
	dir := t.TempDir()
	folder := filepath.Join(dir, "recordings")
	l, err := library.Open(library.Options{Folder: folder, Index: filepath.Join(dir, "recordings.db")})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{Playlists: New(l), t: t, folder: folder, library: l}
	r.server = httptest.NewServer(r)
	t.Cleanup(func() {
		r.server.Close()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// ServeHTTP implements http.Handler.
func (r *rig) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if id, file, ok := strings.Cut(q.URL.Path[1:], "/"); ok && strings.HasPrefix(file, "file.") {
		r.mu.Lock()
		r.requests = append(r.requests, q)
		r.mu.Unlock()
		s, file, err := r.library.Open(id)
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		defer file.Close()
		r.Fetched(s, q.URL.Query().Get("hold"))
		http.ServeContent(w, q, s.File, time.Time{}, file)
		return
	}
	text, err := r.Playlist(Range{Stream: "live/a", Token: q.URL.Query().Get("token")})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", ContentType)
	_, _ = w.Write(text)
}

// record writes a segment and returns it.
func (r *rig) record(c clip, format mediafile.Format, start time.Time) library.Segment {
	r.t.Helper()
	f, w := r.begin(c, format, start)
	if err := w.Close(); err != nil {
		r.t.Fatal(err)
	}
	s, err := f.End(w.Duration(), "segment_duration")
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// begin writes a segment that goes on.
func (r *rig) begin(c clip, format mediafile.Format, start time.Time) (*library.File, *mediafile.Writer) {
	r.t.Helper()
	f, err := r.library.Create(library.Segment{Stream: "live/a", File: fmt.Sprintf("a/%d.%s", start.Unix(), format), Format: format, Start: start})
	if err != nil {
		r.t.Fatal(err)
	}
	w, err := mediafile.NewWriter(f, format, mediafile.Header{Stream: "live/a", Start: start}, c.layout)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, frame := range c.frames {
		if err := w.Write(frame, frame.Key && c.layout.Leads(frame.Track)); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		r.t.Fatal(err)
	}
	f.Note(w.Duration())
	return f, w
}

// TestPlaylist: pieces of a few seconds from key frame to key frame, which together
// are the files; a discontinuity, a map and the time of day for each file.
func TestPlaylist(t *testing.T) {
	c := newClip(t, 8)
	for _, format := range []mediafile.Format{mediafile.MP4, mediafile.TS} {
		t.Run(string(format), func(t *testing.T) {
			r := newRig(t)
			first := r.record(c, format, day)
			second := r.record(c, format, day.Add(time.Hour).Add(250*time.Millisecond))
			text, err := r.Playlist(Range{Stream: "live/a", Token: "a b&c"})
			if err != nil {
				t.Fatal(err)
			}
			uri := first.ID + "/file." + string(format) + "?hold=" + fmt.Sprint(first.Start.UnixMilli(), "-", second.End().UnixMilli()) + "&token=a+b%26c\n"
			want := "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-TARGETDURATION:"
			if !strings.HasPrefix(string(text), want) || !strings.Contains(string(text), "\n"+uri) || !strings.HasSuffix(string(text), "\n#EXT-X-ENDLIST\n") {
				t.Fatalf("%s", text)
			}
			if n := strings.Count(string(text), "#EXT-X-MAP:"); n != map[mediafile.Format]int{mediafile.MP4: 1}[format] {
				t.Errorf("%d maps", n)
			}
			if strings.Count(string(text), "#EXT-X-DISCONTINUITY\n") != 1 || !strings.Contains(string(text), "#EXT-X-PROGRAM-DATE-TIME:2026-11-21T15:00:00.000Z\n") ||
				!strings.Contains(string(text), "#EXT-X-PROGRAM-DATE-TIME:2026-11-21T16:00:00.250Z\n") {
				t.Errorf("%s", text)
			}
			var seconds float64
			target, _ := strconv.ParseFloat(regexp.MustCompile(`TARGETDURATION:(\d+)`).FindStringSubmatch(string(text))[1], 64)
			pieces := regexp.MustCompile(`#EXTINF:([\d.]+),\n#EXT-X-BYTERANGE:(\d+)@(\d+)\n(\w+)/file`).FindAllStringSubmatch(string(text), -1)
			ends := map[string]int64{}
			for _, p := range pieces {
				d, _ := strconv.ParseFloat(p[1], 64)
				n, _ := strconv.ParseInt(p[2], 10, 64)
				at, _ := strconv.ParseInt(p[3], 10, 64)
				seconds += d
				if end, ok := ends[p[4]]; d > target || ok && end != at {
					t.Errorf("%v after %d", p[1:], end)
				}
				ends[p[4]] = at + n
			}
			if want := (first.Duration + second.Duration).Seconds(); seconds < want-0.1 || seconds > want+0.1 || len(pieces) < 4 || len(ends) != 2 {
				t.Errorf("%d pieces of %v s, want %v s: %s", len(pieces), seconds, want, text)
			}
			again, err := r.Playlist(Range{Stream: "live/a", Token: "a b&c"})
			if err != nil || !bytes.Equal(again, text) {
				t.Errorf("the second time: %s %v", again, err)
			}
			begin := first.Start.Add(5 * time.Second)
			part, err := r.Playlist(Range{Stream: "live/a", From: begin, To: begin.Add(time.Second)})
			if n := strings.Count(string(part), "#EXTINF"); err != nil || n < 1 || n > 2 || strings.Contains(string(part), second.ID) {
				t.Errorf("%s %v", part, err)
			}
		})
	}
}

// TestRefused: what cannot be played is said.
func TestRefused(t *testing.T) {
	c := newClip(t, 1)
	r := newRig(t)
	if _, err := r.Playlist(Range{Stream: "live/a"}); !errors.Is(err, ErrNothing) {
		t.Error(err)
	}
	r.record(c, mediafile.MP4, day)
	r.record(c, mediafile.TS, day.Add(time.Hour))
	r.record(c, mediafile.FLV, day.Add(2*time.Hour))
	for from, want := range map[time.Duration]string{0: "mp4 and ts", time.Hour: "FLV", 2 * time.Hour: "FLV"} {
		_, err := r.Playlist(Range{Stream: "live/a", From: day.Add(from)})
		if reason.Of(err, "") != reason.Unsupported || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", from, err)
		}
	}
	for _, from := range []time.Duration{-time.Hour, 30 * time.Minute} {
		if _, err := r.Playlist(Range{Stream: "live/a", From: day.Add(from), To: day.Add(from + time.Minute)}); !errors.Is(err, ErrNothing) {
			t.Error(err)
		}
	}
}

// TestUnreadable: a file that the disk does not give costs itself alone.
func TestUnreadable(t *testing.T) {
	r, c := newRig(t), newClip(t, 3)
	var all []library.Segment
	for i := range 3 {
		all = append(all, r.record(c, mediafile.MP4, day.Add(time.Duration(i)*time.Minute)))
	}
	breaks := func(s library.Segment) { // no folder can be read as a file
		name := filepath.Join(r.folder, filepath.FromSlash(s.File))
		if err := errors.Join(os.Remove(name), os.Mkdir(name, 0o750)); err != nil {
			t.Fatal(err)
		}
	}
	breaks(all[1])
	text, err := r.Playlist(Range{Stream: "live/a"})
	if got := string(text); err != nil || !strings.Contains(got, all[0].ID+"/") || strings.Contains(got, all[1].ID+"/") || !strings.Contains(got, all[2].ID+"/") {
		t.Errorf("%v\n%s", err, text)
	}
	if !strings.Contains(string(text), "\n# "+all[1].ID) {
		t.Errorf("it does not tell what it lacks:\n%s", text)
	}
	breaks(all[0])
	breaks(all[2])
	if text, err := New(r.library).Playlist(Range{Stream: "live/a"}); err == nil || errors.Is(err, ErrNothing) {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestWhileWritten: a file that is being written is played as far as it is, and further
// by the next playlist.
func TestWhileWritten(t *testing.T) {
	c := newClip(t, 4)
	r := newRig(t)
	f, w := r.begin(c, mediafile.MP4, day)
	first, err := r.Playlist(Range{Stream: "live/a"})
	if err != nil {
		t.Fatal(err)
	}
	for _, frame := range c.frames {
		g := *frame
		g.DTS, g.PTS = g.DTS+int64(c.length), g.PTS+int64(c.length)
		if err := w.Write(&g, g.Key && c.layout.Leads(g.Track)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.End(w.Duration(), "unpublished"); err != nil {
		t.Fatal(err)
	}
	second, err := r.Playlist(Range{Stream: "live/a"})
	if err != nil || strings.Count(string(second), "#EXTINF") <= strings.Count(string(first), "#EXTINF") {
		t.Errorf("%s\nthen %s %v", first, second, err)
	}
}

// TestHold: retention leaves what a playlist named alone while it is fetched.
func TestHold(t *testing.T) {
	c := newClip(t, 1)
	r := newRig(t)
	var all []library.Segment
	for i := range 4 {
		all = append(all, r.record(c, mediafile.MP4, day.Add(time.Duration(i)*time.Hour)))
	}
	text, err := r.Playlist(Range{Stream: "live/a", From: all[1].Start, To: all[2].End()})
	if err != nil {
		t.Fatal(err)
	}
	r.library.SetKeep(func(string) library.Keep { return library.Keep{Age: time.Nanosecond} }, 0)
	left := func() (files []string) {
		list, _, err := r.library.List(library.Query{Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list {
			files = append(files, s.ID)
		}
		return files
	}
	want := []string{all[1].ID, all[2].ID}
	for end := time.Now().Add(time.Minute); !slices.Equal(left(), want) && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if got := left(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	hold := regexp.MustCompile(`hold=([\d-]+)`).FindStringSubmatch(string(text))[1]
	for _, hold := range []string{hold, "", "x", "1-", "-", "9223372036854775807-1", "5-4"} {
		r.Fetched(all[2], hold)
	}
}

// TestFFmpegPlays: ffmpeg plays playlists to their end, without a complaint, and gets
// every picture; but at the beginning of each further MP4 file it leaves out the
// pictures of a fragment, since it does not let its time go back there.
func TestFFmpegPlays(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Fatalf("%v: make clients installs it", err)
	}
	c := newClip(t, 4)
	pictures, fragment := 0, 8
	for _, f := range c.frames {
		if f.Track.Kind == av.Video {
			pictures++
		}
	}
	for _, test := range []struct {
		format      mediafile.Format
		files, want int
	}{{mediafile.MP4, 1, pictures}, {mediafile.MP4, 3, 3*pictures - 2*fragment}, {mediafile.TS, 3, 3 * pictures}} {
		t.Run(fmt.Sprint(test.files, " ", test.format), func(t *testing.T) {
			r := newRig(t)
			for i := range test.files {
				r.record(c, test.format, day.Add(time.Duration(i)*time.Hour))
			}
			var out, complaints bytes.Buffer
			cmd := exec.CommandContext(t.Context(), "ffmpeg", "-nostdin", "-v", "warning", "-protocol_whitelist", "http,tcp",
				"-i", r.server.URL+"/playlist.m3u8?token=x", "-map", "0:v", "-f", "framehash", "-hash", "crc32", "-")
			cmd.Stdout, cmd.Stderr = &out, &complaints
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v: %s", err, &complaints)
			}
			if got := strings.Count("\n"+out.String(), "\n0,"); got < test.want || complaints.Len() > 0 {
				t.Errorf("%d pictures, want %d: %s", got, test.want, &complaints)
			}
			for _, q := range r.requests {
				if q.URL.Query().Get("token") != "x" || q.Header.Get("Range") == "" {
					t.Error(q.URL, q.Header)
				}
			}
		})
	}
}

// TestOtherClient: so does a client of another make.
func TestOtherClient(t *testing.T) {
	c := newClip(t, 4)
	r := newRig(t)
	r.record(c, mediafile.MP4, day)
	var mu sync.Mutex
	got := map[string]bool{}
	client := &gohlslib.Client{URI: r.server.URL + "/playlist.m3u8"}
	client.OnTracks = func(tracks []*gohlslib.Track) error {
		for _, track := range tracks {
			if _, ok := track.Codec.(*codecs.H264); ok {
				client.OnDataH26x(track, func(_, _ int64, au [][]byte) {
					mu.Lock()
					defer mu.Unlock()
					for _, nal := range au {
						got[string(nal)] = true
					}
				})
			}
		}
		return nil
	}
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	pictures := map[string]bool{}
	for _, f := range c.frames {
		if f.Track.Kind == av.Video && !f.Key {
			pictures[string(f.Payload[4:])] = true
		}
	}
	seen := func() (n int) {
		mu.Lock()
		defer mu.Unlock()
		for p := range pictures {
			if got[p] {
				n++
			}
		}
		return n
	}
	for end := time.Now().Add(time.Minute); seen() < len(pictures)*9/10; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d of %d pictures", seen(), len(pictures))
		}
	}
}

// FuzzFetched: what players send in place of what they were told does no harm.
func FuzzFetched(f *testing.F) {
	dir := f.TempDir()
	l, err := library.Open(library.Options{Folder: dir, Index: filepath.Join(dir, "index")})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = l.Close() })
	p := New(l)
	f.Add("1795000000000-1795000060000")
	f.Fuzz(func(_ *testing.T, hold string) { p.Fetched(library.Segment{Stream: "live/a"}, hold) })
}

// TestNames: a file says of its tracks what the recorder said, so that a list is the same
// after the index was lost.
func TestNames(t *testing.T) {
	c, r := newClip(t, 1), newRig(t)
	for _, format := range mediafile.Formats() {
		s := r.record(c, format, day)
		_, file, err := r.library.Open(s.ID)
		if err != nil {
			t.Fatal(err)
		}
		info, err := mediafile.Describe(file, s.Bytes)
		_ = file.Close()
		got, want := library.Names(info.Tracks), library.Names(mediafile.Carried(format, c.layout))
		if err != nil || !slices.Equal(got, want) || !strings.HasSuffix(want[1], " Hz") {
			t.Errorf("%s: %q, recorded as %q, %v", format, got, want, err)
		}
	}
}

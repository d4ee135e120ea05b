package hlsclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/remux/fmp4"
	"github.com/weirmedia/weir/remux/ts"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds waits that end soon unless something is broken.
const patience = 20 * time.Second

var (
	sound  = &av.Track{ID: 0, Kind: av.Audio, Codec: av.AAC, Config: []byte{0x12, 0x10}, SampleRate: 44100, Channels: 2}
	layout = &av.Layout{Tracks: []*av.Track{sound}, Ready: true}
)

// second returns a second of sound, in 10 frames.
func second(begin time.Duration) []*av.Frame {
	var out []*av.Frame
	for i := range 10 {
		at := int64(begin) + int64(i)*int64(100*time.Millisecond)
		out = append(out, &av.Frame{Track: sound, Layout: layout, DTS: at, PTS: at, Payload: bytes.Repeat([]byte{byte(i + 1)}, 50)})
	}
	return out
}

func tsSegment(t *testing.T, begin time.Duration) string {
	t.Helper()
	var m ts.Muxer
	b, err := m.AppendTables(nil, layout)
	for i, f := range second(begin) {
		if err == nil {
			b, err = m.AppendFrame(b, f, layout, i == 0)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func mp4Segment(begin time.Duration) string {
	return string(fmp4.AppendFragment(nil, 1, fmp4.Run{Track: sound, Frames: second(begin), End: int64(begin + time.Second)}))
}

// serve answers with files by their names, ranges included.
func serve(t *testing.T, files map[string]string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		text, ok := files[strings.TrimPrefix(q.URL.Path, "/")]
		if user, _, _ := q.BasicAuth(); user != "ann" || !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		http.ServeContent(w, q, "", time.Time{}, strings.NewReader(text))
	}))
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "://", "://ann:secret@", 1) + "/"
}

// play reads a stream to its end.
func play(t *testing.T, url string, o Options) ([]Packet, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := Play(ctx, url, o)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var out []Packet
	for {
		p, err := c.Next()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		if p.Frame != nil {
			out = append(out, p)
		}
	}
}

const vod = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n%s#EXT-X-ENDLIST\n"

// wrapAt is a time whose second half is behind the wrap of 33 bits.
var wrapAt = time.Duration(wrap) - 1500*time.Millisecond

func TestPlay(t *testing.T) {
	initSegment, err := fmp4.AppendInit(nil, layout)
	if err != nil {
		t.Fatal(err)
	}
	one, two := mp4Segment(0), mp4Segment(time.Second)
	first, size := len(initSegment), len(one)
	files := map[string]string{
		"1.ts": tsSegment(t, wrapAt), "2.ts": tsSegment(t, wrapAt+time.Second), "9.ts": tsSegment(t, 500*time.Second),
		"ts.m3u8":  fmt.Sprintf(vod, "#EXTINF:1,\n1.ts\n#EXTINF:1,\n2.ts\n#EXT-X-DISCONTINUITY\n#EXTINF:1,\n9.ts\n"),
		"odd.m3u8": fmt.Sprintf(vod, "#EXTINF:1,\n1.ts\n#EXTINF:1,\n2.ts\n#EXT-X-DISCONTINUITY\n#EXTINF:3,\n9.ts\n"),
		"all.mp4":  string(initSegment) + one + two,
		"mp4.m3u8": fmt.Sprintf(vod, fmt.Sprintf("#EXT-X-MAP:URI=\"all.mp4\",BYTERANGE=\"%d@0\"\n#EXTINF:1,\n#EXT-X-BYTERANGE:%d@%d\nall.mp4\n#EXTINF:1,\n#EXT-X-BYTERANGE:%d\nall.mp4\n#EXT-X-GAP\n#EXTINF:1,\nnothing\n", first, size, first, len(two))),
		"list/index.m3u8": "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"b\",URI=\"../ts.m3u8\"\n" +
			"#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"a\"\n../mp4.m3u8\n",
	}
	root := serve(t, files)
	for _, test := range []struct {
		name, path         string
		frames, renditions int
	}{{"MPEG-TS with a wrap and a discontinuity", "ts.m3u8", 30, 1}, {"segments of several lengths", "odd.m3u8", 30, 1}, {"fMP4 in ranges of a file", "mp4.m3u8", 20, 1}, {"separate sound", "list/index.m3u8", 50, 2}} {
		t.Run(test.name, func(t *testing.T) {
			var segments []SegmentLoad
			lists := 0
			packets, err := play(t, root+test.path, Options{
				Segment: func(l SegmentLoad) { segments = append(segments, l) }, Playlist: func(PlaylistLoad) { lists++ },
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(packets) != test.frames || lists != test.renditions || len(segments) != 3*test.renditions {
				t.Errorf("%d frames, %d playlists, %d segments", len(packets), lists, len(segments))
			}
			var last [2]int64
			for i, p := range packets {
				if d := time.Duration(p.Frame.DTS - last[p.Rendition]).Round(time.Millisecond); last[p.Rendition] != 0 && d != 100*time.Millisecond {
					t.Errorf("frame %d of rendition %d is %v after the one before", i, p.Rendition, d)
				}
				last[p.Rendition] = p.Frame.DTS
			}
		})
	}
}

// TestPlayRefuses: errors name what could not be read.
func TestPlayRefuses(t *testing.T) {
	files := map[string]string{
		"page.m3u8": "<html>\n", "aes.m3u8": fmt.Sprintf(vod, "#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXTINF:1,\na.ts\n"),
		"packed.m3u8": fmt.Sprintf(vod, "#EXTINF:1,\na.aac\n"), "a.aac": "ID3\x04and so on",
		"gone.m3u8":   fmt.Sprintf(vod, "#EXTINF:1,\nno1.ts\n#EXTINF:1,\nno2.ts\n#EXTINF:1,\nno3.ts\n"),
		"plain.m3u8":  fmt.Sprintf(vod, "#EXT-X-MAP:URI=\"a.aac\"\n#EXTINF:1,\na.aac\n"),
		"scheme.m3u8": fmt.Sprintf(vod, "#EXTINF:1,\nfile:///etc/passwd\n"),
		"none.m3u8":   "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nnowhere.m3u8\n",
	}
	root := serve(t, files)
	for path, says := range map[string]string{
		"page.m3u8": `line 1, "<html>"`, "aes.m3u8": "segment 0 is encrypted (AES-128)", "packed.m3u8": "(a.aac) is neither MPEG-TS nor fragmented MP4",
		"gone.m3u8": "segment 2", "plain.m3u8": "fmp4", "scheme.m3u8": `scheme "file"`, "none.m3u8": "playlist nowhere.m3u8: the server says 404", "absent.m3u8": "404",
	} {
		_, err := play(t, root+path, Options{})
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %q", path, err, says)
		}
	}
	if _, err := play(t, root+"aes.m3u8", Options{}); reason.Of(err, "") != reason.Unsupported {
		t.Errorf("%v", err)
	}
	if _, err := play(t, "ws://127.0.0.1/a.m3u8", Options{}); err == nil {
		t.Error("HLS by WebSocket")
	}
}

// TestCloseWakesNext: a client that waits for something new ends at once.
func TestCloseWakesNext(t *testing.T) {
	root := serve(t, map[string]string{"live.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:3600\n"})
	c, err := Play(t.Context(), root+"live.m3u8", Options{})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, err := c.Next()
		done <- err
	}()
	c.Close()
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v", err)
	}
}

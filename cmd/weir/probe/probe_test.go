package probe

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/remux/flv"
)

// sampleFile is ten seconds long.
func sampleFile(t *testing.T) []byte {
	f := newFeed(t, Facts{})
	f.headers()
	f.regular(wide)
	return append(f.header, f.file...)
}

func TestFiles(t *testing.T) {
	whole := sampleFile(t)
	path := filepath.Join(t.TempDir(), "a.flv")
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, target string
		length       time.Duration
		stdin        []byte
		seconds      float64
		wrong        bool
	}{
		{"a file", path, 0, nil, 9.98, false},
		{"its beginning", path, 2 * time.Second, nil, 2, false},
		{"standard input", Stdin, 0, whole, 9.98, false},
		{"a file that is cut off", Stdin, 0, whole[:len(whole)-10], 9.96, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := Run(context.Background(), test.target, Options{Length: test.length, Stdin: bytes.NewReader(test.stdin)})
			if err != nil {
				t.Fatal(err)
			}
			if r.Protocol != "file" || r.Live || r.Seconds != test.seconds || r.Wrong() != test.wrong {
				t.Errorf("%s, live %t, %v s, wrong %t: %+v", r.Protocol, r.Live, r.Seconds, r.Wrong(), r.Findings)
			}
		})
	}
}

// server is one of odd FLV. It closes flowing once it has sent so much of
// "/endless" that some of it was read.
func server(t *testing.T, flowing chan<- struct{}) *httptest.Server {
	const buffers = 16 << 20 // more than sockets hold
	whole := sampleFile(t)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		_, _ = w.Write(whole[:13])
		_ = http.NewResponseController(w).Flush()
		switch q.URL.Path {
		case "/ends":
			_, _ = w.Write(whole[13:])
		case "/empty":
		case "/silent":
			<-q.Context().Done()
		case "/endless":
			for sent := 0; ; sent += len(whole) {
				if _, err := w.Write(whole[13:]); err != nil {
					return
				}
				if sent > buffers && flowing != nil {
					close(flowing)
					flowing = nil
				}
			}
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func TestLive(t *testing.T) {
	flowing := make(chan struct{})
	s := server(t, flowing)
	t.Run("a stream that ends", func(t *testing.T) {
		r, err := Run(context.Background(), strings.Replace(s.URL, "://", "://user:pass@", 1)+"/ends?token=1", Options{})
		if err != nil {
			t.Fatal(err)
		}
		if r.Protocol != "http-flv" || !r.Live || r.End != "EOF" || r.Seconds != 9.98 || r.Join == nil || r.Join.FirstPicture <= 0 {
			t.Errorf("%+v", r)
		}
		if strings.Contains(r.Source, "pass") || strings.Contains(r.Source, "token") || !strings.HasSuffix(r.Source, "/ends?…") {
			t.Errorf("source %q", r.Source)
		}
	})
	t.Run("stopped by its user", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			<-flowing
			cancel()
		}()
		r, err := Run(ctx, s.URL+"/endless", Options{Length: time.Hour})
		if err != nil || r.End != "" || len(r.Tracks) != 2 {
			t.Errorf("%+v, %v", r, err)
		}
	})
	t.Run("a stream that goes on", func(t *testing.T) {
		r, err := Run(context.Background(), server(t, nil).URL+"/endless", Options{Length: 300 * time.Millisecond})
		if err != nil || r.End != "" || len(r.Tracks) != 2 {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

func TestNothingToReport(t *testing.T) {
	s := server(t, nil)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for _, test := range []struct {
		name, target, err string
		ctx               context.Context
	}{
		{"no file", "nowhere.flv", "no such file", context.Background()},
		{"no FLV", "probe_test.go", "not an FLV file", context.Background()},
		{"nothing on standard input", Stdin, "file header at offset 0", context.Background()},
		{"a scheme", "srt://127.0.0.1/live", `scheme "srt" is not`, context.Background()},
		{"no server", "rtmp://127.0.0.1:1/live/test", "refused", context.Background()},
		{"no server of HTTP", "http://127.0.0.1:1/live/test.flv", "refused", context.Background()},
		{"no media", s.URL + "/silent", "within 300ms", context.Background()},
		{"the end at once", s.URL + "/empty", "EOF", context.Background()},
		{"stopped before", s.URL + "/endless", "context canceled", ended},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := Options{Stdin: strings.NewReader("")}
			if strings.HasSuffix(test.target, "/silent") {
				o.Timeout = 300 * time.Millisecond
			}
			r, err := Run(test.ctx, test.target, o)
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%+v, %v; want %q", r, err, test.err)
			}
		})
	}
}

func TestAnalyzerIsBounded(t *testing.T) {
	a := NewAnalyzer(Facts{})
	frame := []byte{0x2F, 0xFF, 0xFB, 0x90, 0x00}
	for i := range maxFrames + 10 {
		more := a.Add(flv.Tag{Type: flv.AudioTag, Timestamp: uint32(26 * i), Body: frame}, 0)
		if more != (i < maxFrames-1) {
			t.Fatalf("after %d frames: more %t", i+1, more)
		}
		if !more {
			break
		}
	}
	if r := a.Report(); r.Tracks[0].Frames != maxFrames || len(r.Findings) != 1 || r.Findings[0].Code != "too_much" {
		t.Errorf("%+v", r.Findings)
	}
}

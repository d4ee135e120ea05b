package httpmp4

import (
	"encoding/binary"
	"io"
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/protocols/internal/httplive/httplivetest"
	"github.com/weirmedia/weir/remux/websocket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConforms(t *testing.T) {
	httplivetest.Run(t, httplivetest.Case{
		New: New, Off: &Config{}, Suffix: ".mp4", ContentType: "video/mp4", Protocol: "httpmp4", WebSocketProtocol: "wsmp4",
		Kinds: func(t testing.TB, body io.Reader) func() av.Kind {
			file, began := boxes{t, body}, false
			return func() av.Kind {
				if !began {
					began = true
					file.expect("ftyp")
					file.expect("moov")
				}
				f := file.fragment()
				if len(f) != 1 || f[0].samples != 1 {
					t.Fatalf("%+v in a fragment, want one frame", f)
				}
				return map[uint32]av.Kind{1: av.Video, 2: av.Audio}[f[0].track]
			}
		},
	})
}

// boxes reads the boxes of a file (ISO/IEC 14496-12, 4.2).
type boxes struct {
	t    testing.TB
	file io.Reader
}

// expect returns the body of the next box, which must be of this kind.
func (b boxes) expect(kind string) []byte {
	b.t.Helper()
	var head [8]byte
	if _, err := io.ReadFull(b.file, head[:]); err != nil {
		b.t.Fatal(err)
	}
	body := make([]byte, binary.BigEndian.Uint32(head[:])-8)
	if _, err := io.ReadFull(b.file, body); err != nil {
		b.t.Fatal(err)
	}
	if string(head[4:]) != kind {
		b.t.Fatalf("box %q, want %q", head[4:], kind)
	}
	return body
}

// run is what a fragment holds of one track.
type run struct{ track, samples uint32 }

// fragment reads a moof and its mdat.
func (b boxes) fragment() (runs []run) {
	b.t.Helper()
	for _, traf := range children(b.expect("moof"), "traf") {
		runs = append(runs, run{
			track:   binary.BigEndian.Uint32(children(traf, "tfhd")[0][4:]),
			samples: binary.BigEndian.Uint32(children(traf, "trun")[0][4:]),
		})
	}
	b.expect("mdat")
	return runs
}

// children returns the bodies of the boxes of this kind within a box.
func children(b []byte, kind string) (out [][]byte) {
	for len(b) > 0 {
		n := binary.BigEndian.Uint32(b)
		if string(b[4:8]) == kind {
			out = append(out, b[8:n])
		}
		b = b[n:]
	}
	return out
}

// With ?fragment=gop a fragment has all that lies between two key frames, and a
// viewer begins with the newest that is complete.
func TestFragmentPerGOP(t *testing.T) {
	r := httplivetest.New(t, New(), httplivetest.Options{})
	r.Publish(httplivetest.Video, httplivetest.Audio)
	// The log may be slower than this test, and what it holds back is in no answer.
	defer r.Host.Bus.Stream("live/test").Plain().Subscribe(time.Minute).Close()
	s, response := r.Dial("/live/test.mp4?fragment=gop", "")
	if s == nil {
		t.Fatal(response.Status)
	}
	r.Eventually("the log is there", func() bool {
		for _, format := range r.Host.Delivery.Stats().Formats() {
			if format.Logs.Load() == 1 {
				return true
			}
		}
		return false
	})
	for range 2 {
		r.Frame(httplivetest.Video, false)
		r.Frame(httplivetest.Audio, false)
	}
	r.Frame(httplivetest.Video, true)
	file := boxes{t, s.Body(t)}
	file.expect("ftyp")
	file.expect("moov")
	first := file.fragment()
	if len(first) != 2 || first[0] != (run{1, 3}) || first[1].track != 2 {
		t.Errorf("%+v in the first fragment", first)
	}
	other, _ := r.Dial("/live/test.mp4?fragment=gop", "")
	late := boxes{t, other.Body(t)}
	late.expect("ftyp")
	late.expect("moov")
	if again := late.fragment(); again[0] != first[0] {
		t.Errorf("%+v for a viewer that came later, want %+v", again, first)
	}
	r.Frame(httplivetest.Audio, false)
	r.Frame(httplivetest.Video, true)
	for _, f := range []boxes{file, late} {
		if runs := f.fragment(); len(runs) != 2 || runs[0] != (run{1, 1}) || first[1].samples+runs[1].samples < 4-1 {
			t.Errorf("%+v in the next fragment, after %+v", runs, first)
		}
	}
	r.Status(r.Plain+"/live/test.mp4?fragment=second", http.StatusBadRequest, "fragment: must be frame or gop")
}

// The last GOP goes out when the stream ends, also to a viewer who waits for the
// first fragment to be complete.
func TestFragmentPerGOPEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		gops int
		want []run // of the picture
	}{
		{"in its first GOP", 1, []run{{1, 3}}},
		{"in a later one", 2, []run{{1, 3}, {1, 3}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httplivetest.New(t, New(), httplivetest.Options{})
			r.Publish(httplivetest.Video)
			defer r.Host.Bus.Stream("live/test").Plain().Subscribe(time.Minute).Close()
			s, response := r.Dial("/live/test.mp4?fragment=gop", "")
			if s == nil {
				t.Fatal(response.Status)
			}
			r.Eventually("the log is there", func() bool {
				for _, format := range r.Host.Delivery.Stats().Formats() {
					if format.Logs.Load() == 1 {
						return true
					}
				}
				return false
			})
			for n := 1; n < 3*c.gops; n++ { // Publish sends the first key frame
				r.Frame(httplivetest.Video, n%3 == 0)
			}
			r.Host.Bus.Close(reason.StreamEnded)
			file := boxes{t, s.Body(t)}
			file.expect("ftyp")
			file.expect("moov")
			for _, want := range c.want {
				if runs := file.fragment(); len(runs) != 1 || runs[0] != want {
					t.Errorf("%+v in a fragment, want %+v", runs, want)
				}
			}
			s.ExpectClose(t, websocket.StatusNormal, reason.StreamEnded)
		})
	}
}

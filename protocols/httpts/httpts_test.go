package httpts

import (
	"io"
	"testing"

	"go.uber.org/goleak"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/protocols/internal/httplive/httplivetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConforms(t *testing.T) {
	httplivetest.Run(t, httplivetest.Case{
		New: New, Off: &Config{}, Suffix: ".ts", ContentType: "video/mp2t", Protocol: "httpts", WebSocketProtocol: "wsts",
		Kinds: kinds,
	})
}

// kinds returns the kinds of the frames of a transport stream: each begins a
// PES packet (ISO/IEC 13818-1, 2.4.3.2). Tables must come first.
func kinds(t testing.TB, body io.Reader) func() av.Kind {
	const size, sync, start = 188, 0x47, 0x40
	pids := map[int]av.Kind{0x100: av.Video, 0x101: av.Audio}
	tables := false
	return func() av.Kind {
		var p [size]byte
		for {
			if _, err := io.ReadFull(body, p[:]); err != nil {
				t.Fatal(err)
			}
			if p[0] != sync {
				t.Fatalf("a packet begins with %#x", p[0])
			}
			pid := int(p[1]&0x1F)<<8 | int(p[2])
			tables = tables || pid == 0
			if kind, ok := pids[pid]; ok && p[1]&start != 0 {
				if !tables {
					t.Fatal("a frame before the tables")
				}
				return kind
			}
		}
	}
}

// Over WebSocket each message is one frame in whole packets, the first with the
// tables.
func TestWebSocketMessages(t *testing.T) {
	r := httplivetest.New(t, New(), httplivetest.Options{})
	r.Publish(httplivetest.Video, httplivetest.Audio)
	s, response := r.Dial("/live/test.ts", "")
	if s == nil {
		t.Fatal(response.Status)
	}
	for i, want := range []int{3, 1} { // PAT, PMT and the picture; the sound
		if _, body := s.Next(t); len(body) != want*188 {
			t.Errorf("message %d has %d bytes, want %d packets", i, len(body), want)
		}
	}
}

// A frame that ADTS cannot express is left out and counted, and the viewer goes on.
func TestOversizedAAC(t *testing.T) {
	r := httplivetest.New(t, New(), httplivetest.Options{})
	r.Publish(httplivetest.Video, httplivetest.Audio)
	next := kinds(t, r.Get(r.Plain+"/live/test.ts", false).Body)
	want := []av.Kind{av.Video, av.Audio, av.Video, av.Audio}
	for i, kind := range want {
		if i == 2 {
			oversized := &av.Frame{Track: httplivetest.Audio, Arrival: av.Now(), Payload: make([]byte, 1<<13)}
			if err := r.Pub.Write(oversized); err != nil {
				t.Fatal(err)
			}
			r.Frame(httplivetest.Video, false)
			r.Frame(httplivetest.Audio, true)
		}
		if got := next(); got != kind {
			t.Fatalf("frame %d is %s, want %s", i, got, kind)
		}
	}
	if n := r.Host.Delivery.Stats().Formats()["ts"].LeftOut.Load(); n != 1 {
		t.Errorf("%d frames are counted as left out", n)
	}
}

package httpflv

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"go.uber.org/goleak"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/protocols/internal/httplive/httplivetest"
	"github.com/weirmedia/weir/remux/flv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConforms(t *testing.T) {
	httplivetest.Run(t, httplivetest.Case{
		New: New, Off: &Config{}, Suffix: ".flv", ContentType: "video/x-flv", Protocol: "httpflv", WebSocketProtocol: "wsflv",
		Kinds: func(t testing.TB, body io.Reader) func() av.Kind {
			r := flv.NewReader(body)
			return func() av.Kind {
				for {
					tag, err := r.Next()
					if err != nil {
						t.Fatal(err)
					}
					const enhancedHeader = 0x90 // of sound
					if tag.Type == flv.ScriptTag || tag.Body[1] == 0 || tag.Body[0] == enhancedHeader {
						continue // a sequence header
					}
					return map[flv.TagType]av.Kind{flv.VideoTag: av.Video, flv.AudioTag: av.Audio}[tag.Type]
				}
			}
		},
	})
}

// read returns the flags of the FLV header and the types of the next n tags.
func read(t *testing.T, body io.Reader, n int) (flags byte, tags []flv.TagType) {
	t.Helper()
	var header bytes.Buffer
	r := flv.NewReader(io.TeeReader(body, &header))
	for range n {
		tag, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		tags = append(tags, tag.Type)
	}
	return header.Bytes()[4], tags
}

func TestTags(t *testing.T) {
	const both, onlyAudio, onlyVideo = 5, 4, 1
	for _, test := range []struct {
		query string
		flags byte
		tags  string
	}{
		{"", both, "[18 9 8 9 8]"},
		{"?audio=0", onlyVideo, "[18 9 9 9]"},
		{"?video=0", onlyAudio, "[18 8 8 8]"},
	} {
		r := newRig(t, httplivetest.Options{})
		r.Publish(httplivetest.Video, httplivetest.Audio)
		response := r.Get(r.Plain+"/live/test.flv"+test.query, false)
		n := 5
		if test.query != "" { // one kind: another frame of each
			n = 4
			r.Frame(httplivetest.Video, false)
			r.Frame(httplivetest.Audio, false)
		}
		if flags, tags := read(t, response.Body, n); flags != test.flags || fmt.Sprint(tags) != test.tags {
			t.Errorf("%s: flags %d, tags %v; want %d, %s", test.query, flags, tags, test.flags, test.tags)
		}
	}
}

// FLV does not wait: the header announces what metadata promised.
func TestFlagsAnnounceHintedTracks(t *testing.T) {
	for _, test := range []struct {
		hinted [av.Kinds]bool
		want   byte
	}{{[av.Kinds]bool{}, 1}, {[av.Kinds]bool{av.Video: true, av.Audio: true}, 5}} {
		r := newRig(t, httplivetest.Options{})
		r.Begin()
		if err := errors.Join(r.Pub.Hint(test.hinted), r.Pub.SetTrack(httplivetest.Video)); err != nil {
			t.Fatal(err)
		}
		r.Frame(httplivetest.Video, true)
		flags, _ := read(t, r.Get(r.Plain+"/live/test.flv", false).Body, 2)
		if flags != test.want {
			t.Errorf("hinted %v: flags %d, want %d", test.hinted, flags, test.want)
		}
	}
}

// Over WebSocket each message is a piece of the file.
func TestWebSocketMessages(t *testing.T) {
	r := newRig(t, httplivetest.Options{})
	r.Publish(httplivetest.Video, httplivetest.Audio)
	s, response := r.Dial("/live/test.flv", "")
	if s == nil {
		t.Fatal(response.Status)
	}
	var stream bytes.Buffer
	for range 4 { // FLV header, prelude, a frame of each kind
		_, body := s.Next(t)
		stream.Write(body)
	}
	if flags, tags := read(t, &stream, 5); flags != 5 || fmt.Sprint(tags) != "[18 9 8 9 8]" || stream.Len() > 0 {
		t.Errorf("flags %d, tags %v, %d bytes more", flags, tags, stream.Len())
	}
}

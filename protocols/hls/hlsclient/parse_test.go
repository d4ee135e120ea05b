package hlsclient

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
)

// lowLatency is a playlist with all that is read.
const lowLatency = "\uFEFF#EXTM3U\r\n#EXT-X-VERSION:9\r\n" + `#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.6,HOLD-BACK=6.0
#EXT-X-PART-INF:PART-TARGET=0.2
#EXT-X-MEDIA-SEQUENCE:28021265000000
#EXT-X-DISCONTINUITY-SEQUENCE:3
#EXT-X-INDEPENDENT-SEGMENTS
# a comment
#EXT-X-UNKNOWN:whatever
#EXT-X-MAP:URI="all.mp4",BYTERANGE="720@0"
#EXT-X-PROGRAM-DATE-TIME:2026-11-21T07:00:00.5Z
#EXTINF:2.00000,a title, with a comma
#EXT-X-BYTERANGE:1000@720
all.mp4
#EXTINF:1.5,
#EXT-X-BYTERANGE:500
all.mp4
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI="b.mp4"
#EXT-X-GAP
#EXTINF:2
gap.m4s
#EXT-X-KEY:METHOD=AES-128,URI="k, with a comma"
#EXTINF:2,
secret.m4s
#EXT-X-KEY:METHOD=NONE
#EXT-X-PART:DURATION=0.2,URI="p0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.2,URI="p0.m4s",BYTERANGE=10@20
#EXT-X-PART:DURATION=0.16,URI="p0.m4s",BYTERANGE=5,GAP=YES
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p3.m4s"`

func TestParseMedia(t *testing.T) {
	m, err := ParseMedia(lowLatency)
	if err != nil {
		t.Fatal(err)
	}
	if m.TargetDuration != 2*time.Second || m.PartTarget != 200*time.Millisecond || m.HoldBack != 6*time.Second || m.PartHoldBack != 600*time.Millisecond ||
		!m.CanBlock || !m.Independent || m.Ended || m.Sequence != 28021265000000 || m.Hint != "p3.m4s" || m.End() != 28021265000005 || !m.LowLatency() {
		t.Errorf("%+v", m)
	}
	s := m.Segments
	if len(s) != 5 {
		t.Fatalf("%d segments", len(s))
	}
	begin := time.Date(2026, 11, 21, 7, 0, 0, 5e8, time.UTC)
	if s[0].Range != (Range{720, 1000}) || s[1].Range != (Range{1720, 500}) || s[0].Map.Range != (Range{0, 720}) || s[1].Map != s[0].Map ||
		!s[0].Time.Equal(begin) || !s[1].Time.Equal(begin.Add(2*time.Second)) || s[1].Number != m.Sequence+1 || s[1].Epoch != 3 {
		t.Errorf("%+v %+v", s[0], s[1])
	}
	if !s[2].Gap || !s[2].Discontinuity || s[2].Epoch != 4 || s[2].Map.URI != "b.mp4" || !s[2].Time.IsZero() || s[2].Encryption != "" || s[3].Encryption != "AES-128" {
		t.Errorf("%+v %+v", s[2], s[3])
	}
	last := s[4]
	if !last.Open || last.Duration != 560*time.Millisecond || last.Encryption != "" || len(last.Parts) != 3 || !last.Parts[0].Independent ||
		last.Parts[2] != (Part{URI: "p0.m4s", Range: Range{30, 5}, Duration: 160 * time.Millisecond, Gap: true}) {
		t.Errorf("%+v", last)
	}
	if !m.Newest().IsZero() {
		t.Errorf("newest %v, though nothing says when it is", m.Newest())
	}
}

func TestParseMultivariant(t *testing.T) {
	const text = `#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="one",URI="one.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="two",DEFAULT=YES,LANGUAGE="de",URI="two.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=100
low.m3u8

#EXT-X-STREAM-INF:BANDWIDTH=300,AVERAGE-BANDWIDTH=250,CODECS="avc1.4d401f, mp4a.40.2",RESOLUTION=640x360,FRAME-RATE=29.970,AUDIO="a"
high.m3u8?x=1
`
	if !IsMultivariant(text) || IsMultivariant(lowLatency) {
		t.Error("which of them is a multivariant playlist?")
	}
	m, err := ParseMultivariant(text)
	if err != nil {
		t.Fatal(err)
	}
	v := m.Best()
	if v.URI != "high.m3u8?x=1" || v.Bandwidth != 300 || v.AverageBandwidth != 250 || strings.Join(v.Codecs, "+") != "avc1.4d401f+mp4a.40.2" ||
		v.Width != 640 || v.Height != 360 || v.FrameRate != 29.97 {
		t.Errorf("%+v", v)
	}
	if sound := m.sound(v); sound == nil || sound.URI != "two.m3u8" || m.sound(&m.Variants[0]) != nil {
		t.Errorf("sound %+v, %+v", sound, m.sound(&m.Variants[0]))
	}
}

// TestBadPlaylists: errors tell where and what.
func TestBadPlaylists(t *testing.T) {
	const head = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n"
	for _, test := range []struct{ name, text, says string }{
		{"nothing", "", "empty"},
		{"a web page", "<!doctype html>\n", `line 1, "<!doctype html>"`},
		{"no target", "#EXTM3U\n#EXTINF:2,\na.ts\n", "EXT-X-TARGETDURATION"},
		{"a target of words", "#EXTM3U\n#EXT-X-TARGETDURATION:two\n", "line 2"},
		{"a negative duration", head + "#EXTINF:-1,\na.ts\n", `line 3, "#EXTINF:-1,"`},
		{"a duration that is no number", head + "#EXTINF:NaN,\na.ts\n", "no number of seconds"},
		{"no duration", head + "a.ts\n", "without EXTINF"},
		{"no segment", head + "#EXTINF:2,\n", "no segment behind"},
		{"a sequence beyond all", head + "#EXT-X-MEDIA-SEQUENCE:18446744073709551615\n", "no whole number"},
		{"a range of nothing", head + "#EXTINF:2,\n#EXT-X-BYTERANGE:100\na.ts\n", "without offset"},
		{"a range too far", head + "#EXTINF:2,\n#EXT-X-BYTERANGE:9223372036854775807@9223372036854775807\na.ts\n", "too far"},
		{"a part without URI", head + "#EXT-X-PART:DURATION=1\n", "without URI"},
		{"an open quotation", head + "#EXT-X-MAP:URI=\"a\n", "quotation mark"},
		{"a map without URI", head + "#EXT-X-MAP:BYTERANGE=\"1@0\"\n", "without URI"},
		{"a time", head + "#EXT-X-PROGRAM-DATE-TIME:yesterday\n", "no date and time"},
		{"a multivariant one", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\na.m3u8\n", "multivariant"},
		{"variables", head + "#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\"\n", "variables"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := ParseMedia(test.text)
			if err == nil || !strings.Contains(err.Error(), test.says) || reason.Of(err, "") == "" {
				t.Errorf("%v, want %q", err, test.says)
			}
		})
	}
	for _, text := range []string{
		"#EXTM3U\n", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n", "#EXTM3U\na.m3u8\n", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=x\na\n",
		"#EXTM3U\n#EXT-X-STREAM-INF:RESOLUTION=1x\na\n", "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO\n", "#EXTM3U\n#EXT-X-STREAM-INF:FRAME-RATE=NaN\na\n",
	} {
		var syntax *SyntaxError
		if _, err := ParseMultivariant(text); err == nil || reason.Of(err, "") != reason.BadMessage || strings.Count(text, "\n") > 2 && !errors.As(err, &syntax) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// FuzzPlaylists: whatever a server sends, playlists agree with themselves, and a
// follower asks for nothing that is not in them.
func FuzzPlaylists(f *testing.F) {
	f.Add(lowLatency)
	f.Fuzz(func(t *testing.T, text string) {
		if m, err := ParseMultivariant(text); err == nil && (m.Best().URI == "" || len(m.Variants) == 0) {
			t.Fatalf("%+v", m)
		}
		m, err := ParseMedia(text)
		if err != nil {
			if reason.Of(err, "") == "" {
				t.Fatalf("%v has no reason", err)
			}
			return
		}
		for i, s := range m.Segments {
			if s.Duration < 0 || s.Range.Offset < 0 || s.Range.Length < 0 || s.Open != (s.URI == "") || s.Open && i < len(m.Segments)-1 {
				t.Fatalf("segment %d: %+v", i, s)
			}
		}
		var follower Follower
		for _, p := range follower.Update(m) {
			if p.Segment.Number < m.Sequence || p.Segment.Number >= m.End() || p.URI == "" && !p.Last {
				t.Fatalf("%+v", p)
			}
		}
		if more := follower.Update(m); len(more) > 0 {
			t.Fatalf("the same playlist has %d new pieces", len(more))
		}
		if wait, _ := follower.Reload(); !m.Ended && wait < 0 {
			t.Fatalf("wait %v", wait)
		}
	})
}

package playlist

import (
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 500e6, time.UTC)

func TestMedia(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		name string
		in   Media
		want string
	}{
		{"plain", Media{
			TargetDuration: 2 * time.Second, Independent: true, Sequence: 7,
			Segments: []Segment{{URI: "7.ts", Duration: 2 * time.Second, Time: noon}, {URI: "8.ts", Duration: 1999999 * time.Microsecond}},
		}, `#EXTM3U
#EXT-X-VERSION:3
#EXT-X-TARGETDURATION:2
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA-SEQUENCE:7
#EXT-X-DISCONTINUITY-SEQUENCE:0
#EXT-X-PROGRAM-DATE-TIME:2026-03-01T12:00:00.500Z
#EXTINF:2.0,
7.ts
#EXTINF:1.999999,
8.ts
`},
		{"a discontinuity to come", Media{
			TargetDuration: 2 * time.Second, PartTarget: 200 * ms, Hint: "1.0.ts", HintBreaks: true,
			Segments: []Segment{{URI: "0.ts", Duration: 2 * time.Second}},
		}, `#EXTM3U
#EXT-X-VERSION:3
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,HOLD-BACK=6.0,PART-HOLD-BACK=0.6
#EXT-X-PART-INF:PART-TARGET=0.2
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-DISCONTINUITY-SEQUENCE:0
#EXTINF:2.0,
0.ts
#EXT-X-DISCONTINUITY
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="1.0.ts"
`},
		{"low latency", Media{
			TargetDuration: 4 * time.Second, PartTarget: 200 * ms, Sequence: 1, DiscontinuitySequence: 2, Hint: "3.1.m4s",
			Segments: []Segment{
				{URI: "1.m4s", Duration: 4 * time.Second, Map: "i0.mp4"},
				{URI: "2.m4s", Duration: 300 * ms, Map: "i0.mp4", Parts: []Part{
					{URI: "2.0.m4s", Duration: 200 * ms, Independent: true}, {URI: "2.1.m4s", Duration: 100 * ms, Gap: true},
				}},
				{Open: true, Discontinuity: true, Map: "i1.mp4", Time: noon, Parts: []Part{{URI: "3.0.m4s", Duration: 200 * ms}}},
			},
		}, `#EXTM3U
#EXT-X-VERSION:6
#EXT-X-TARGETDURATION:4
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,HOLD-BACK=12.0,PART-HOLD-BACK=0.6
#EXT-X-PART-INF:PART-TARGET=0.2
#EXT-X-MEDIA-SEQUENCE:1
#EXT-X-DISCONTINUITY-SEQUENCE:2
#EXT-X-MAP:URI="i0.mp4"
#EXTINF:4.0,
1.m4s
#EXT-X-PART:DURATION=0.2,URI="2.0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.1,URI="2.1.m4s",GAP=YES
#EXTINF:0.3,
2.m4s
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI="i1.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-03-01T12:00:00.500Z
#EXT-X-PART:DURATION=0.2,URI="3.0.m4s"
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="3.1.m4s"
`},
		{"ended with a gap", Media{
			TargetDuration: time.Second, Hint: "not written", Ended: true,
			Segments: []Segment{{URI: "0.m4s", Duration: time.Second, Gap: true, Map: "i.mp4"}},
		}, `#EXTM3U
#EXT-X-VERSION:6
#EXT-X-TARGETDURATION:1
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-DISCONTINUITY-SEQUENCE:0
#EXT-X-MAP:URI="i.mp4"
#EXT-X-GAP
#EXTINF:1.0,
0.m4s
#EXT-X-ENDLIST
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(tt.in.Append(nil)); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestMultivariant(t *testing.T) {
	m := Multivariant{Variants: []Variant{
		{URI: "~hls/fmp4.m3u8", Bandwidth: 900000, AverageBandwidth: 690000, Codecs: []string{"avc1.42c01f", "mp4a.40.2"}, Width: 1280, Height: 720, FrameRate: 30000.0 / 1001},
		{URI: "sound.m3u8", Bandwidth: 64000},
	}}
	const want = `#EXTM3U
#EXT-X-VERSION:6
#EXT-X-STREAM-INF:BANDWIDTH=900000,AVERAGE-BANDWIDTH=690000,CODECS="avc1.42c01f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=29.970
~hls/fmp4.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=64000
sound.m3u8
`
	if got := string(m.Append(nil)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAppendSeconds(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.0", time.Second: "1.0", 209 * time.Millisecond: "0.209", 12345678 * time.Microsecond: "12.345678",
		1499 * time.Nanosecond: "0.000001", 500 * time.Nanosecond: "0.000001", 60 * time.Minute: "3600.0",
	} {
		if got := string(appendSeconds(nil, d)); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

package probe

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
)

// What only RTSP tells is judged.
func TestJudgeRTSP(t *testing.T) {
	media := []Medium{{Kind: "video", Codec: "H264", ClockRate: 90000}, {Kind: "audio", Codec: "Opus", ClockRate: 48000}}
	for _, tt := range []struct {
		name    string
		rtsp    RTSP
		seconds float64
		want    []string
	}{
		{"good", RTSP{Media: media, Reported: 2}, 10, nil},
		{"no reports", RTSP{Media: media, Reported: 1}, 10, []string{"no_sender_reports"}},
		{"no reports yet", RTSP{Media: media}, 5, nil},
		{"one track", RTSP{Media: media[:1]}, 10, nil},
		{"loss by UDP", RTSP{Transport: "udp", Packets: 90, Lost: 10, Media: media, Reported: 2}, 10, []string{"packets_lost"}},
		{"skipped by TCP", RTSP{Transport: "tcp", Packets: 90, Lost: 10, Media: media, Reported: 2}, 10, nil},
		{"stray packets", RTSP{Bad: 1, Media: media, Reported: 2}, 10, []string{"bad_packets"}},
		{"a codec that is unknown", RTSP{Media: append(slices.Clone(media[:1]), Medium{Kind: "audio", LeftOut: "unsupported codec"})}, 10, []string{"unsupported"}},
		{"metadata of a camera", RTSP{Media: append(slices.Clone(media[:1]), Medium{Kind: "data", LeftOut: "unsupported codec"})}, 10, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := &notes{}
			judgeRTSP(n, &Report{RTSP: &tt.rtsp, Seconds: tt.seconds})
			var got []string
			for _, f := range n.list {
				got = append(got, f.Code)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("found %q, want %q", got, tt.want)
			}
		})
	}
}

func TestPrintRTSP(t *testing.T) {
	r := &Report{Source: "rtsp://h/cam", Protocol: "rtsp", RTSP: &RTSP{
		Server: "Cam\x1b[2J", Transport: "udp", Describe: 0.012, SetUp: 0.003, Play: 0.001, Packets: 90, Lost: 10, Reported: 1,
		Media: []Medium{
			{Kind: "video", Codec: "H264", ClockRate: 90000, Configured: true},
			{Kind: "audio", Codec: "Opus", ClockRate: 48000},
			{Kind: "data", Codec: "Generic", ClockRate: 90000, LeftOut: "unsupported codec"},
		},
	}}
	var out bytes.Buffer
	if err := r.Print(&out, false); err != nil {
		t.Fatal(err)
	}
	const want = `RTSP      by UDP; describe 12 ms, set up 3 ms, play 1 ms; server Cam?[2J
          described video: H264 at 90000 Hz
          described audio: Opus at 48000 Hz, configuration in band
          described data: Generic at 90000 Hz, left out: unsupported codec
          90 packets, 10 lost; sender reports of 1 tracks
`
	if !strings.Contains(out.String(), want) {
		t.Errorf("printed %s\nwant %s", out.String(), want)
	}
}

func TestUnknownTransport(t *testing.T) {
	if _, err := Run(context.Background(), "rtsp://127.0.0.1:1/x", Options{Transport: "pigeon"}); err == nil || !strings.Contains(err.Error(), "pigeon") {
		t.Errorf("got %v", err)
	}
}

package probe

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// What only WebRTC tells is judged.
func TestJudgeWHEP(t *testing.T) {
	media := []WHEPMedium{{Kind: "video", Codec: "H264", ClockRate: 90000}, {Kind: "audio", Codec: "opus", ClockRate: 48000}}
	silent := []WHEPMedium{{Kind: "video", LeftOut: "the server does not send it"}, media[1]}
	for _, tt := range []struct {
		name    string
		whep    WHEP
		seconds float64
		want    []string
	}{
		{"good", WHEP{Media: media, Reported: 2}, 10, nil},
		{"no reports", WHEP{Media: media, Reported: 1}, 10, []string{"no_sender_reports"}},
		{"no reports yet", WHEP{Media: media}, 5, nil},
		{"loss", WHEP{Packets: 90, Lost: 10, Media: media, Reported: 2}, 10, []string{"packets_lost"}},
		{"sound only", WHEP{Media: silent, Reported: 1}, 10, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := &notes{}
			judgeWHEP(n, &Report{WHEP: &tt.whep, Seconds: tt.seconds})
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

func TestPrintWHEP(t *testing.T) {
	r := &Report{Source: "http://h/cam/whep", Protocol: "whep", WHEP: &WHEP{
		Answer: 0.012, Connect: 0.003, Packets: 90, Lost: 10, Reported: 1,
		Media: []WHEPMedium{{Kind: "video", Codec: "H264\x1b[2J", ClockRate: 90000}, {Kind: "audio", LeftOut: "the server does not send it"}},
	}}
	var out bytes.Buffer
	if err := r.Print(&out, false); err != nil {
		t.Fatal(err)
	}
	const want = `WHEP      by UDP; answer 12 ms, ICE and DTLS 3 ms
          answered video: H264?[2J at 90000 Hz
          answered audio: none, the server does not send it
          90 packets, 10 lost; sender reports of 1 tracks
`
	if !strings.Contains(out.String(), want) {
		t.Errorf("printed %s\nwant %s", out.String(), want)
	}
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// weirBench is the generator that every checkout has: "weir bench".
type weirBench struct{ program string }

var _ generator = weirBench{}

func (weirBench) ticks() []int { return []int{0} }

// warmUp is how long after the last player's start the window begins.
const warmUp = time.Second

func (g weirBench) start(l *lab, args ...string) (*process, error) {
	program, err := filepath.Abs(g.program)
	if err != nil {
		return nil, err
	}
	return l.start(loadCore, l.dir, environment(), program, append([]string{"bench"}, append(args, "--json")...)...)
}

func (g weirBench) publish(l *lab, p publishing) (*process, error) {
	const longest = time.Hour // it is stopped before
	return g.start(l, "push", p.url, "-n", strconv.Itoa(p.n), "--file", p.clip.path, "--mark",
		"--ramp", strconv.Itoa(publishersPerSecond), "--duration", longest.String())
}

func (g weirBench) play(l *lab, p playing) (*process, error) {
	args := []string{"play", p.url, "-n", strconv.Itoa(p.n), "--ramp", strconv.Itoa(p.perSecond), "--verify", strconv.Itoa(p.verify),
		"--duration", (p.window + warmUp).String(), "--pid", strconv.Itoa(p.pid)}
	if strings.Contains(p.url, "%d") {
		args = append(args, "--streams", strconv.Itoa(p.streams))
	}
	if p.udp {
		args = append(args, "--transport", "udp")
	}
	return g.start(l, args...)
}

// weirReport is what docs/bench.md describes.
type weirReport struct {
	Connected, Failed, Cut, Silent int
	Bitrate                        struct{ Sum float64 } `json:"bitrate_kbps"`
	FirstPicture                   struct{ Max float64 } `json:"first_picture_ms"`
	Verified                       struct {
		Gaps       int
		Timestamps int `json:"timestamp_errors"`
	}
	Latency struct {
		P99     float64
		Samples int
	} `json:"latency_ms"`
	RTP  struct{ Packets, Lost float64 }
	Pace struct {
		Behind float64 `json:"behind_max"`
	} `json:"pace_ms"`
	Server *struct {
		CPU float64 `json:"cpu_percent"`
	}
}

func (weirBench) published(out []byte) (published, error) {
	var r weirReport
	if err := json.Unmarshal(out, &r); err != nil {
		return published{}, fmt.Errorf("its report: %w", err)
	}
	return published{Lost: r.Failed + r.Cut, Behind: time.Duration(r.Pace.Behind * float64(time.Millisecond))}, nil
}

func (weirBench) played(out []byte) (played, error) {
	var r weirReport
	if err := json.Unmarshal(out, &r); err != nil {
		return played{}, fmt.Errorf("its report: %w", err)
	}
	const bytesPerKilobit = 1000.0 / 8
	p := played{
		Lost: r.Failed + r.Cut + r.Silent, Errors: r.Verified.Gaps + r.Verified.Timestamps,
		P99: r.Latency.P99, Samples: r.Latency.Samples, Rate: r.Bitrate.Sum * bytesPerKilobit,
		Pictures: r.Connected - r.Silent, FirstPicture: r.FirstPicture.Max,
	}
	if sent := r.RTP.Packets + r.RTP.Lost; sent > 0 {
		p.LostPackets = r.RTP.Lost / sent
	}
	if r.Server == nil {
		return p, fmt.Errorf("its report has nothing of the server")
	}
	p.CPU = r.Server.CPU
	return p, nil
}

func (weirBench) floor(context.Context, *lab, int, float64) (float64, error) { return 0, errNotKnown }

// isHTTP reports whether a stream is played by HTTP.
func isHTTP(url string) bool { return strings.HasPrefix(url, "http://") }

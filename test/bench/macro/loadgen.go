package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
)

// loadgen is the generator that LOADGEN names.
type loadgen struct{ program string }

var _ generator = loadgen{}

func (loadgen) ticks() []int { return []int{20, 1} }

func (g loadgen) publish(l *lab, p publishing) (*process, error) {
	const (
		longest = 3600 // seconds; it is stopped before
		settle  = 120  // seconds until it gives up those that a busy server has not accepted
	)
	return l.start(loadCore, l.dir, environment(), g.program, "push-rtmp", "--url", p.url, "-n", strconv.Itoa(p.n),
		"--file", p.clip.path, "--mark", "--ramp", strconv.Itoa(publishersPerSecond), "--settle", strconv.Itoa(settle), "--seconds", strconv.Itoa(longest))
}

func (g loadgen) play(l *lab, p playing) (*process, error) {
	mode := "pull-rtmp"
	if isHTTP(p.url) {
		mode = "pull-flv"
	}
	return l.start(loadCore, l.dir, environment(), g.program, mode, "--url", p.url, "-n", strconv.Itoa(p.n),
		"--streams", strconv.Itoa(p.streams), "--ramp", strconv.Itoa(p.perSecond), "--verify", strconv.Itoa(p.verify),
		"--tick", strconv.Itoa(p.tick), "--seconds", wholeSeconds(p.window), "--pid", strconv.Itoa(p.pid))
}

func wholeSeconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }

// lost returns how many were not there to the end. Those that were still on
// their way when it was stopped have not failed, but were not there either.
func (r *loadgenReport) lost() int { return r.N - r.Connected + r.Cut }

// loadgenReport is what it prints.
type loadgenReport struct {
	N, Connected, Cut int
	Seconds           float64
	Bytes             float64
	MaxLate           float64 `json:"max_late_ms"`
	Verify            struct {
		Errors       int     `json:"ts_errors"`
		Pictures     int     `json:"ttfk_players"`
		FirstPicture float64 `json:"ttfk_ms_max"`
		Latency      struct {
			P99   float64
			Count int
		} `json:"latency_ms"`
	}
	Server *struct {
		CPU float64 `json:"cpu_pct"`
	}
}

func (loadgen) published(out []byte) (published, error) {
	var r loadgenReport
	if err := json.Unmarshal(out, &r); err != nil {
		return published{}, fmt.Errorf("its report: %w", err)
	}
	return published{Lost: r.lost(), Behind: time.Duration(r.MaxLate * float64(time.Millisecond))}, nil
}

func (loadgen) played(out []byte) (played, error) {
	var r loadgenReport
	if err := json.Unmarshal(out, &r); err != nil {
		return played{}, fmt.Errorf("its report: %w", err)
	}
	p := played{
		Lost: r.lost(), Errors: r.Verify.Errors, P99: r.Verify.Latency.P99, Samples: r.Verify.Latency.Count,
		Pictures: r.Verify.Pictures, FirstPicture: r.Verify.FirstPicture, Rate: r.Bytes / max(r.Seconds, 1e-3),
	}
	if r.Server == nil {
		return p, fmt.Errorf("its report has nothing of the server")
	}
	p.CPU = r.Server.CPU
	return p, nil
}

// floorBatch is the time between two writes to a socket.
const floorBatch = 40 * time.Millisecond

func (g loadgen) floor(ctx context.Context, l *lab, players int, kbps float64) (float64, error) {
	p, err := l.start(loadCore, l.dir, environment(), g.program, "limit", "-n", strconv.Itoa(players),
		"--kbps", strconv.Itoa(int(math.Round(kbps))), "--batch-ms", strconv.Itoa(int(floorBatch.Milliseconds())),
		"--ramp", strconv.Itoa(rampPerSecond), "--seconds", wholeSeconds(l.window))
	if err != nil {
		return 0, err
	}
	out, err := p.wait(ctx)
	if err != nil {
		return 0, err
	}
	r, err := g.played(out)
	return r.CPU, err
}

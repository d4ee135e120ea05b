package main

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// crowd is many players of one stream. Bounds of 0 are none.
type crowd struct {
	players  int
	http     bool
	clip     string // normalClip if empty
	settings []string
	cores    string // serverCore if empty
	nginx    bool   // nginx-rtmp is measured too

	cpu, floor, latency, memory float64 // bounds
}

// megabyte is the unit of memory in the table.
const megabyte = 1e6

// bound makes an infinity of no bound.
func bound(v float64) float64 {
	if v == 0 {
		return math.Inf(1)
	}
	return v
}

func (c crowd) run(ctx context.Context, l *lab) ([]row, error) {
	clip, err := l.clip(ctx, c.clipName())
	if err != nil {
		return nil, err
	}
	var rows []row
	var first *watched
	for i, tick := range l.ticks() {
		w, skips, err := c.weir(ctx, l, clip, tick)
		if err != nil {
			return rows, err
		}
		if i == 0 {
			first = w
		}
		rows = append(rows, c.rows(named(tick), w, skips)...)
	}
	if c.floor > 0 { // infinite if only the ratio is of interest
		before, err := readCPUTimes()
		if err != nil {
			return rows, err
		}
		reference, err := l.floor(ctx, l, c.players, first.Rate*8/1000/float64(c.players))
		after, failed := readCPUTimes()
		switch {
		case errors.Is(err, errNotKnown):
			rows = append(rows, missing("CPU against the kernel's floor", err.Error()))
		case err != nil || failed != nil:
			return rows, errors.Join(err, failed)
		default:
			r := against("CPU against the kernel's floor", first.CPU, reference, "floor", "%", c.floor).with(first.remarks)
			rows = append(rows, r.with(prefixed("floor: ", remarks(after.stealSince(before), 0, 0))))
		}
	}
	if c.nginx {
		for _, tick := range l.ticks() {
			beside, err := c.beside(ctx, l, clip, tick)
			if err != nil {
				return rows, err
			}
			rows = append(rows, beside...)
		}
	}
	return rows, nil
}

func (c crowd) clipName() string {
	if c.clip == "" {
		return normalClip
	}
	return c.clip
}

// named tells figures of one tick from those of another.
func named(tick int) string {
	if tick == 0 {
		return ""
	}
	return fmt.Sprintf(", tick %d", tick)
}

func (c crowd) rows(suffix string, w *watched, skips int) []row {
	rows := []row{
		atMost("CPU"+suffix, w.CPU, "%", bound(c.cpu)),
		atMost("latency p99"+suffix, w.P99, "ms", bound(c.latency)),
		atMost("memory"+suffix, w.memory/megabyte, "MB", bound(c.memory)),
		none("players lost"+suffix, w.Lost),
		none("skips, wrong frames"+suffix, skips+w.Errors),
	}
	if w.Samples == 0 {
		rows[1] = missing("latency p99"+suffix, "no player received a marked picture")
	}
	for i := range rows {
		rows[i] = rows[i].with(w.remarks)
	}
	return rows
}

// weir measures weir.
func (c crowd) weir(ctx context.Context, l *lab, clip *clip, tick int) (w *watched, skips int, err error) {
	cores := c.cores
	if cores == "" {
		cores = serverCore
	}
	s, err := l.startWeir(ctx, cores, c.settings...)
	if err != nil {
		return nil, 0, err
	}
	defer s.kill()
	url := s.url("s")
	if c.http {
		url = s.flv("s")
	}
	w, err = c.load(ctx, l, s, clip, url, tick)
	if err != nil {
		return nil, 0, err
	}
	m, err := s.metrics(ctx)
	if err != nil {
		return nil, 0, err
	}
	return w, int(m.sum("weir_skips_total")), nil
}

// beside measures nginx-rtmp.
func (c crowd) beside(ctx context.Context, l *lab, clip *clip, tick int) ([]row, error) {
	s, err := l.startNginx(ctx, c.players)
	if err != nil {
		return nil, err
	}
	defer s.kill()
	w, err := c.load(ctx, l, s, clip, s.url("s"), tick)
	if err != nil {
		return nil, err
	}
	name := "nginx-rtmp: "
	return []row{
		told(name+"CPU"+named(tick), w.CPU, "%").with(w.remarks),
		told(name+"latency p99"+named(tick), w.P99, "ms").with(w.remarks),
		told(name+"memory"+named(tick), w.memory/megabyte, "MB").with(w.remarks),
		told(name+"players lost"+named(tick), float64(w.Lost), ""),
	}, nil
}

// load publishes a stream and plays it.
func (c crowd) load(ctx context.Context, l *lab, s *server, clip *clip, url string, tick int) (*watched, error) {
	source, err := l.broadcast(ctx, s, publishing{url: s.url("s"), n: 1, clip: clip})
	if err != nil {
		return nil, err
	}
	defer source.kill()
	return l.play(ctx, s, playing{
		url: url, n: c.players, streams: 1, perSecond: rampPerSecond, verify: 4, tick: tick, window: l.window,
	})
}

// twoCores compares the processor time for a gigabyte.
func twoCores(ctx context.Context, l *lab) ([]row, error) {
	clip, err := l.clip(ctx, normalClip)
	if err != nil {
		return nil, err
	}
	const acceptable = 1.1
	tick := l.ticks()[0]
	cost := map[string]float64{}
	var rows []row
	var doubts []string
	for _, cores := range []string{serverCore, bothCores} {
		w, skips, err := crowd{players: 2000, cores: cores}.weir(ctx, l, clip, tick)
		if err != nil {
			return rows, err
		}
		const gigabyte = 1e9
		cost[cores] = w.CPU / 100 / (w.Rate / gigabyte)
		suffix := ", cores " + cores
		doubts = append(doubts, prefixed("cores "+cores+": ", w.remarks)...)
		rows = append(rows, told("CPU for a gigabyte"+suffix, cost[cores], "s").with(w.remarks),
			told("latency p99"+suffix, w.P99, "ms").with(w.remarks),
			none("players lost, skips"+suffix, w.Lost+skips))
	}
	return append(rows, against("CPU for a gigabyte, two cores against one", cost[bothCores], cost[serverCore], "one core", "s", acceptable).with(doubts)), nil
}

package main

import (
	"context"
	"math"
	"sort"
	"strconv"
	"strings"
	"time"
)

// oneViewer measures what an idle server adds, and how soon a player has a
// picture.
func oneViewer(ctx context.Context, l *lab) ([]row, error) {
	const (
		lag     = 1   // ms
		picture = 100 // ms
		joins   = 20
	)
	clip, err := l.clip(ctx, normalClip)
	if err != nil {
		return nil, err
	}
	s, err := l.startWeir(ctx, serverCore)
	if err != nil {
		return nil, err
	}
	if _, err := l.broadcast(ctx, s, publishing{url: s.url("s"), n: 1, clip: clip}); err != nil {
		return nil, err
	}
	viewer := playing{url: s.url("s"), n: 1, streams: 1, perSecond: 1, verify: 1, tick: l.ticks()[0], window: 2 * l.window}
	one, err := l.play(ctx, s, viewer)
	if err != nil {
		return nil, err
	}
	m, err := s.metrics(ctx)
	if err != nil {
		return nil, err
	}
	viewer.n, viewer.perSecond, viewer.verify, viewer.window = joins, 2, joins, time.Second
	many, err := l.play(ctx, s, viewer)
	if err != nil {
		return nil, err
	}
	rows := []row{told("latency p99 as the player sees it", one.P99, "ms").with(one.remarks)}
	for _, kind := range []string{"video", "audio"} {
		p99 := m.quantile("weir_delivery_lag_seconds", `kind="`+kind+`"`, 0.99)
		rows = append(rows, atMost(kind+", arrived to handed to the kernel, p99", 1000*p99, "ms", lag).with(one.remarks))
	}
	return append(rows, none("players without a picture", joins-many.Pictures),
		atMost("first picture, slowest", many.FirstPicture, "ms", picture).with(many.remarks)), nil
}

// quantile estimates a quantile of a histogram as Prometheus does: within its
// bucket, observations are evenly spread. It is not a number if there are none.
func (m metrics) quantile(name, label string, q float64) float64 {
	type bucket struct{ bound, count float64 } // count is cumulative
	var buckets []bucket
	for series, count := range m {
		labels, ok := strings.CutPrefix(series, name+"_bucket{")
		if !ok || !strings.Contains(labels, label) {
			continue
		}
		_, le, _ := strings.Cut(labels, `le="`)
		le, _, _ = strings.Cut(le, `"`)
		bound, err := strconv.ParseFloat(le, 64)
		if err != nil {
			return math.NaN()
		}
		buckets = append(buckets, bucket{bound, count})
	}
	sort.Slice(buckets, func(i, j int) bool { return buckets[i].bound < buckets[j].bound })
	if len(buckets) == 0 || buckets[len(buckets)-1].count == 0 {
		return math.NaN()
	}
	rank := q * buckets[len(buckets)-1].count
	var low bucket
	for _, b := range buckets {
		if b.count >= rank && !math.IsInf(b.bound, 1) {
			return low.bound + (b.bound-low.bound)*(rank-low.count)/(b.count-low.count)
		}
		low = b
	}
	return math.Inf(1) // beyond the last bound
}

// joinStorm measures what a thousand players that come at once do to those who
// are there.
func joinStorm(ctx context.Context, l *lab) ([]row, error) {
	const (
		bystanders = 4
		stormers   = 1000
		latency    = 100  // ms, of each bystander
		picture    = 3000 // ms
		unsent     = 256  // KiB of each connection
		returned   = 1.25 // of the memory before
		lull       = 4 * time.Second
		calm       = 40 * time.Second // for memory to return
	)
	clip, err := l.clip(ctx, largeClip)
	if err != nil {
		return nil, err
	}
	s, err := l.startWeir(ctx, serverCore)
	if err != nil {
		return nil, err
	}
	if _, err := l.broadcast(ctx, s, publishing{url: s.url("s"), n: 1, clip: clip}); err != nil {
		return nil, err
	}
	p := playing{url: s.url("s"), n: 1, streams: 1, perSecond: stormers, verify: 1, tick: l.ticks()[0], window: l.window + 2*lull, pid: s.pid()}
	var watching []*process
	for range bystanders {
		one, err := l.generator.play(l, p)
		if err != nil {
			return nil, err
		}
		watching = append(watching, one)
	}
	if err := sleep(ctx, lull); err != nil {
		return nil, err
	}
	before, err := s.memory()
	if err != nil {
		return nil, err
	}
	p.n, p.verify, p.window = stormers, stormers, l.window/2
	storm, queued, err := l.storm(ctx, s, p)
	if err != nil {
		return nil, err
	}
	rows := []row{
		none("players lost", storm.Lost),
		none("players without a picture", stormers-storm.Pictures),
		atMost("first picture, slowest", storm.FirstPicture, "ms", picture),
		atMost("unsent bytes, most of a connection", float64(queued)/1024, "KiB", unsent),
		told("CPU when all are there", storm.CPU, "%"),
		told("memory when all are there", storm.memory/megabyte, "MB"),
	}
	worst, wrong := 0.0, 0
	for _, one := range watching {
		out, err := one.wait(ctx)
		if err != nil {
			return rows, err
		}
		r, err := l.played(out)
		if err != nil {
			return rows, err
		}
		worst, wrong = max(worst, r.P99), wrong+r.Errors+r.Lost
	}
	rows = append(rows, atMost("latency p99 of those there before, worst", worst, "ms", latency), none("lost or wrong frames of theirs", wrong))
	for i := range rows {
		rows[i] = rows[i].with(storm.remarks)
	}
	after, err := s.settle(ctx, calm, before*returned)
	return append(rows, against("memory after they left", after/megabyte, before/megabyte, "before", "MB", returned)), err
}

// storm lets players come, and looks at the queues of their connections.
func (l *lab) storm(ctx context.Context, s *server, p playing) (w *watched, maxUnsent int, err error) {
	players, err := l.generator.play(l, p)
	if err != nil {
		return nil, 0, err
	}
	looking := make(chan error, 1)
	go func() {
		for {
			q, err := readQueues(ctx, s.port)
			if err != nil {
				looking <- err
				return
			}
			maxUnsent = max(maxUnsent, q.maxUnsent)
			select {
			case <-players.done:
				looking <- nil
				return
			case <-time.After(watchInterval / 2):
			}
		}
	}()
	w, err = l.watch(ctx, s, players, p.window)
	if err != nil {
		players.kill()
	}
	if failed := <-looking; err == nil {
		err = failed
	}
	return w, maxUnsent, err
}

// settle waits until the server's memory is enough or a limit is over, and
// returns it.
func (s *server) settle(ctx context.Context, limit time.Duration, enough float64) (float64, error) {
	for deadline := time.Now().Add(limit); ; {
		now, err := s.memory()
		if err != nil || now <= enough || time.Now().After(deadline) {
			return now, err
		}
		if err := sleep(ctx, time.Second); err != nil {
			return 0, err
		}
	}
}

package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// tickInterval is how often progress is told and usage is sampled.
	tickInterval = time.Second
	// settleTime is how long after its start a session's bitrate is not measured:
	// a player gets what the server has kept at once.
	settleTime = time.Second
)

// run is a plan being carried out. The goroutine of Run alone uses the fields
// that are not safe for concurrent use.
type run struct {
	plan      *Plan
	progress  io.Writer
	sessions  []*session
	sources   []*session // that publish for the players
	verifiers []*verifier
	drain     *drain
	wg        sync.WaitGroup // of all that runs
	live      sync.WaitGroup // of sessions

	latency, late histogram
	hls           hlsStats
	rtp           rtpStats
	pace          pace
	own           load
	server        *load // nil without a process to look at

	began, nextTick time.Time
	settle          time.Duration
	window          time.Time // when measuring began, zero before
	rates           []rate    // by session
	lastBytes       uint64    // at the last tick
	lastTick        time.Time
}

// rate is what a session's bitrate is measured from.
type rate struct {
	at    time.Time // zero while it is not measured
	bytes uint64
}

// Run carries out p and reports. It tells its progress once a second, one line
// each time. If ctx ends, or all sessions have, it stops early and reports what
// there was. The error says why a run could not begin.
func Run(ctx context.Context, p *Plan, progress io.Writer) (*Report, error) {
	r := &run{plan: p, progress: progress, settle: min(settleTime, p.Duration/4), rates: make([]rate, p.Sessions)}
	r.own.usage = ownUsage
	if p.server != nil {
		r.server = &load{usage: p.server.usage}
	}
	var err error
	if r.drain, err = newDrain(); err != nil {
		return nil, err
	}
	over, stop := context.WithCancel(ctx)
	r.wg.Go(func() { watch(over, &r.late) })
	var report *Report
	if err = r.publish(over); err == nil {
		report = r.hold(over)
	}
	stop()
	err = errors.Join(err, r.drain.close())
	r.wg.Wait()
	if err != nil {
		return nil, err
	}
	r.conclude(report)
	return report, nil
}

// publish starts what the players play, and waits until it is there.
func (r *run) publish(ctx context.Context) error {
	if !r.plan.Publish {
		return nil
	}
	results := make(chan error, r.plan.Streams)
	for i := range r.plan.Streams {
		s := &session{url: expand(r.plan.PublishURL, i)}
		r.sources = append(r.sources, s)
		r.wg.Add(1)
		p := &pusher{session: s, clip: r.plan.Clip, transport: r.plan.Transport, pace: &r.pace, done: r.wg.Done, connected: func(err error) { results <- err }}
		go p.run(ctx)
	}
	for range r.plan.Streams {
		if err := <-results; err != nil {
			return fmt.Errorf("publishing to %s: %w", public(r.plan.PublishURL), err)
		}
	}
	return nil
}

// hold starts the sessions, holds them and returns a report without what only
// their end tells.
func (r *run) hold(ctx context.Context) *Report {
	r.began = time.Now()
	r.lastTick, r.nextTick = r.began, r.began.Add(tickInterval)
	r.startMeasuring(r.began) // in case that the run is interrupted
	complete := true
	for i := range r.plan.Sessions {
		due := r.began.Add(time.Duration(float64(i) / r.plan.Ramp * float64(time.Second)))
		if complete = r.wait(ctx, due); !complete {
			break
		}
		r.start(ctx, i)
	}
	held := time.Now() // only now: those to come might fare better than those that have ended
	some, none := context.WithCancel(ctx)
	r.wg.Go(func() {
		r.live.Wait()
		none()
	})
	if complete = complete && r.wait(some, held.Add(r.settle)); complete {
		r.window = time.Now()
		r.startMeasuring(r.window)
		r.sampleRates(r.window, 0) // all were started long enough ago
		complete = r.wait(some, held.Add(r.plan.Duration))
	}
	report := r.measure(time.Now())
	switch {
	case complete:
	case ctx.Err() != nil:
		report.Interrupted = true
	default:
		report.Warnings = append(report.Warnings, nobodyLeft)
	}
	return report
}

func (r *run) startMeasuring(now time.Time) {
	r.own.start(now)
	if r.server != nil {
		r.server.start(now)
	}
}

// start starts session i.
func (r *run) start(ctx context.Context, i int) {
	s := &session{url: expand(r.plan.URL, r.plan.stream(i))}
	r.sessions = append(r.sessions, s)
	r.live.Add(1)
	if r.plan.Mode == Push {
		p := &pusher{session: s, clip: r.plan.Clip, transport: r.plan.Transport, pace: &r.pace, done: r.live.Done}
		go p.run(ctx)
		return
	}
	if i < r.plan.Verify {
		p := r.player(s)
		r.verifiers = append(r.verifiers, p.verifier)
		go p.run(ctx)
		return
	}
	switch r.plan.Protocol {
	case protoHLS:
		go (&hlsPlayer{session: s, mode: r.plan.HLS, stats: &r.hls, done: r.live.Done}).run(ctx)
	case protoRTSP:
		go (&rtspPlayer{session: s, udp: r.plan.Transport == UDP, stats: &r.rtp, drain: r.drain, done: r.live.Done}).run(ctx)
	case protoWHEP:
		go (&whepPlayer{session: s, stats: &r.rtp, done: r.live.Done}).run(ctx)
	default:
		p := r.player(s)
		p.drain = r.drain
		go p.run(ctx)
	}
}

// player returns a player that looks at all that it receives.
func (r *run) player(s *session) *player {
	return &player{
		session: s, verifier: &verifier{latency: &r.latency}, protocol: r.plan.Protocol, hls: r.plan.HLS, transport: r.plan.Transport, done: r.live.Done,
	}
}

// wait waits until a time, telling progress meanwhile, and reports whether ctx
// is still alive.
func (r *run) wait(ctx context.Context, until time.Time) bool {
	for {
		next := until
		if r.nextTick.Before(next) {
			next = r.nextTick
		}
		if !sleep(ctx, time.Until(next)) {
			return false
		}
		now := time.Now()
		if !now.Before(r.nextTick) {
			r.tick(now)
		}
		if !now.Before(until) {
			return true
		}
	}
}

// tick samples and tells how far the run is.
func (r *run) tick(now time.Time) {
	r.nextTick = now.Add(tickInterval)
	if !r.window.IsZero() {
		r.sampleRates(now, r.settle)
	}
	p := progressLine{after: now.Sub(r.began), wanted: r.plan.Sessions, own: r.own.sample(now)}
	var bytes uint64
	for _, s := range r.sessions {
		o := s.outcome()
		bytes += o.bytes
		p.count(o.state)
	}
	p.bitrate = bitrate(bytes-r.lastBytes, now.Sub(r.lastTick))
	r.lastBytes, r.lastTick = bytes, now
	if r.server != nil {
		p.server = r.server.sample(now)
		p.hasServer = r.server.err == nil
	}
	_, _ = io.WriteString(r.progress, p.String()) // nobody may be looking
}

// sampleRates begins to measure the bitrate of sessions that were connected for
// as long as settle.
func (r *run) sampleRates(now time.Time, settle time.Duration) {
	for i, s := range r.sessions {
		if !r.rates[i].at.IsZero() {
			continue
		}
		if o := s.outcome(); o.state == up && now.Sub(o.connected) >= settle {
			r.rates[i] = rate{now, o.bytes}
		}
	}
}

// bitrates returns the bits per second of the sessions that were measured for
// at least half the window.
func (r *run) bitrates(now time.Time) []float64 {
	var out []float64
	for i, s := range r.sessions {
		from, o := r.rates[i], s.outcome()
		end := now
		if !o.end.IsZero() {
			end = o.end
		}
		if from.at.IsZero() || end.Sub(from.at) < now.Sub(r.window)/2 {
			continue
		}
		out = append(out, bitrate(o.bytes-from.bytes, end.Sub(from.at)))
	}
	return out
}

// bitrate returns bits per second.
func bitrate(bytes uint64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(bytes) * 8 / d.Seconds()
}

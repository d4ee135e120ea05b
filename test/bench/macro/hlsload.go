package main

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// hlsCommand makes this program the load of the HLS scenarios.
const hlsCommand = "hls-clients"

// hlsReport is what HLS players found in their window. Times are in milliseconds.
type hlsReport struct {
	Failed           int
	Why              string // the first failure
	Playlists, Media times  // from the request to the end of the answer
	Answers          times  // to blocked reloads: behind the first player's answer
	Parts            int    // that blocked reloads were answered with
	Rate             float64
	observed
}

// times are of a number of requests.
type times struct {
	N        int
	P50, P99 float64
}

func timesOf(d []time.Duration) (t times) {
	if t.N = len(d); t.N == 0 {
		return t
	}
	slices.Sort(d)
	at := func(q float64) float64 { return float64(d[int(q*float64(len(d)-1))]) / float64(time.Millisecond) }
	t.P50, t.P99 = at(0.5), at(0.99)
	return t
}

// hlsNotes are taken by all players while the window lasts.
type hlsNotes struct {
	bytes atomic.Int64

	mu                        sync.Mutex
	on                        bool
	playlists, loads, answers []time.Duration
	first                     map[[2]int]time.Time // when the first player had a part
}

func (n *hlsNotes) add(media bool, began, ended time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case !n.on:
	case media:
		n.loads = append(n.loads, ended.Sub(began))
	default:
		n.playlists = append(n.playlists, ended.Sub(began))
	}
}

// answer notes that a blocked reload was answered with that newest part.
func (n *hlsNotes) answer(segment, part int, at time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.on {
		return
	}
	key := [2]int{segment, part}
	if _, known := n.first[key]; !known {
		n.first[key] = at
	}
	n.answers = append(n.answers, max(0, at.Sub(n.first[key])))
}

func (n *hlsNotes) start() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.on, n.first = true, make(map[[2]int]time.Time)
	n.bytes.Store(0)
}

func (n *hlsNotes) report() hlsReport {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.on = false
	return hlsReport{Playlists: timesOf(n.playlists), Media: timesOf(n.loads), Answers: timesOf(n.answers), Parts: len(n.first)}
}

// runHLSClients plays a stream with many players and prints a report of a window.
func runHLSClients(ctx context.Context, args []string, out, messages io.Writer) error {
	flags := flag.NewFlagSet(hlsCommand, flag.ContinueOnError)
	flags.SetOutput(messages)
	address := flags.String("url", "", "multivariant `playlist`")
	mode := flags.String("mode", string(hlsPlain), "how they `play`: plain, reloads or low")
	n := flags.Int("n", 1, "how `many`")
	pid := flags.Int("pid", 0, "process `id` of the server")
	window := flags.Duration("window", 10*time.Second, "how long it is `measured`")
	warm := flags.Duration("warm", 5*time.Second, "how `long` before that the last player begins")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	notes := &hlsNotes{}
	var crowd players
	if err := crowd.start(ctx, *n, func(ctx context.Context) error {
		p := hlsPlayer{mode: hlsMode(*mode), notes: notes}
		return p.play(ctx, *address)
	}); err != nil {
		return err
	}
	if err := sleep(ctx, *warm); err != nil {
		return err
	}
	notes.start()
	seen, err := observe(ctx, *pid, *window)
	if err != nil {
		return err
	}
	r := notes.report()
	r.observed, r.Rate = seen, float64(notes.bytes.Load())/seen.Seconds
	r.Failed, r.Why = crowd.failures()
	cancel()
	crowd.running.Wait()
	return json.NewEncoder(out).Encode(r)
}

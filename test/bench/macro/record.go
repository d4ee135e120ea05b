package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"time"
)

// recording is publishers with players of some of their streams, all of which are
// recorded or none.
type recording struct {
	streams int
	played  int // of the streams
	players int
}

// run measures both in turns, each time with a server of its own: memory that one of
// them needed would be there for the other.
func (c recording) run(ctx context.Context, l *lab) ([]row, error) {
	clip, err := l.clip(ctx, mediumClip)
	if err != nil {
		return nil, err
	}
	var plain, recorded side
	var disk written
	for turn := range turns {
		if err := c.measure(ctx, l, clip, &plain, nil); err != nil {
			return nil, err
		}
		disk.folder = filepath.Join(l.dir, fmt.Sprintf("recorded-%d", turn))
		if err := c.measure(ctx, l, clip, &recorded, &disk); err != nil {
			return nil, err
		}
	}
	rows := append(plain.rows("none recorded"), recorded.rows("recorded")...)
	rows = append(rows, told("CPU, difference", recorded.cpu-plain.cpu, "%"),
		atMost("lag p99, difference", recorded.lag.quantile(.99)-plain.lag.quantile(.99), "ms", disturbance))
	return append(rows, disk.rows()...), nil
}

// measure measures a turn; disk is nil if nothing is recorded.
func (c recording) measure(ctx context.Context, l *lab, clip *clip, sum *side, disk *written) error {
	var settings []string
	if disk != nil {
		settings = []string{"WEIR_DATA_DIR=" + disk.folder}
	}
	s, err := l.startWeir(ctx, serverCore, settings...)
	if err != nil {
		return err
	}
	defer s.kill()
	source, err := l.broadcast(ctx, s, publishing{url: s.url("s%d"), n: c.streams, clip: clip})
	if err != nil {
		return err
	}
	defer source.kill()
	if disk != nil {
		if err := c.record(ctx, s); err != nil {
			return err
		}
		if err := disk.begin(ctx, s); err != nil {
			return err
		}
	}
	err = sum.measure(ctx, l, s, playing{
		url: s.url("s%d"), n: c.players, streams: c.played, perSecond: rampPerSecond, verify: 4, tick: l.ticks()[0], window: l.window,
	})
	if err == nil && disk != nil {
		err = disk.end(ctx, s)
	}
	return err
}

// record has all streams recorded, and waits until the first fragments are written.
func (c recording) record(ctx context.Context, s *server) error {
	const settle = 2 * time.Second
	for i := range c.streams {
		body := fmt.Sprintf(`{"stream": "live/s%d"}`, i)
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.http+"/api/v1/recorders/start", bytes.NewBufferString(body))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		response.Body.Close()
		if response.StatusCode >= http.StatusMultipleChoices {
			return fmt.Errorf("recording stream %d: %s", i, response.Status)
		}
	}
	return sleep(ctx, settle)
}

// written is what a server wrote to its disk, in all turns.
type written struct {
	folder string
	before metrics
	began  time.Time

	took                        time.Duration
	bytes, writes, writeSeconds float64
	syncs, syncSeconds          float64
	failed                      float64
}

// begin begins a turn.
func (w *written) begin(ctx context.Context, s *server) (err error) {
	w.began = time.Now()
	w.before, err = s.metrics(ctx)
	return err
}

// end adds what came since.
func (w *written) end(ctx context.Context, s *server) error {
	after, err := s.metrics(ctx)
	if err != nil {
		return err
	}
	since := func(name string) float64 { return after.sum(name) - w.before.sum(name) }
	w.took += time.Since(w.began)
	w.bytes += since("weir_record_bytes_total")
	w.writes += since("weir_record_write_seconds_count")
	w.writeSeconds += since("weir_record_write_seconds_sum")
	w.syncs += since("weir_record_sync_seconds_count")
	w.syncSeconds += since("weir_record_sync_seconds_sum")
	w.failed += after.sum("weir_record_errors_total") + after.sum("weir_record_frames_dropped_total")
	return nil
}

// rows tell what a write and a second were on average.
func (w *written) rows() []row {
	seconds := w.took.Seconds()
	return []row{
		told("recorded: written", w.bytes*8/megabyte/seconds, "Mbit/s"),
		told("recorded: writes in a second", w.writes/seconds, ""),
		told("recorded: bytes of a write", w.bytes/w.writes/1000, "KB"),
		told("recorded: a write takes", 1000*w.writeSeconds/w.writes, "ms"),
		told("recorded: fsyncs in a second", w.syncs/seconds, ""),
		told("recorded: an fsync takes", 1000*w.syncSeconds/w.syncs, "ms"),
		none("recorded: errors, frames left out", int(w.failed)),
	}
}

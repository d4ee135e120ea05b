package record

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
)

// usualLag is how long frames stay in memory for a recorder that keeps up. One that does
// not gets up to max_lag: a hundred streams of 2 Mbit/s take 50 MB in place of 250 MB.
const usualLag = 2 * time.Second

// calm is how long a disk that was too slow keeps up before it counts as well again.
const calm = 30 * time.Second

// health tells when a recording begins to fail and when it goes on or ends, once each: a
// disk that is full for a day costs two lines in the log. Its methods are safe for
// concurrent use.
type health struct {
	recorder *recorder
	doubt    *time.Timer // run while the disk is at work
	patience *time.Timer
	generous atomic.Bool // frames are kept in memory for as long as max_lag

	mu     sync.Mutex // held while somebody is told, so that all is told in order
	broken *Failure   // that was told of; nil while all is well
	missed time.Time  // when the disk was too slow last
	ended  bool       // the recorder has
}

func (h *health) init(r *recorder) {
	h.recorder = r
	h.patience = time.AfterFunc(time.Hour, h.hangs)
	h.doubt = time.AfterFunc(time.Hour, h.wait)
	h.rest()
}

// rest notes that the disk is not at work.
func (h *health) rest() {
	h.doubt.Stop()
	h.patience.Stop()
}

// timed calls f, which works on a disk.
func (h *health) timed(f func() error) error {
	h.doubt.Reset(usualLag / 2)
	h.patience.Reset(h.recorder.task.order.Load().maxLag)
	defer h.rest()
	return f()
}

// wait has the stream keep frames for longer: the disk is slow.
func (h *health) wait() {
	h.generous.Store(true)
	h.recorder.sub.Retain(h.recorder.task.order.Load().maxLag)
}

// keepsUp notes how far behind the newest frame was written.
func (h *health) keepsUp(lag time.Duration) {
	switch generous := h.generous.Load(); {
	case lag > usualLag/2 && !generous:
		h.wait()
	case lag < usualLag/4 && generous:
		h.generous.Store(false)
		h.recorder.sub.Retain(usualLag)
	}
}

// hangs is called while the disk is at work for too long.
func (h *health) hangs() {
	h.slow(fmt.Errorf("the disk has not answered for %v", h.recorder.task.order.Load().maxLag))
}

// slow notes that the disk does not keep up, while the recording goes on.
func (h *health) slow(err error) {
	h.mu.Lock()
	h.missed = time.Now()
	h.mu.Unlock()
	h.failed(Failure{Stream: h.recorder.stream.Name(), Reason: reason.DiskSlow, Error: err.Error()})
	h.recorder.set(func(s *Status) { s.fails(err) })
}

// failed counts a failure, and tells of it unless it was told of its like already.
func (h *health) failed(f Failure) {
	service := h.recorder.service
	service.metrics.errors.WithLabelValues(string(f.Reason)).Inc()
	h.mu.Lock()
	defer h.mu.Unlock()
	known := h.ended || h.broken != nil && h.broken.Reason == f.Reason
	h.broken = &f
	if known {
		return
	}
	service.host.Log.Warn("recording failed", slog.String("stream", f.Stream), slog.String("file", f.File),
		slog.String("reason", string(f.Reason)), slog.String("error", f.Error))
	service.tell().Failed(f)
}

// works notes that media reaches the disk.
func (h *health) works(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.broken == nil || h.broken.Reason == reason.DiskSlow && now.Sub(h.missed) < calm {
		return
	}
	h.recorder.set(func(s *Status) { s.Error, s.FailedAt, s.Next = "", time.Time{}, time.Time{} })
	h.recovered(h.recorder.segment.name)
}

// end notes that the recorder ends. Who was told that it fails is told that it does not any
// more: nobody else would.
func (h *health) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = true
	if h.broken != nil {
		h.recovered("")
	}
}

// recovered tells that what was told to have failed is over; file is empty if nothing goes
// on. The caller locks.
func (h *health) recovered(file string) {
	f, service := *h.broken, h.recorder.service
	h.broken = nil
	log := service.host.Log.With(slog.String("stream", f.Stream), slog.String("reason", string(f.Reason)))
	if file == "" {
		log.Info("recording has ended, so it fails no more")
	} else {
		log.Info("recording goes on")
	}
	service.tell().Recovered(Failure{Stream: f.Stream, File: file, Reason: f.Reason})
}

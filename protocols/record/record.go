// Package record writes streams to files: always while they are published, or when it
// is told to. A recorder is a subscriber like any other, and a session: what goes
// wrong with a disk costs the recording alone.
package record

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/protocols/record/library"
	"github.com/weirmedia/weir/remux/mediafile"
)

// Service records what its configuration names and what it is told to. Its methods
// are safe for concurrent use.
type Service struct {
	host    *plugin.Host
	store   store
	metrics *metrics
	buffers mediafile.Buffers // of all writers
	watch   *bus.Watch
	stop    context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	config   *Config
	observer Observer
	tasks    map[string]*task // by stream
	active   int              // tasks with a recorder that runs
	full     bool             // a stream was turned away by max_recorders
	drained  bool
}

var _ plugin.Reconfigurer = (*Service)(nil)

// Observer is told of what happens. Its functions may be called by many goroutines at
// once, those about a stream by one at a time; a recorder waits for them.
type Observer struct {
	Ended  func(library.Segment)
	Failed func(Failure)
	// Recovered is told that what Failed does not any more: Error is empty, and File is
	// too if there is nothing more to record.
	Recovered func(Failure)
}

func newService(c *Config, files store, h *plugin.Host) *Service {
	ctx, stop := context.WithCancel(context.Background())
	s := &Service{
		host: h, store: files, config: c, watch: h.Bus.Watch(), stop: stop, tasks: make(map[string]*task),
		observer: Observer{Ended: func(library.Segment) {}, Failed: func(Failure) {}, Recovered: func(Failure) {}},
	}
	s.metrics = newMetrics(s, h.Metrics)
	s.running.Go(func() { s.follow(ctx) })
	return s
}

// Observe has o, all of whose functions are set, told of what happens from now on.
func (s *Service) Observe(o Observer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.observer = o
}

func (s *Service) tell() Observer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.observer
}

// Library returns what was recorded.
func (s *Service) Library() *library.Library {
	l, _ := s.store.(shelf)
	return l.Library
}

// follow notes streams that come and go.
func (s *Service) follow(ctx context.Context) {
	defer s.watch.Close()
	for {
		e, err := s.watch.Next(ctx)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.update(e.Stream.Name())
		s.mu.Unlock()
	}
}

// Reconfigure implements plugin.Reconfigurer.
func (s *Service) Reconfigure(next plugin.Config) {
	streams := s.host.Bus.Streams()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config = next.(*Config)
	s.store.SetKeep(s.config.keepOf, int64(s.config.TotalBytes))
	for _, stream := range streams {
		s.update(stream.Name())
	}
	for name := range s.tasks {
		s.update(name)
	}
}

// Start records a stream until Stop, also against its rule; one that is not there as
// soon as it is. Errors are ErrRecording, ErrUnknown, a *reason.Error of LimitReached,
// or say what is wrong with the options.
func (s *Service) Start(stream string, o StartOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.update(stream) // or what was meant for an earlier stream of the name would count
	t := s.tasks[stream]
	_, ruled := s.config.orderFor(stream, o)
	switch {
	case t != nil && t.runs():
		return ErrRecording
	case s.host.Bus.Stream(stream) == nil && (!ruled || o.Once):
		return ErrUnknown
	case s.active >= s.config.MaxRecorders && (t == nil || t.cancel == nil): // else it takes its own place over
		return reason.Wrap(reason.LimitReached, s.errFull())
	case t == nil:
		t = s.newTask(stream)
	}
	t.wish, t.stopped = &o, false
	s.update(stream)
	return nil
}

// Stop ends the recording of a stream, or that it is to begin. One that a rule wants
// recorded stays so until Start, or until it has ended and is published anew. The
// error is ErrNotRecording.
func (s *Service) Stop(stream string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tasks[stream]
	if t == nil || !t.runs() {
		return ErrNotRecording
	}
	t.halt(errStopped)
	return nil
}

// Recorders returns what is recorded and what should be, in no order.
func (s *Service) Recorders() []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Status
	for _, t := range s.tasks {
		if t.status.State != "" {
			out = append(out, t.status)
		}
	}
	return out
}

func (s *Service) errFull() error {
	return fmt.Errorf("%d streams are recorded already (record.max_recorders)", s.active)
}

// refused notes that there are too many recorders for one more. The caller locks.
func (s *Service) refused(t *task) {
	s.metrics.errors.WithLabelValues(string(reason.LimitReached)).Inc()
	if !s.full {
		s.full = true
		s.host.Log.Warn("no more streams are recorded (record.max_recorders)", slog.String("stream", t.stream), slog.Int("recorders", s.active))
	}
	t.status.idle(Failed)
	t.status.fails(s.errFull())
}

// ended takes note that a recorder has ended, and begins another if the stream is
// wanted still, or one that was turned away.
func (s *Service) ended(t *task) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.cancel, t.ending, t.recording = nil, false, nil
	s.active--
	s.update(t.stream)
	if s.full {
		s.full = false
		for name := range s.tasks {
			s.update(name)
		}
	}
}

// Drain implements plugin.Service: files are completed, and nothing begins.
func (s *Service) Drain() {
	s.stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drained = true
	for name := range s.tasks {
		s.update(name)
	}
}

// Close implements plugin.Service.
func (s *Service) Close(ctx context.Context) error {
	if err := plugin.Wait(ctx, &s.running); err != nil {
		return err // somebody writes still
	}
	closed := make(chan error, 1)
	go func() { closed <- s.store.Close() }()
	select {
	case err := <-closed:
		return err
	case <-ctx.Done(): // the disk does not answer
		return ctx.Err()
	}
}

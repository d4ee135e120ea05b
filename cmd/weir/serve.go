package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/reason"
)

type serveCommand struct{ configFlag }

// collectAt is how much the heap may grow, in percent of what is in use, before
// it is collected (GOGC). 1,000 publishers at 690 kbit/s took 250 MB at Go's
// default of 100, 202 MB at 50 and 187 MB at 25, where collecting took 12 % of
// the time.
const collectAt = 50

// Run serves until a signal comes.
func (c *serveCommand) Run(con *console) error {
	return run(con, c.configFlag, nil)
}

// run starts the server, prints where to go, runs beside, if there is one, which may
// print too, and waits for a signal to stop.
func run(con *console, flag configFlag, beside func(ctx context.Context, a *app, out io.Writer) error) error {
	s, err := flag.load()
	if err != nil {
		return err
	}
	log, written := newLogger(con.err, s)
	defer written.close(flushTime)
	out := newLineQueue(con.out, new(atomic.Uint64), nil)
	defer out.close(0) // what nobody has read yet, nobody misses
	for _, w := range s.report.Warnings {
		log.Warn("configuration", slog.String("warning", w))
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	// A signal that comes while weir starts must stop it too.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGHUP)
	defer signal.Stop(again)
	// Nobody takes these, but a program that asks for none ends when it writes to a
	// pipe that nobody reads any more: what collects the log may end, streams must not.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	context.AfterFunc(ctx, stop) // a second one ends the program at once
	a, err := start(ctx, s, log)
	if err != nil {
		return err
	}
	a.printBanner(out)

	failed := make(chan error, 1)
	besideDone := make(chan struct{})
	go func() {
		defer close(besideDone)
		if beside != nil {
			if err := beside(ctx, a, out); err != nil && ctx.Err() == nil {
				failed <- err
			}
		}
	}()
	go a.reloadAt(ctx, again) // which may take long, or for ever, where files come by a network
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	stop()
	timeout := a.configuration.current().shutdown.Timeout
	log.Info("stopping", slog.Duration("timeout", time.Duration(timeout)))
	err = errors.Join(err, a.close(timeout))
	<-besideDone
	if err == nil {
		log.Info("stopped")
	}
	return err
}

// start is newApp, for which nobody waits longer than for the end once ctx has ended: it
// reads files, which may come by a network that does not answer.
func start(ctx context.Context, s *settings, log *slog.Logger) (*app, error) {
	type result struct {
		app *app
		err error
	}
	done := make(chan result, 1)
	go func() {
		a, err := newApp(s, log)
		done <- result{a, err}
	}()
	select {
	case r := <-done:
		return r.app, r.err
	case <-ctx.Done():
	}
	select {
	case r := <-done:
		return r.app, r.err
	case <-time.After(time.Duration(s.shutdown.Timeout)):
		return nil, errors.New("stopped before it had started")
	}
}

// reloadAt reads the configuration again at each signal, until ctx ends.
func (a *app) reloadAt(ctx context.Context, signals <-chan os.Signal) {
	for {
		select {
		case <-signals:
			_, _ = a.configuration.Reload("SIGHUP") // it logs errors
		case <-ctx.Done():
			return
		}
	}
}

// newLogger returns the log and what has to be closed so that it is written.
func newLogger(w io.Writer, s *settings) (*slog.Logger, *lineQueue) {
	s.logLevel.Set(s.log.mustLevel())
	direct := s.log.handler(w, s.logLevel)
	q := newLineQueue(w, s.logDropped, func(dropped uint64) error {
		r := slog.NewRecord(time.Now(), slog.LevelWarn, "log lines dropped", 0)
		r.AddAttrs(slog.Uint64("lines", dropped))
		return direct.Handle(context.Background(), r)
	})
	return slog.New(s.log.handler(q, s.logLevel)), q
}

func (l *logSettings) handler(w io.Writer, shown slog.Leveler) slog.Handler {
	options := &slog.HandlerOptions{Level: shown}
	if l.Format == "json" {
		return slog.NewJSONHandler(w, options)
	}
	return slog.NewTextHandler(w, options)
}

// cutOffTime is what services have to cut off connections and to complete files when
// sessions have used up all the time there is.
const cutOffTime = time.Second

// close ends everything in the order in which nothing is lost: nobody comes in
// any more, sessions say goodbye, then what carried them goes.
func (a *app) close(timeout config.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(timeout))
	defer cancel()
	a.ready.Store(false)
	a.configuration.allow(false)
	a.events.stopping()
	a.idle.end()
	for _, s := range a.services {
		s.Drain()
	}
	httpDone := make(chan error, 1)
	go func() { httpDone <- a.http.Shutdown(ctx) }()
	errs := []error{a.sessions.Shutdown(ctx)}
	rest := ctx
	if ctx.Err() != nil {
		late, cancel := context.WithTimeout(context.Background(), cutOffTime)
		defer cancel()
		rest = late
	}
	for _, s := range a.services {
		errs = append(errs, s.Close(rest))
	}
	a.bus.Close(reason.Shutdown)
	a.events.end(rest) // also of HTTP clients that read them
	errs = append(errs, <-httpDone)
	a.finish()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("stopping: %w", err)
	}
	return nil
}

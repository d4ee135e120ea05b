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

// run starts the server, prints where to go, runs beside, if there is one, and
// waits for a signal to stop.
func run(con *console, flag configFlag, beside func(ctx context.Context, a *app) error) error {
	s, err := flag.load()
	if err != nil {
		return err
	}
	log, err := newLogger(con.err, s.log, s.logLevel)
	if err != nil {
		return err
	}
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
	a, err := newApp(s, log)
	if err != nil {
		return err
	}
	a.printBanner(con.out)

	failed := make(chan error, 1)
	besideDone := make(chan struct{})
	go func() {
		defer close(besideDone)
		if beside != nil {
			if err := beside(ctx, a); err != nil && ctx.Err() == nil {
				failed <- err
			}
		}
	}()
	go a.reloadAt(ctx, again) // which may take long, or for ever, where files come by a network
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	stop() // a second signal ends the program at once
	timeout := a.configuration.current().shutdown.Timeout
	log.Info("stopping", slog.Duration("timeout", time.Duration(timeout)))
	err = errors.Join(err, a.close(timeout))
	<-besideDone
	if err == nil {
		log.Info("stopped")
	}
	return err
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

func newLogger(w io.Writer, s logSettings, shown *slog.LevelVar) (*slog.Logger, error) {
	level, err := s.level()
	if err != nil {
		return nil, err
	}
	shown.Set(level)
	options := &slog.HandlerOptions{Level: shown}
	if s.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return slog.New(slog.NewTextHandler(w, options)), nil
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

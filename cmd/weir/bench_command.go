package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/weirmedia/weir/cmd/weir/bench"
)

// benchCommand is "weir bench".
type benchCommand struct {
	Push benchPush `cmd:"" help:"Publish many streams by RTMP or RTSP."`
	Play benchPlay `cmd:"" help:"Play with many players, by RTMP, RTSP, WHEP, HLS, or FLV, MPEG-TS and fMP4 over HTTP and WebSocket."`
}

// benchFlags are what pushing and playing have in common.
type benchFlags struct {
	URL       string        `arg:"" name:"url" help:"Where to publish or what to play; %d is the session's number, modulo --streams."`
	Sessions  int           `short:"n" default:"10" help:"How many sessions (${default})." placeholder:"N"`
	Ramp      float64       `default:"50" help:"How many to start per second (${default})." placeholder:"N"`
	Duration  time.Duration `default:"10s" help:"How long to hold them once all were started (${default})."`
	Streams   int           `help:"How many different streams the %d makes; one for each session, if not set." placeholder:"N"`
	PID       int           `name:"pid" help:"Process of the server, whose CPU and memory are to be measured (Linux)."`
	File      string        `help:"FLV file to publish instead of the built-in clip." placeholder:"FILE"`
	Transport string        `enum:"tcp,udp" default:"tcp" help:"What carries the media of RTSP: tcp or udp (${default})."`
	JSON      bool          `name:"json" help:"Report as JSON."`
}

type benchPush struct {
	benchFlags
	Mark bool `help:"Put a marker into every picture, by which a player measures latency."`
}

// Run publishes and reports.
func (c *benchPush) Run(con *console) error {
	return c.run(con, bench.Options{Mode: bench.Push, Mark: c.Mark}, true)
}

type benchPlay struct {
	benchFlags
	Protocol  string `enum:"auto,rtmp,rtsp,flv,ts,mp4,hls,whep" default:"auto" help:"What to speak: rtmp, rtsp, flv, ts, mp4, hls, whep, or auto (${default}), which is what the URL says." placeholder:"NAME"`
	Verify    int    `default:"4" help:"How many players look at all that they receive (${default}); the others count bytes." placeholder:"N"`
	HLS       string `name:"hls" default:"auto" help:"How to play HLS: ll, plain, or auto (${default}), which is ll if the playlist has parts." placeholder:"MODE"`
	Publish   bool   `help:"Publish what is played too, marked, so that latency is measured."`
	PublishTo string `help:"Where to publish it (RTMP or RTSP); implies --publish." placeholder:"URL"`
}

// Run plays and reports.
func (c *benchPlay) Run(con *console) error {
	o := bench.Options{Mode: bench.Play, Verify: c.Verify, Protocol: bench.Protocol(c.Protocol), HLS: bench.HLSMode(c.HLS), Publish: c.Publish, PublishURL: c.PublishTo}
	return c.run(con, o, c.Publish || c.PublishTo != "")
}

// run carries out o, completed by the common flags. The error is a *usageError
// if these make no sense, and an *exitError if not all went well.
func (f *benchFlags) run(con *console, o bench.Options, publishes bool) error {
	o.URL, o.Sessions, o.Ramp, o.Duration, o.Streams, o.PID = f.URL, f.Sessions, f.Ramp, f.Duration, f.Streams, f.PID
	o.Transport = bench.Transport(f.Transport)
	if publishes {
		var err error
		if o.Clip, err = f.clip(); err != nil {
			return &usageError{err}
		}
	} else if f.File != "" {
		return &usageError{errors.New("--file: nothing is published; --publish lets players do it")}
	}
	plan, err := bench.NewPlan(o)
	if err != nil {
		return &usageError{err}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	report, err := bench.Run(ctx, plan, con.err)
	if err != nil {
		return err
	}
	write := report.WriteText
	if f.JSON {
		write = report.WriteJSON
	}
	if err := write(con.out); err != nil {
		return err
	}
	if !report.OK() {
		return &exitError{}
	}
	return nil
}

// clip reads the file, or the built-in clip if none is named.
func (f *benchFlags) clip() (*bench.Clip, error) {
	if f.File == "" {
		return bench.ReadClip(bytes.NewReader(demoClip))
	}
	file, err := os.Open(f.File)
	if err != nil {
		return nil, fmt.Errorf("--file: %w", err)
	}
	defer file.Close()
	clip, err := bench.ReadClip(file)
	if err != nil {
		return nil, fmt.Errorf("--file %s: %w", f.File, err)
	}
	return clip, nil
}

// usageError is a command line that makes no sense. The program ends with
// status 2.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }

// Unwrap returns what is wrong.
func (e *usageError) Unwrap() error { return e.err }

// exitStatus returns the program's exit status for the error of a command.
func exitStatus(err error) int {
	var usage *usageError
	var silent *exitError
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &silent):
		return max(silent.status, 1)
	}
	return 1
}

// exitUsage is the exit status for a command line that makes no sense.
const exitUsage = 2

// exit ends the program for the parser of the command line, whose own status
// for one that makes no sense is another.
func exit(status int) { os.Exit(min(status, exitUsage)) }

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/weirmedia/weir/cmd/weir/probe"
)

type probeCommand struct {
	URL       string        `arg:"" help:"rtmp, rtmps, rtsp, rtsps, http, https, ws or wss URL of a stream (HLS, MPEG-TS, fMP4, else FLV), a file, or - for standard input."`
	Seconds   float64       `default:"10" help:"How much to look at."`
	JSON      bool          `name:"json" help:"Print the report as JSON."`
	Timeout   time.Duration `default:"10s" help:"How long to wait for an answer, and for media."`
	Transport string        `enum:"auto,tcp,udp" default:"auto" help:"What carries the media of RTSP: tcp, udp, or auto (${default}), which is tcp unless the server refuses it."`
	Insecure  bool          `help:"Accept any certificate."`
}

// streamWrong is the exit status if the stream was probed and something is
// wrong with it.
const streamWrong = 2

// Validate refuses times that are none.
func (c *probeCommand) Validate() error {
	const day = 24 * 3600
	if !(c.Seconds > 0 && c.Seconds <= day) {
		return fmt.Errorf("--seconds: must be more than 0 and at most %d, is %v", day, c.Seconds)
	}
	if c.Timeout <= 0 {
		return fmt.Errorf("--timeout: must be more than 0, is %v", c.Timeout)
	}
	return nil
}

// Run prints what is found out about the stream. A signal ends the probe early.
func (c *probeCommand) Run(con *console) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return c.run(ctx, con)
}

func (c *probeCommand) run(ctx context.Context, con *console) error {
	report, err := probe.Run(ctx, c.URL, probe.Options{
		Length: time.Duration(c.Seconds * float64(time.Second)), Timeout: c.Timeout, Transport: c.Transport, Insecure: c.Insecure,
		Agent: "weir-probe/" + version, Stdin: con.in,
	})
	if err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	if c.JSON {
		encoder := json.NewEncoder(con.out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		err = encoder.Encode(report)
	} else {
		err = report.Print(con.out, colourful(con))
	}
	if err == nil && report.Wrong() {
		return &exitError{streamWrong}
	}
	return err
}

// colourful reports whether output is a terminal whose user wants colours
// (no-color.org).
func colourful(con *console) bool {
	return terminal(con.out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// terminal reports whether w is one.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

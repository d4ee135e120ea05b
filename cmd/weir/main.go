// Command weir is a live-media gateway: a publisher pushes a stream once, and
// every viewer takes it out in the protocol it speaks.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"

	"github.com/alecthomas/kong"
)

// version is set by the build.
var version = "dev"

// cli is the command line.
type cli struct {
	Serve      serveCommand      `cmd:"" default:"withargs" help:"Run the server (the default)."`
	Demo       demoCommand       `cmd:"" help:"Run the server and publish a built-in clip as live/demo."`
	Check      checkCommand      `cmd:"" help:"Validate the configuration and print what differs from the defaults."`
	Hash       hashCommand       `cmd:"" help:"Read a password from standard input and print its hash for auth.users."`
	Sign       signCommand       `cmd:"" help:"Sign a URL, so that whoever has it may publish or play for a while."`
	Probe      probeCommand      `cmd:"" help:"Look at a stream: what is in it, how it comes, what is wrong, which browsers play it."`
	Record     recordCommand     `cmd:"" help:"Record a stream into a file: fragmented MP4, FLV or MPEG-TS."`
	Streams    streamsCommand    `cmd:"" help:"List the streams of a running server."`
	Sessions   sessionsCommand   `cmd:"" help:"List its publishers and viewers."`
	Events     eventsCommand     `cmd:"" help:"Print what happens there, as it happens."`
	Top        topCommand        `cmd:"" help:"Show its streams, again and again."`
	Kick       kickCommand       `cmd:"" help:"Close a session, or the publisher of a stream."`
	Recordings recordingsCommand `cmd:"" help:"List what it has recorded."`
	Pull       pullCommand       `cmd:"" help:"List the streams that it fetches; add, remove, stop and start them."`
	Forward    forwardCommand    `cmd:"" help:"The same of streams that it sends elsewhere."`
	Bench      benchCommand      `cmd:"" help:"Load a server with many publishers or players and report."`
	Health     healthCommand     `cmd:"" help:"Ask a server whether it is ready; the exit status tells."`
	Version    versionCommand    `cmd:"" help:"Print the version."`
}

// console is where commands read and print.
type console struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	var c cli
	parser := kong.Must(&c, kong.Name("weir"),
		kong.Description("A live-media gateway: RTMP, RTSP and WebRTC in; these, HTTP-FLV, HLS and more out."), kong.ShortUsageOnError(), kong.Exit(exit))
	args := arguments(os.Args[1:])
	if err := findCommand(parser.Model.Node, args); err != nil {
		parser.Errorf("%s", err)
		exit(exitUsage)
	}
	command, err := parser.Parse(args)
	parser.FatalIfErrorf(err)
	if err := command.Run(&console{os.Stdin, os.Stdout, os.Stderr}); err != nil {
		var silent *exitError
		if !errors.As(err, &silent) {
			last := newLineQueue(os.Stderr, new(atomic.Uint64), nil)
			fmt.Fprintln(last, "weir:", err)
			last.close(flushTime)
		}
		os.Exit(exitStatus(err))
	}
}

// exitError makes the program fail; what there is to say was said.
type exitError struct {
	status int // of the program; 0 means 1
}

func (*exitError) Error() string { return "failed" }

type versionCommand struct{}

// Run prints version, revision and platform.
func (*versionCommand) Run(c *console) error {
	_, err := fmt.Fprintf(c.out, "weir %s%s %s %s/%s\n", version, revision(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return " (" + s.Value[:min(12, len(s.Value))] + ")"
		}
	}
	return ""
}

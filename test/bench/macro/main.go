package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	program, args := run, os.Args[1:]
	if len(args) > 0 && args[0] == hlsCommand { // started by a scenario
		program, args = runHLSClients, args[1:]
	}
	err := program(ctx, args, os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "macro:", err)
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	weir, nginx, clip, clips string
	selected                 []scenario
	window, limit            time.Duration
	list, markdown, strict   bool
}

func parse(args []string, messages io.Writer) (options, error) {
	o := options{}
	flags := flag.NewFlagSet("macro", flag.ContinueOnError)
	flags.SetOutput(messages)
	pattern := flags.String("run", "*", "which `scenarios`: names with * and ?, separated by commas")
	flags.BoolVar(&o.list, "list", false, "list the scenarios and end")
	flags.StringVar(&o.weir, "weir", "bin/weir", "`program` under test")
	flags.StringVar(&o.nginx, "nginx", "/usr/sbin/nginx", "`program` to compare with, which has the RTMP module of Debian")
	flags.StringVar(&o.clip, "clip", "", "FLV `file` to publish instead of the clip of 690 kbit/s")
	flags.StringVar(&o.clips, "clips", "bin/bench", "`folder` of the clips, which are made there with ffmpeg if they are missing")
	flags.DurationVar(&o.window, "window", 10*time.Second, "how long each load is `measured`; twice that for publishers")
	flags.DurationVar(&o.limit, "limit", 6*time.Minute, "how long one scenario may take")
	flags.BoolVar(&o.markdown, "markdown", false, "print the table as Markdown")
	flags.BoolVar(&o.strict, "strict", false, "end with status 1 if a bound is broken")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("%q is not an option", flags.Arg(0))
	}
	if o.window < time.Second {
		return o, fmt.Errorf("-window %v is shorter than a second", o.window)
	}
	var err error
	o.selected, err = choose(*pattern)
	return o, err
}

// choose returns the scenarios whose names a list of patterns matches.
func choose(patterns string) ([]scenario, error) {
	var chosen []scenario
	for _, s := range scenarios {
		for p := range strings.SplitSeq(patterns, ",") {
			matches, err := path.Match(p, s.name)
			if err != nil {
				return nil, fmt.Errorf("-run %q: %w", p, err)
			}
			if matches {
				chosen = append(chosen, s)
				break
			}
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("-run %q matches no scenario; -list tells their names", patterns)
	}
	return chosen, nil
}

// run measures what args ask for. Its error says what could not be measured or,
// if bounds are strict, that one was broken.
func run(ctx context.Context, args []string, out, messages io.Writer) error {
	o, err := parse(args, messages)
	if err != nil {
		return err
	}
	if o.list {
		for _, s := range o.selected {
			fmt.Fprintf(out, "%-20s %s\n", s.name, s.about)
		}
		return nil
	}
	dir, err := os.MkdirTemp("", "weir-macro-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary folder may stay
	var rows []row
	for _, s := range o.selected {
		fmt.Fprintf(messages, "%s: %s\n", s.name, s.about)
		measured, failed := measure(ctx, o, s, dir, messages)
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", s.name, failed))
			measured = append(measured, missing("", "failed"))
		}
		for _, r := range measured {
			r.scenario = s.name
			rows = append(rows, r)
		}
		if ctx.Err() != nil {
			break
		}
	}
	report(out, machine(), rows, o.markdown)
	if broken := count(rows); o.strict && broken > 0 {
		err = errors.Join(err, fmt.Errorf("%d figures are over their bounds", broken))
	}
	return err
}

// measure carries out one scenario, and ends whatever it started.
func measure(ctx context.Context, o options, s scenario, dir string, messages io.Writer) ([]row, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, o.limit, fmt.Errorf("it took longer than %v", o.limit))
	defer cancel()
	l := &lab{options: o, dir: dir, messages: messages, generator: chooseGenerator(o.weir)}
	defer l.close()
	rows, err := s.run(ctx, l)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return rows, err
}

func chooseGenerator(weir string) generator {
	if program := os.Getenv("LOADGEN"); program != "" {
		return loadgen{program}
	}
	return weirBench{weir}
}

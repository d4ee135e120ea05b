// Command clienttests runs go test for tests that drive browsers and players, or
// all of the project's at once: a busy machine makes them slow beyond any bound that
// is worth having.
//
// It says how long the longest tests took. If no more than -again tests failed,
// they get one more try, alone on the machine; what then passes is named, with
// what it printed before, and the run counts as passed. A race, a panic or a
// package that does not build fails the run at once: these are no matter of
// load.
//
// Usage: clienttests [-again N] [-longest N] -- flags of go test -- packages
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

func main() {
	again := flag.Int("again", 3, "how many failed tests at most get one more try")
	longest := flag.Int("longest", 15, "how many of the longest tests are listed")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: clienttests [-again N] [-longest N] -- flags of go test -- packages")
		flag.PrintDefaults()
	}
	flag.Parse()
	cut := slices.Index(flag.Args(), "--")
	if cut < 0 || cut == len(flag.Args())-1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c := campaign{flags: flag.Args()[:cut], again: *again, longest: *longest}
	if err := c.run(ctx, flag.Args()[cut+1:]); err != nil {
		fmt.Fprintln(os.Stderr, "clienttests:", err)
		os.Exit(1)
	}
}

// campaign is one run and what is tried again of it.
type campaign struct {
	flags          []string
	again, longest int
}

func (c campaign) run(ctx context.Context, packages []string) error {
	first, err := goTest(ctx, c.flags, packages)
	if err != nil {
		return err
	}
	first.printLongest(c.longest)
	if first.passed() {
		return nil
	}
	first.printSaid(os.Stdout)
	failed, err := first.worthAnotherTry(c.again)
	if err != nil {
		return err
	}
	for name, tests := range failed {
		fmt.Printf("\nonce more, alone: %s of %s\n", strings.Join(tests, ", "), name)
		flags := append(slices.Clone(c.flags), "-parallel", "1", "-run", "^("+strings.Join(tests, "|")+")$")
		second, err := goTest(ctx, flags, []string{name})
		switch {
		case err != nil:
			return err
		case !second.passed():
			first.printSaid(os.Stdout)
			second.printSaid(os.Stdout)
			return fmt.Errorf("%s: failed twice", name)
		case second.tests() < len(tests):
			return fmt.Errorf("%s: %d of %d tests ran again", name, second.tests(), len(tests))
		}
	}
	for name, tests := range failed {
		fmt.Printf("UNSTEADY: %s of %s failed beside others and passed alone\n", strings.Join(tests, ", "), name)
	}
	return nil
}

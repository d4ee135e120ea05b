package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// event is a line of go test -json (cmd/test2json).
type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64 // seconds
}

// outcome is what one go test told.
type outcome struct {
	took    map[test]time.Duration // of top-level tests that ended
	failed  map[string][]string    // top-level tests by package
	broken  []string               // packages that failed without a test that did
	said    []string               // what failed tests said, each in a line
	serious string                 // a line that no load explains, if there was one
	status  error                  // how go test ended
}

type test struct{ pkg, name string }

// said is how a line of a test's own begins.
var said = regexp.MustCompile(`^ *\w+_test\.go:\d+: `)

// short is a line that can be read beside others.
func short(line string) string {
	const most = 400
	if len(line) <= most {
		return line
	}
	return line[:most] + " …"
}

// seriously are words that a race detector or a dying program prints.
var seriously = []string{"DATA RACE", "panic:", "fatal error:"}

// goTest runs go test and prints what failed tests printed. The error is about
// go test itself.
func goTest(ctx context.Context, flags, packages []string) (*outcome, error) {
	args := slices.Concat([]string{"test", "-json"}, flags, packages)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Stderr = os.Stderr
	lines, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("go test: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("go test: %w", err)
	}
	o, err := read(lines, os.Stdout)
	o.status = cmd.Wait()
	if err != nil {
		return nil, fmt.Errorf("reading what go test says: %w", err)
	}
	return o, nil
}

// read takes in the events and writes what belongs to failures.
func read(lines io.Reader, out io.Writer) (*outcome, error) {
	o := &outcome{took: map[test]time.Duration{}, failed: map[string][]string{}}
	printed := map[test]*strings.Builder{}
	in := bufio.NewReader(lines)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return o, nil
		}
		if err != nil {
			return o, err
		}
		var e event
		if json.Unmarshal(line, &e) != nil {
			e = event{Action: "build-output", Output: string(line)}
		}
		o.take(e, printed, out)
	}
}

func (o *outcome) take(e event, printed map[test]*strings.Builder, out io.Writer) {
	top, _, sub := strings.Cut(e.Test, "/")
	key := test{e.Package, top}
	switch e.Action {
	case "output":
		if printed[key] == nil {
			printed[key] = &strings.Builder{}
		}
		printed[key].WriteString(e.Output)
	case "build-output":
		fmt.Fprint(out, e.Output)
	case "pass", "skip", "fail":
		if sub {
			return
		}
		if top != "" {
			o.took[key] = time.Duration(e.Elapsed * float64(time.Second))
		}
		text := printed[key]
		delete(printed, key)
		if text == nil {
			text = &strings.Builder{}
		}
		if e.Action == "fail" {
			o.fail(key, text.String())
		}
		if e.Action == "fail" || top == "" {
			fmt.Fprint(out, text.String())
		}
	}
}

func (o *outcome) fail(t test, printed string) {
	for line := range strings.Lines(printed) {
		serious := func(word string) bool { return strings.Contains(line, word) }
		if o.serious == "" && slices.ContainsFunc(seriously, serious) {
			o.serious = strings.TrimSpace(line)
		}
		if said.MatchString(line) && !strings.HasSuffix(strings.TrimSpace(line), "printed:") && t.name != "" {
			o.said = append(o.said, t.name+": "+short(strings.TrimSpace(line)))
		}
	}
	switch {
	case t.name != "":
		o.failed[t.pkg] = append(o.failed[t.pkg], t.name)
	case len(o.failed[t.pkg]) == 0:
		o.broken = append(o.broken, t.pkg)
	}
}

func (o *outcome) passed() bool { return o.status == nil && len(o.failed) == 0 }

func (o *outcome) tests() int { return len(o.took) }

// worthAnotherTry returns the tests that failed, unless they are more than most
// or failed in a way that load does not explain.
func (o *outcome) worthAnotherTry(most int) (map[string][]string, error) {
	n := 0
	for _, tests := range o.failed {
		n += len(tests)
	}
	switch {
	case o.serious != "":
		return nil, fmt.Errorf("%d tests failed; one printed %q", n, o.serious)
	case len(o.broken) > 0:
		return nil, fmt.Errorf("%s failed as a whole", strings.Join(o.broken, ", "))
	case n == 0:
		return nil, fmt.Errorf("go test: %w", o.status)
	case n > most:
		return nil, fmt.Errorf("%d tests failed, more than the %d that get another try", n, most)
	}
	return o.failed, nil
}

// printSaid says again what failed tests said: what their processes printed is
// long, and the end of an output is all that some machines keep.
func (o *outcome) printSaid(out io.Writer) {
	for _, line := range o.said {
		fmt.Fprintln(out, line)
	}
}

// printLongest says where the time went.
func (o *outcome) printLongest(most int) {
	var all []test
	for t := range o.took {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b test) int { return int(o.took[b] - o.took[a]) })
	fmt.Printf("the longest of %d tests, in seconds:", len(all))
	for _, t := range all[:min(most, len(all))] {
		fmt.Printf(" %s %.0f", t.name, o.took[t].Seconds())
	}
	fmt.Println()
}

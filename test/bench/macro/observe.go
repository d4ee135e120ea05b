package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

// observed is what a server and the program that loads it needed in a window.
type observed struct {
	Seconds   float64 // of the window
	CPU, Load float64 // percent of a core: of the server, and of this program
	Memory    float64 // resident bytes of the server, the most
	Steal     float64 // percent of the machine that others took
}

func (o observed) remarks() []string { return remarks(o.Steal, o.Load, o.CPU) }

// observe looks at the server whose process id is pid for a window.
func observe(ctx context.Context, pid int, window time.Duration) (o observed, err error) {
	before, err := readLoad(pid)
	if err != nil {
		return o, err
	}
	began := time.Now()
	for time.Since(began) < window {
		if err := sleep(ctx, min(watchInterval, window-time.Since(began))); err != nil {
			return o, err
		}
		now, err := memoryOf(pid)
		if err != nil {
			return o, err
		}
		o.Memory = max(o.Memory, now)
	}
	lasted := time.Since(began)
	after, err := readLoad(pid)
	if err != nil {
		return o, err
	}
	o.Seconds = lasted.Seconds()
	o.CPU, o.Load = percent(after.server-before.server, lasted), percent(after.own-before.own, lasted)
	o.Steal = after.machine.stealSince(before.machine)
	return o, nil
}

// load is the time of processors that was used so far.
type load struct {
	server, own time.Duration
	machine     cpuTimes
}

func readLoad(pid int) (l load, err error) {
	if l.server, err = usageOf(pid); err != nil {
		return l, fmt.Errorf("the server is gone: %w", err)
	}
	if l.own, err = usageOf(os.Getpid()); err != nil {
		return l, err
	}
	l.machine, err = readCPUTimes()
	return l, err
}

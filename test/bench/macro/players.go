package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// players are the players of a program that this one starts of itself.
type players struct {
	running sync.WaitGroup
	failed  atomic.Int64
	first   atomic.Pointer[error]
}

// start begins n players, one after the other. Each runs play, which must not
// return before ctx ends unless it failed.
func (p *players) start(ctx context.Context, n int, play func(context.Context) error) error {
	for range n {
		p.running.Go(func() {
			if err := play(ctx); ctx.Err() == nil {
				p.failed.Add(1)
				p.first.CompareAndSwap(nil, &err)
			}
		})
		if err := sleep(ctx, time.Second/rampPerSecond); err != nil {
			return err
		}
	}
	return nil
}

// failures returns how many failed so far, and why the first did.
func (p *players) failures() (n int, why string) {
	if first := p.first.Load(); first != nil {
		why = (*first).Error()
	}
	return int(p.failed.Load()), why
}

package main

import (
	"log/slog"
	"math"
	"os"
	"runtime/debug"
	"time"

	"github.com/weirmedia/weir/pkg/overload"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/stats"
)

// collectBefore is the part of the memory limit at which Go collects garbage whatever
// it costs: less than where viewers are refused, so that garbage alone does not do that.
const collectBefore = 0.8

// watchResources begins to compare what is used with what may be.
func (a *app) watchResources(l limitSettings) *overload.Guard {
	limits := l.resources()
	a.log.Info("resources", slog.Int64("descriptors", int64(limits[overload.Descriptors])), slog.Int64("memory", int64(limits[overload.Memory])))
	boundMemory(limits)
	return overload.Start(overload.Options{Limits: limits, Log: a.log, Read: a.readResources})
}

// resources returns how much of each may be used.
func (l *limitSettings) resources() overload.Limits {
	memory := int64(l.MaxMemory)
	if memory == 0 {
		memory, _ = overload.SystemMemory()
	}
	return overload.Limits{
		overload.LoopShare: float64(l.MaxLoad) / 100, overload.Bandwidth: float64(l.MaxBandwidth),
		overload.Memory: float64(memory), overload.Descriptors: float64(overload.SystemDescriptors()),
	}
}

func (a *app) readResources() overload.Reading {
	r := overload.Reading{At: time.Now(), Memory: float64(stats.Memory()), Descriptors: float64(stats.OpenFiles())}
	if a.configuration.current().limits.MaxMemory == 0 { // else the limit is the process' own
		_, group := overload.SystemMemory()
		r.Memory = max(r.Memory, float64(group))
	}
	counts := a.delivery.Stats()
	for i := range counts.Loops[:len(counts.Loops)-1] { // the last is no loop
		r.Work = append(r.Work, time.Duration(counts.Loops[i].Busy.Load()))
	}
	for _, g := range a.sessions.Totals().Groups {
		if g.Action == session.Play {
			r.Sent += g.BytesOut
		}
	}
	return r
}

// admit returns why nobody is let in for this now. Who publishes a stream that is there
// comes back, or takes over, and so costs nothing new.
func (a *app) admit(i session.Info) error {
	switch {
	case i.Action == session.Play:
		return a.overload.Admit(overload.Viewers)
	case i.Action == session.Publish && a.bus.Stream(i.Stream) == nil:
		return a.overload.Admit(overload.Publishers)
	}
	return nil
}

// boundMemory has Go collect garbage before the limit is reached, unless the user has
// said when.
func boundMemory(l overload.Limits) {
	switch limit := l[overload.Memory]; {
	case os.Getenv("GOMEMLIMIT") != "":
	case limit == 0:
		debug.SetMemoryLimit(math.MaxInt64)
	default:
		debug.SetMemoryLimit(int64(collectBefore * limit))
	}
}

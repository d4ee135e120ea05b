package session

import (
	"slices"

	"github.com/weirmedia/weir/pkg/reason"
)

// Observer is told of sessions that come and go. Its functions are called without
// locks, by the goroutine that opens, closes or refuses, so they must be quick.
// Each may be nil.
type Observer struct {
	// Opened is called once for each session, before Open returns.
	Opened func(Snapshot)
	// Waiting is called when a session begins to wait for its stream, after Opened and
	// before Closed of the same.
	Waiting func(Snapshot)
	// Closed is called once for each session, after Opened of the same. Shutdown
	// waits for it.
	Closed func(End)
	// Refused is called as often as a refusal is logged: some times in a second for
	// one reason.
	Refused func(Info, reason.Reason)
	// Wanted is called with 1 when somebody who is no session wants a stream, and with
	// -1 when that is over.
	Wanted func(stream string, by int)
}

// Observe has o told of the sessions that open, close and are refused from now on.
func (r *Registry) Observe(o Observer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := append(slices.Clone(*r.observers.Load()), o)
	r.observers.Store(&all)
}

func (r *Registry) opened(s Snapshot) {
	for _, o := range *r.observers.Load() {
		if o.Opened != nil {
			o.Opened(s)
		}
	}
}

func (r *Registry) waits(s Snapshot) {
	for _, o := range *r.observers.Load() {
		if o.Waiting != nil {
			o.Waiting(s)
		}
	}
}

func (r *Registry) closed(e End) {
	for _, o := range *r.observers.Load() {
		if o.Closed != nil {
			o.Closed(e)
		}
	}
}

func (r *Registry) toldRefused(i Info, why reason.Reason) {
	for _, o := range *r.observers.Load() {
		if o.Refused != nil {
			o.Refused(i, why)
		}
	}
}

// Want tells of somebody who is no session and wants a stream, until release is called,
// once.
func (r *Registry) Want(stream string) (release func()) {
	r.wanted(stream, 1)
	return func() { r.wanted(stream, -1) }
}

func (r *Registry) wanted(stream string, by int) {
	for _, o := range *r.observers.Load() {
		if o.Wanted != nil {
			o.Wanted(stream, by)
		}
	}
}

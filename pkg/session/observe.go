package session

import (
	"github.com/weirmedia/weir/pkg/reason"
)

// Observer is told of sessions that come and go. Its functions are called without
// locks, by the goroutine that opens, closes or refuses, so they must be quick.
// Each may be nil.
type Observer struct {
	// Opened is called once for each session, before Open returns.
	Opened func(Snapshot)
	// Closed is called once for each session, after Opened of the same. Shutdown
	// waits for it.
	Closed func(End)
	// Refused is called as often as a refusal is logged: some times in a second for
	// one reason.
	Refused func(Info, reason.Reason)
}

func (o *Observer) opened(s Snapshot) {
	if o.Opened != nil {
		o.Opened(s)
	}
}

func (o *Observer) closed(e End) {
	if o.Closed != nil {
		o.Closed(e)
	}
}

func (o *Observer) refused(i Info, why reason.Reason) {
	if o.Refused != nil {
		o.Refused(i, why)
	}
}

//go:build !linux

package bench

// drain receives what is sent to many connections and drops it.
type drain struct{ readers }

func newDrain() (*drain, error) { return &drain{}, nil }

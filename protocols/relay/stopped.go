package relay

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weirmedia/weir/pkg/streamname"
)

// maxListed bounds each list that grows while the server runs.
const maxListed = 1000

// StoppedForward says what is not sent on: a stream to one target or, if that is
// empty, to none. Its text is "STREAM" or "STREAM TARGET".
type StoppedForward struct {
	Stream string
	Target string // without credentials and query
}

// String returns the text.
func (s StoppedForward) String() string { return strings.TrimSuffix(s.Stream+" "+s.Target, " ") }

// MarshalText returns String.
func (s StoppedForward) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText sets s from its text. Names may have spaces, but no "//".
func (s *StoppedForward) UnmarshalText(text []byte) error {
	stream, target := string(text), ""
	if i := strings.LastIndex(stream, " "); i >= 0 && strings.Contains(stream[i:], "://") {
		stream, target = stream[:i], stream[i+1:]
	}
	if err := checkName(stream); err != nil {
		return err
	}
	*s = StoppedForward{stream, target}
	return nil
}

func checkName(name string) error {
	parsed, err := streamname.Parse(name)
	if err == nil && parsed != name {
		err = fmt.Errorf("must be the name of a stream, %q, is %q", parsed, name)
	}
	return err
}

func (c *Config) checkStopped() error {
	for i, name := range c.StoppedPulls {
		if err := checkName(name); err != nil {
			return fmt.Errorf("stopped_pulls[%d]: %w", i, err)
		}
	}
	return errors.Join(checkLength("stopped_pulls", c.StoppedPulls), checkLength("stopped_forwards", c.StoppedForwards))
}

func checkLength[T any](key string, list []T) error {
	if n := len(list); n > maxListed {
		return fmt.Errorf("%s: must be at most %d, are %d", key, maxListed, n)
	}
	return nil
}

// stopsForward reports whether a stream is not sent to the target now.
func (c *Config) stopsForward(stream string, to address) bool {
	return slices.ContainsFunc(c.StoppedForwards, func(s StoppedForward) bool {
		return s.Stream == stream && (s.Target == "" || s.Target == to.shown)
	})
}

// stops returns since when each of the list is stopped, those of before included.
func stops[K comparable](before map[K]time.Time, list []K) map[K]time.Time {
	out := make(map[K]time.Time, len(list))
	for _, k := range list {
		since, known := before[k]
		if !known {
			since = time.Now()
		}
		out[k] = since
	}
	return out
}

// stoppedPull returns what there is to tell of a stream that is not fetched.
func (c *Config) stoppedPull(name string, since time.Time) Status {
	s := Status{Stream: name, State: Stopped, Since: since}
	if order, ok, err := c.pullOrder(name); ok {
		s.Mode = order.mode
		if err == nil {
			s.Peer = order.sources[0].shown
		}
	}
	return s
}

// stoppedForward returns what there is to tell of a stream that is not sent on, for
// each target.
func (c *Config) stoppedForward(stopped StoppedForward, since time.Time) (list []Status) {
	peers := []string{stopped.Target}
	if all, ok, err := c.forwardOrders(stopped.Stream); stopped.Target == "" && ok && err == nil {
		peers = all.shown()
	}
	for _, peer := range peers {
		list = append(list, Status{Stream: stopped.Stream, State: Stopped, Peer: peer, Since: since})
	}
	return list
}

// shown returns how the targets are shown, each once.
func (o forwardOrders) shown() (peers []string) {
	for _, to := range o.targets {
		if !slices.Contains(peers, to.shown) {
			peers = append(peers, to.shown)
		}
	}
	return peers
}

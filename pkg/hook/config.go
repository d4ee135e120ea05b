// Package hook posts events to services of the operator's.
package hook

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/event"
	"github.com/weirmedia/weir/pkg/streamname"
)

const (
	minTimeout   = config.Duration(100 * time.Millisecond)
	maxTimeout   = config.Duration(30 * time.Second)
	minHeartbeat = config.Duration(time.Second)
	maxReceivers = 16
	maxQueue     = 1_000_000
	maxNode      = 128 // bytes
)

// Config is the section "hooks".
type Config struct {
	// URL, Secret, Events and Streams are the first receiver, if URL is not empty.
	URL     config.WebURL        `yaml:"url" help:"URL of a service of yours that gets events; empty for none."`
	Secret  config.Secret        `yaml:"secret" help:"Signs the events."`
	Events  []event.Selector     `yaml:"events" help:"Which events: types, or 'stream.*', 'session.*', 'server.*', 'record.*'. Empty for all."`
	Streams []streamname.Pattern `yaml:"streams" help:"Patterns of streams whose events it gets; empty for all. '*' or '{x}' stands for one segment, '**' for all that follow."`
	// Receivers are more of them.
	Receivers []Receiver `yaml:"receivers" help:"More such services, up to 16."`
	// Timeout bounds the wait for a receiver's answer, Queue the events that wait for
	// one receiver.
	Timeout config.Duration `yaml:"timeout" help:"For an answer of any receiver; '100ms' to '30s'."`
	Queue   int             `yaml:"queue" help:"Events that wait for one of them, about 700 bytes each; 1 to 1000000."`
	// Heartbeat is the time between two server.heartbeat; 0 for none. Node is the
	// name of this server in events, empty for that of the host.
	Heartbeat config.Duration `yaml:"heartbeat" help:"Between two 'server.heartbeat'; '0s' for none, else at least '1s'."`
	Node      string          `yaml:"node" help:"The name of this server in events; empty for that of the host."`
}

// Receiver is a service that gets events.
type Receiver struct {
	// URL is http:// or https://. Secret signs what is posted.
	URL    config.WebURL `yaml:"url" help:"As 'hooks.url'." example:"https://example.org/weir"`
	Secret config.Secret `yaml:"secret" help:"As 'hooks.secret'." example:"shared"`
	// Events are the types that it gets, Streams the streams on which; empty for all.
	Events  []event.Selector     `yaml:"events" help:"As 'hooks.events'." example:"['stream.*', session.closed]"`
	Streams []streamname.Pattern `yaml:"streams" help:"As 'hooks.streams'." example:"['live/**']"`
	// Timeout is as Config.Timeout, and the same if it is 0.
	Timeout config.Duration `yaml:"timeout" help:"As 'hooks.timeout', which counts if this is not set." example:"2s"`
}

// NewConfig returns the defaults.
func NewConfig() *Config {
	return &Config{
		Timeout: config.Duration(5 * time.Second),
		// A session makes two events of 700 bytes: 10,000 are 7 MB.
		Queue:     10000,
		Heartbeat: config.Duration(30 * time.Second),
	}
}

// Live names what changes while weir runs: all but Node, which events of before have
// too.
func (c *Config) Live() []string {
	return []string{"url", "secret", "events", "streams", "receivers", "timeout", "queue", "heartbeat"}
}

// Validate reports the settings that cannot be used.
func (c *Config) Validate() error {
	var errs []error
	if c.URL != "" {
		errs = append(errs, checkURL("url", c.URL))
	}
	for i, r := range c.Receivers {
		errs = append(errs, checkURL(fmt.Sprintf("receivers[%d].url", i), r.URL))
		if r.Timeout != 0 {
			errs = append(errs, checkTimeout(fmt.Sprintf("receivers[%d].timeout", i), r.Timeout))
		}
	}
	errs = append(errs, checkTimeout("timeout", c.Timeout))
	if len(c.Receivers) > maxReceivers {
		errs = append(errs, fmt.Errorf("receivers: must be at most %d, are %d", maxReceivers, len(c.Receivers)))
	}
	if c.Queue < 1 || c.Queue > maxQueue {
		errs = append(errs, fmt.Errorf("queue: must be 1..%d, is %d", maxQueue, c.Queue))
	}
	if c.Heartbeat != 0 && c.Heartbeat < minHeartbeat {
		errs = append(errs, fmt.Errorf("heartbeat: must be 0s or at least %v, is %v", minHeartbeat, c.Heartbeat))
	}
	if len(c.Node) > maxNode || strings.ContainsFunc(c.Node, unicode.IsControl) {
		errs = append(errs, fmt.Errorf("node: must have at most %d bytes and no control characters", maxNode))
	}
	return errors.Join(errs...)
}

// Warnings reports what has no effect.
func (c *Config) Warnings() []string {
	if c.URL == "" && (c.Secret != "" || len(c.Events) > 0 || len(c.Streams) > 0) {
		return []string{"secret, events, streams: have no effect without url"}
	}
	return nil
}

// checkURL does not show the URL, which may hold a password.
func checkURL(key string, u config.WebURL) error {
	if !u.Valid() {
		return fmt.Errorf("%s: must be an http or https URL", key)
	}
	return nil
}

func checkTimeout(key string, d config.Duration) error {
	if d < minTimeout || d > maxTimeout {
		return fmt.Errorf("%s: must be %v..%v, is %v", key, minTimeout, maxTimeout, d)
	}
	return nil
}

// named is a receiver and the key that configures it.
type named struct {
	key string
	Receiver
}

// all returns every receiver, complete.
func (c *Config) all() []named {
	var out []named
	if c.URL != "" {
		out = append(out, named{"hooks", Receiver{URL: c.URL, Secret: c.Secret, Events: c.Events, Streams: c.Streams, Timeout: c.Timeout}})
	}
	for i, r := range c.Receivers {
		if r.Timeout == 0 {
			r.Timeout = c.Timeout
		}
		out = append(out, named{fmt.Sprintf("hooks.receivers[%d]", i), r})
	}
	return out
}

// Package plugin says what a protocol is to the program: a configuration
// section that can be started. Protocols reach everything they share through a
// Host, so none of them knows another.
package plugin

import (
	"context"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/fanout"
	"github.com/weirmedia/weir/pkg/httpserver"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/tlscert"
)

// Host is what plugins build upon. It is complete before the first starts.
type Host struct {
	Log      *slog.Logger
	Bus      *bus.Bus
	Delivery *fanout.Delivery
	Sessions *session.Registry
	Auth     auth.Authorizer
	// HTTP takes routes until all plugins have started; then it listens.
	HTTP    *httpserver.Server
	Metrics prometheus.Registerer
	// TLS has the certificates of listeners without their own; nil for none.
	TLS *tlscert.Provider
	// Data is the folder of what is kept. It need not be there before something is.
	Data string
}

// Config is a plugin's configuration: a struct that pkg/config can fill, which
// holds the defaults until it does. Validate is called before Start.
type Config interface {
	Validate() error
	// Start opens what the plugin listens on and returns what runs.
	Start(h *Host) (Service, error)
}

// Service is a running plugin.
type Service interface {
	// Drain makes the plugin accept nobody any more. It does not wait.
	Drain()
	// Close waits until the plugin's connections have ended, and cuts off those
	// that are left when ctx ends.
	Close(ctx context.Context) error
}

// Reconfigurer is a Service some of whose settings change while it runs. Its Config
// then has a method Live() []string, as config.Section says.
type Reconfigurer interface {
	// Reconfigure takes over c, which is of the type that was started and differs
	// from what is in force in live keys at most. It was validated and must not be
	// changed any more. Reconfigure does not wait.
	Reconfigure(c Config)
}

// Wait waits for all of group, until ctx ends at most; then it returns ctx's error.
func Wait(ctx context.Context, group *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() {
		group.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Plugin is a row of the program's table of protocols.
type Plugin struct {
	// Section names the plugin's section of the configuration.
	Section string
	// New returns a configuration with its defaults.
	New func() Config
}

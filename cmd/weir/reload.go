package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmedia/weir/api"
	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/event"
	"github.com/weirmedia/weir/pkg/plugin"
)

// configuration is what is in force, and how that changes while weir runs: one change
// after the other, each as a whole or not at all. Safe for concurrent use.
type configuration struct {
	app     *app
	reloads *prometheus.CounterVec
	newest  prometheus.Gauge // when what is in force was read

	inForce atomic.Pointer[settings] // changes under mu

	mu      sync.Mutex
	restart []string // keys that have other values since, which count after a restart
	etag    string   // another one after each change

	gate    sync.Mutex // taken under mu to put a change in force, and not for files
	running bool       // the server has started and does not stop; guarded by gate
}

var _ api.Configuration = (*configuration)(nil)

func newConfiguration(a *app, s *settings) *configuration {
	c := &configuration{
		app: a, etag: newETag(),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weir_config_reloads_total", Help: "Times that the configuration was read again, by result.",
		}, []string{"result"}),
		newest: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "weir_config_last_reload_success_timestamp_seconds", Help: "When the configuration in force was read.",
		}),
	}
	for _, result := range []string{"success", "failure"} {
		c.reloads.WithLabelValues(result)
	}
	c.newest.SetToCurrentTime()
	c.inForce.Store(s)
	return c
}

// newETag returns what stands for one version of the configuration (RFC 9110, 8.8.3).
// It is chosen by chance, for a hash of secrets would help who guesses them.
func newETag() string { return `"` + rand.Text() + `"` }

func (c *configuration) collectors() []prometheus.Collector {
	return []prometheus.Collector{c.reloads, c.newest}
}

// current returns what is in force, which nobody may change. It does not wait while
// that is being changed, for files and a slow disk: every request asks it.
func (c *configuration) current() *settings { return c.inForce.Load() }

// allow says whether changes may be made. It waits for one that is being put in force,
// not for one that is being read or kept.
func (c *configuration) allow(running bool) {
	c.gate.Lock()
	defer c.gate.Unlock()
	c.running = running
}

func (c *configuration) allowed() bool {
	c.gate.Lock()
	defer c.gate.Unlock()
	return c.running
}

var errNotReady = &api.ConfigError{Code: api.NotReady, Err: errors.New("the server starts or stops")}

// Effective implements api.Configuration.
func (c *configuration) Effective() (text []byte, etag string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	text, err = c.current().report.Effective()
	return text, c.etag, err
}

// Keys implements api.Configuration.
func (c *configuration) Keys() (keys []config.Key, etag string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	keys, err = c.current().report.Keys()
	return keys, c.etag, err
}

// Reload implements api.Configuration.
func (c *configuration) Reload(by string) (config.Change, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	overlay, err := config.ReadOverlay(c.overlayPath())
	var change config.Change
	if err == nil {
		change, err = c.load(overlay, nil)
	}
	if err != nil {
		c.reloads.WithLabelValues("failure").Inc()
		c.app.log.Error("configuration not reloaded, all stays as it was", slog.String("by", by), slog.String("error", err.Error()))
		return change, invalid(err)
	}
	c.reloads.WithLabelValues("success").Inc()
	c.tell(by, change)
	return change, nil
}

// Change implements api.Configuration.
func (c *configuration) Change(by string, current func(etag string) bool, changes map[string]*string) (config.Change, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !current(c.etag) {
		return config.Change{}, &api.ConfigError{Code: api.PreconditionFailed, Err: errors.New("the configuration has changed since; read it again")}
	}
	if err := c.mayChange(changes); err != nil {
		return config.Change{}, err
	}
	overlay, err := config.ReadOverlay(c.overlayPath())
	if err != nil {
		return config.Change{}, invalid(err)
	}
	return c.change(by, overlay, changes)
}

// edit makes the changes that edits finds right for what file, overlay and environment
// say now. None leave everything as it is.
func (c *configuration) edit(by string, edits func(*settings) (map[string]*string, error)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	overlay, err := config.ReadOverlay(c.overlayPath())
	if err != nil {
		return invalid(err)
	}
	now, err := c.current().source.read(overlay)
	if err != nil {
		return invalid(err)
	}
	changes, err := edits(now)
	if err != nil || len(changes) == 0 {
		return err
	}
	if err := c.mayChange(changes); err != nil {
		return err
	}
	_, err = c.change(by, overlay, changes)
	return err
}

// change makes changes to the overlay and puts them in force, or does neither. The
// caller holds the lock.
func (c *configuration) change(by string, overlay config.Overlay, changes map[string]*string) (config.Change, error) {
	overlay, err := overlay.Edit(c.current().sections(), changes)
	if err != nil {
		return config.Change{}, invalid(err)
	}
	change, err := c.load(overlay, func(change config.Change) error {
		for _, key := range change.Restart {
			if _, ours := changes[key]; ours {
				return needsRestart(key)
			}
		}
		if err := config.WriteFile(overlay.Path, overlay.Text); err != nil {
			return fmt.Errorf("cannot keep the change: %w", err)
		}
		return nil
	})
	var problems config.Problems
	switch {
	case errors.As(err, &problems):
		for _, p := range problems {
			if p.Origin.Overlay {
				p.Origin = config.Origin{} // a line of what was not written says nothing
			}
		}
		return config.Change{}, invalid(err)
	case err != nil:
		return config.Change{}, err
	}
	c.etag = newETag()
	c.tell(by, change)
	return change, nil
}

// mayChange reports what keeps a change from being made, whatever the values.
func (c *configuration) mayChange(changes map[string]*string) error {
	report := c.current().report
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		value, origin := changes[key], report.Origin(key)
		switch {
		case !report.Has(key): // Edit says so
		case !report.IsLive(key):
			return needsRestart(key)
		case value != nil && origin.Variable != "":
			return &api.ConfigError{Code: api.SetByEnvironment, Field: key, Err: errors.New(origin.Variable + " sets it")}
		}
	}
	return nil
}

func needsRestart(key string) error {
	return &api.ConfigError{Code: api.NeedsRestart, Field: key, Err: errors.New("it changes by a restart only")}
}

// overlayPath is where changes are kept. The caller holds the lock.
func (c *configuration) overlayPath() string { return overlayPath(c.current().data.Dir) }

func overlayPath(dir string) string { return filepath.Join(dir, "overlay.yaml") }

// load reads everything anew and puts in force what can be. Keep, if there is one, is
// asked at last; with an error nothing changes. The caller holds the lock.
func (c *configuration) load(overlay config.Overlay, keep func(config.Change) error) (change config.Change, err error) {
	before := c.current()
	next, err := before.source.read(overlay)
	if err != nil {
		return change, err
	}
	next.logLevel = before.logLevel
	change = next.report.Follow(before.report)
	apply, err := c.app.prepare(next, change)
	if err != nil {
		return change, err
	}
	if !c.allowed() {
		return change, errNotReady
	}
	if keep != nil {
		if err := keep(change); err != nil {
			return change, err
		}
	}
	c.gate.Lock()
	defer c.gate.Unlock()
	switch {
	case c.running:
	case keep != nil: // the server stops, and has the change when it starts again
		return change, nil
	default:
		return change, errNotReady
	}
	c.app.warn(next, before)
	apply()
	if len(change.Changed) > 0 || !slices.Equal(change.Restart, c.restart) {
		c.etag = newETag()
	}
	c.inForce.Store(next)
	c.restart = change.Restart
	c.newest.SetToCurrentTime()
	return change, nil
}

// tell logs and publishes a change. The caller holds the lock.
func (c *configuration) tell(by string, change config.Change) {
	level := slog.LevelInfo
	if len(change.Restart) > 0 {
		level = slog.LevelWarn
	}
	c.app.log.Log(context.Background(), level, "configuration reloaded", slog.String("by", by),
		slog.String("changed", strings.Join(change.Changed, " ")), slog.String("need_restart", strings.Join(change.Restart, " ")))
	c.app.events.hub.Publish(event.ServerReloaded, "", "", api.DescribeChange(change))
}

// invalid is the error about a configuration that cannot be read or used, unless err says
// already what is wrong.
func invalid(err error) error {
	var refused *api.ConfigError
	if errors.As(err, &refused) {
		return err
	}
	refused = &api.ConfigError{Code: api.InvalidConfig, Err: err}
	var problems config.Problems
	if errors.As(err, &problems) {
		refused.Field = problems[0].Field()
	}
	return refused
}

// prepare does what can fail of a change to s, and returns what does the rest.
func (a *app) prepare(s *settings, change config.Change) (apply func(), err error) {
	var chain *auth.Chain
	// Files with keys may have changed although nothing else has.
	if change.Covers("auth") || len(s.auth.JWTKeyFiles) > 0 {
		if chain, err = a.auth.Prepare(*s.auth); err != nil {
			return nil, config.Problems{{Origin: s.report.Origin("auth.jwt_key_files"), Err: err}}
		}
	}
	return func() {
		a.apply(s, change)
		if chain != nil {
			a.auth.Use(chain)
			a.sessions.Recheck()
		}
	}, nil
}

// apply puts in force what has changed.
func (a *app) apply(s *settings, change config.Change) {
	for section, apply := range map[string]func(){
		"log":  func() { s.logLevel.Set(s.log.mustLevel()) },
		"http": func() { a.http.Reconfigure(s.http) },
		"stream": func() {
			a.bus.SetLimits(s.stream.limits())
			a.sessions.SetMaxViewers(s.stream.maxViewers)
			a.idle.setLimit(s.stream.idleClose)
		},
		"delivery": func() { a.delivery.SetLimits(s.delivery.limits()) },
		"limits": func() {
			a.sessions.SetLimits(s.limits.MaxSessions, s.limits.MaxWaiting)
			limits := s.limits.resources()
			boundMemory(limits)
			a.overload.SetLimits(limits)
		},
		"hooks": func() { a.events.reconfigure(s.hooks) },
	} {
		if change.Covers(section) {
			apply()
		}
	}
	for i, p := range s.plugins {
		if r, ok := a.services[i].(plugin.Reconfigurer); ok && change.Covers(p.section) {
			r.Reconfigure(p.config)
		}
	}
}

package api

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/reason"
)

// Configuration is what is in force, and how it changes while the server runs.
// Implementations are safe for concurrent use. Changes come one after the other, each
// as a whole or not at all; their errors are *ConfigError if the client can do
// something about them.
type Configuration interface {
	// Effective returns what is in force as YAML, without secrets, and a quoted text
	// that is another after each change.
	Effective() (text []byte, etag string, err error)
	// Keys returns what is in force key by key, and the same text.
	Keys() (keys []config.Key, etag string, err error)
	// Reload reads everything anew. By says in the log who asked.
	Reload(by string) (config.Change, error)
	// Change sets keys to texts in YAML, or back to what they are without Change if
	// they are nil, provided that current accepts the version in force.
	Change(by string, current func(etag string) bool, changes map[string]*string) (config.Change, error)
}

// Codes of errors about the configuration.
const (
	InvalidConfig        = "invalid_config"
	NeedsRestart         = "needs_restart"
	SetByEnvironment     = "set_by_environment"
	PreconditionFailed   = "precondition_failed"
	PreconditionRequired = "precondition_required"
	NotReady             = "not_ready" // the server starts or stops
)

// ConfigError is why the configuration stays as it was.
type ConfigError struct {
	Code  string // one of those above or of the relay's
	Field string // key that is to blame, or empty
	Err   error
}

// Error returns what is wrong.
func (e *ConfigError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *ConfigError) Unwrap() error { return e.Err }

func (e *ConfigError) status() int {
	switch e.Code {
	case NeedsRestart, SetByEnvironment, RuleExists, RuleFromFile:
		return http.StatusConflict
	case RuleNotFound:
		return http.StatusNotFound
	case PreconditionFailed:
		return http.StatusPreconditionFailed
	case NotReady:
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}

// ConfigChange is what has changed, by keys. Restart are those whose new values count
// after a restart, until they are reverted.
type ConfigChange struct {
	Changed []string `json:"changed"`
	Restart []string `json:"restart"`
}

// DescribeChange returns c as the API shows it.
func DescribeChange(c config.Change) ConfigChange {
	return ConfigChange{Changed: append([]string{}, c.Changed...), Restart: append([]string{}, c.Restart...)}
}

// ConfigChanges is what a client wants to change: texts in YAML by key, null for what
// the key is without the API.
type ConfigChanges struct {
	Changes map[string]*string `json:"changes"`
}

// ConfigKeys are all keys of the configuration, with what is in force.
type ConfigKeys struct {
	ETag string       `json:"etag"` // for If-Match
	Keys []config.Key `json:"keys"`
}

// listKeys answers with the configuration in force key by key.
func (a *api) listKeys(c *gin.Context) {
	keys, etag, err := a.Configuration.Keys()
	if err != nil {
		a.failConfig(c, err)
		return
	}
	c.Header("ETag", etag)
	c.JSON(http.StatusOK, ConfigKeys{etag, keys})
}

func (a *api) failConfig(c *gin.Context, err error) {
	a.Logger.Error("the configuration cannot be written", slog.Any("error", err))
	fail(c, http.StatusInternalServerError, string(reason.InternalError), "the configuration cannot be written", "")
}

// getConfig answers with the configuration in force, as YAML, without secrets.
func (a *api) getConfig(c *gin.Context) {
	text, etag, err := a.Configuration.Effective()
	if err != nil {
		a.failConfig(c, err)
		return
	}
	c.Header("ETag", etag)
	c.Data(http.StatusOK, "application/yaml; charset=utf-8", text)
}

func (a *api) reloadConfig(c *gin.Context) {
	change, err := a.Configuration.Reload(a.who(c))
	a.answerChange(c, change, err)
}

func (a *api) changeConfig(c *gin.Context) {
	accepted := c.GetHeader("If-Match")
	if accepted == "" {
		fail(c, http.StatusPreconditionRequired, PreconditionRequired, "If-Match must have the ETag of the configuration that was read", "")
		return
	}
	var body ConfigChanges
	if !readBody(c, &body) {
		return
	}
	if len(body.Changes) == 0 {
		fail(c, http.StatusBadRequest, string(reason.BadRequest), "changes must have a key at least", "changes")
		return
	}
	change, err := a.Configuration.Change(a.who(c), func(etag string) bool { return matches(accepted, etag) }, body.Changes)
	a.answerChange(c, change, err)
}

// who names the client in the log.
func (a *api) who(c *gin.Context) string { return "API from " + a.Remote(c.Request).Addr().String() }

// matches reports whether If-Match names an entity tag, or all by "*" (RFC 9110,
// 13.1.1).
func matches(header, etag string) bool {
	for accepted := range strings.SplitSeq(header, ",") {
		if accepted = strings.TrimSpace(accepted); accepted == "*" || accepted == etag {
			return true
		}
	}
	return false
}

func (a *api) answerChange(c *gin.Context, change config.Change, err error) {
	if err != nil {
		a.failChange(c, err)
		return
	}
	c.JSON(http.StatusOK, DescribeChange(change))
}

// failChange answers why the configuration stays as it was.
func (a *api) failChange(c *gin.Context, err error) {
	var refused *ConfigError
	if errors.As(err, &refused) {
		fail(c, refused.status(), refused.Code, refused.Error(), refused.Field)
		return
	}
	a.Logger.Error("the configuration could not be changed", slog.String("error", err.Error()))
	fail(c, http.StatusInternalServerError, string(reason.InternalError), "the configuration could not be changed, see the server's log", "")
}

package api

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/reason"
)

// LogSettings are those of the log that can change while the server runs.
type LogSettings struct {
	Level string `json:"level"` // debug, info, warn or error
}

// levels are the names of levels, as the configuration has them.
var levels = map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}

func (a *api) getLog(c *gin.Context) {
	for name, level := range levels {
		if level == a.LogLevel.Level() {
			c.JSON(http.StatusOK, LogSettings{name})
			return
		}
	}
}

// setLog changes what is logged, until the server ends.
func (a *api) setLog(c *gin.Context) {
	var s LogSettings
	if err := readBody(c, &s); err != nil {
		fail(c, http.StatusBadRequest, string(reason.BadRequest), err.Error(), "")
		return
	}
	level, ok := levels[s.Level]
	if !ok {
		fail(c, http.StatusBadRequest, string(reason.BadRequest), "level must be debug, info, warn or error", "level")
		return
	}
	a.LogLevel.Set(level)
	a.Logger.Info("log level set by the API", slog.String("level", s.Level))
	a.getLog(c)
}

// readBody reads the JSON body of a request into v.
func readBody(c *gin.Context, v any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(c.Writer, c.Request.Body, maxBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return fmt.Errorf("the body: %w", err)
	}
	return nil
}

// getConfig answers with the configuration in force, as YAML, without secrets.
func (a *api) getConfig(c *gin.Context) {
	text, err := a.Config()
	if err != nil {
		a.failConfig(c, err)
		return
	}
	c.Data(http.StatusOK, "application/yaml; charset=utf-8", text)
}

func (a *api) failConfig(c *gin.Context, err error) {
	a.Logger.Error("the configuration cannot be written", slog.Any("error", err))
	fail(c, http.StatusInternalServerError, string(reason.InternalError), "the configuration cannot be written", "")
}

// ConfigKeys are all keys of the configuration, with what is in force.
type ConfigKeys struct {
	ETag string       `json:"etag"` // for If-Match
	Keys []config.Key `json:"keys"`
}

// listKeys answers with the configuration in force key by key.
func (a *api) listKeys(c *gin.Context) {
	tag := a.ConfigETag() // first: a change in between makes it too old, not too new
	keys, err := a.ConfigKeys()
	if err != nil {
		a.failConfig(c, err)
		return
	}
	c.JSON(http.StatusOK, ConfigKeys{tag, keys})
}

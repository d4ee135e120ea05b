package api

import (
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"

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
	if !readBody(c, &s) {
		return
	}
	level, ok := levels[s.Level]
	if !ok {
		fail(c, http.StatusBadRequest, string(reason.BadRequest), "level must be debug, info, warn or error", "level")
		return
	}
	quieter := level > a.LogLevel.Level()
	if !quieter {
		a.LogLevel.Set(level)
	}
	a.Logger.Info("log level set by the API", slog.String("level", s.Level))
	if quieter { // else the line would be the first to be missing
		a.LogLevel.Set(level)
	}
	a.getLog(c)
}

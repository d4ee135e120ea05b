package webrtc

import (
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// logs gives the library loggers: what it has to say are peers' faults, and
// sessions tell how they ended, so all of it is for debugging.
type logs struct{ log *slog.Logger }

var _ logging.LoggerFactory = (*logs)(nil)

// NewLogger implements logging.LoggerFactory.
func (l *logs) NewLogger(scope string) logging.LeveledLogger {
	return &scopedLog{l.log.With(slog.String("protocol", protocol), slog.String("scope", scope))}
}

type scopedLog struct{ log *slog.Logger }

var _ logging.LeveledLogger = (*scopedLog)(nil)

func (l *scopedLog) write(text string) { l.log.Debug("pion tells", slog.String("message", text)) }

// Trace implements logging.LeveledLogger; it is one line per packet.
func (l *scopedLog) Trace(string) {}

// Tracef implements logging.LeveledLogger.
func (l *scopedLog) Tracef(string, ...any) {}

// Debug implements logging.LeveledLogger; it is some lines per packet.
func (l *scopedLog) Debug(string) {}

// Debugf implements logging.LeveledLogger.
func (l *scopedLog) Debugf(string, ...any) {}

// Info implements logging.LeveledLogger.
func (l *scopedLog) Info(text string) { l.write(text) }

// Infof implements logging.LeveledLogger.
func (l *scopedLog) Infof(f string, args ...any) { l.write(fmt.Sprintf(f, args...)) }

// Warn implements logging.LeveledLogger.
func (l *scopedLog) Warn(text string) { l.write(text) }

// Warnf implements logging.LeveledLogger.
func (l *scopedLog) Warnf(f string, args ...any) { l.write(fmt.Sprintf(f, args...)) }

// Error implements logging.LeveledLogger.
func (l *scopedLog) Error(text string) { l.write(text) }

// Errorf implements logging.LeveledLogger.
func (l *scopedLog) Errorf(f string, args ...any) { l.write(fmt.Sprintf(f, args...)) }

package session

import (
	"sync"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
)

// linesPerSecond bounds the log lines about refusals with one reason. Ten show
// a pattern of addresses; at some 200 bytes a line they are 170 MB a day, which
// an attacker cannot exceed.
const linesPerSecond = 10

// lineLimit decides which log lines are written. Safe for concurrent use.
type lineLimit struct {
	mu      sync.Mutex
	windows map[reason.Reason]*window // bounded by the list of reasons
}

type window struct {
	start      time.Time
	lines      int
	suppressed uint64 // since the last line that was written
}

func newLineLimit() *lineLimit {
	return &lineLimit{windows: make(map[reason.Reason]*window)}
}

// allow reports whether a line may be written and, if so, how many were not
// since the last one.
func (l *lineLimit) allow(why reason.Reason, now time.Time) (write bool, suppressed uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.windows[why]
	if w == nil {
		w = &window{start: now}
		l.windows[why] = w
	}
	if now.Sub(w.start) >= time.Second {
		w.start, w.lines = now, 0
	}
	if w.lines >= linesPerSecond {
		w.suppressed++
		return false, 0
	}
	w.lines++
	suppressed, w.suppressed = w.suppressed, 0
	return true, suppressed
}

package fanout

import (
	"log/slog"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/session"
)

// Omitter is what a Muxer whose format cannot carry every track implements.
type Omitter interface {
	// LeftOut returns the tracks of l, the layout after selection, that do not go
	// out.
	LeftOut(l *av.Layout) []av.Omission
}

// LogTo makes the delivery tell the log which tracks a format leaves out. It is
// called before the first log is opened.
func (d *Delivery) LogTo(log *slog.Logger) { d.log = log }

// omit finds out what the layout in force loses, and what the view has lost
// already. The caller locks.
func (l *Log) omit() {
	var tracks []av.Omission
	if m, omits := l.mux.(Omitter); omits {
		tracks = m.LeftOut(l.selected)
	}
	for _, t := range l.view.Missing() {
		if l.key.Selection.Has(t.Kind) {
			tracks = append(tracks, t)
		}
	}
	if l.leftOut.Set(tracks) && len(tracks) > 0 {
		go session.LogLeftOut(l.out, slog.LevelInfo, tracks, // loops do not wait for whoever reads it
			slog.String("format", l.key.Format), slog.String("stream", l.view.Stream().Name()))
	}
}

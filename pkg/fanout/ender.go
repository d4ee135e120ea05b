package fanout

import (
	"fmt"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// Ender is what a Muxer that holds frames back implements, so that those of a
// stream that ends are not lost.
type Ender interface {
	// AppendEnd appends all that is held, in such a way that viewers may begin
	// there if they may begin at the first frame held; nothing follows.
	AppendEnd(dst []byte) []byte
}

// finish writes what the muxer still holds once the view has ended. The caller
// locks.
func (l *Log) finish() {
	m, holds := l.mux.(Ender)
	if !holds || l.finished {
		return
	}
	l.finished = true
	defer func() {
		if p := recover(); p != nil {
			l.err = reason.Wrap(reason.InternalError, fmt.Errorf("%s remuxer panicked: %v", l.key.Format, p))
		}
	}()
	begin, segment := l.append(0, func(dst []byte) ([]byte, error) { return m.AppendEnd(dst), nil })
	if l.head.end() == begin {
		return
	}
	if l.owed {
		l.addStart(begin, segment)
	}
	l.index.append(entry{end: l.head.end(), position: l.position, arrival: av.Now(), version: l.version, kind: av.Data})
}

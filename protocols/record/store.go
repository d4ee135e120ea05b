package record

import (
	"io"
	"time"

	"github.com/weirmedia/weir/protocols/record/library"
)

// store is where segments are kept.
type store interface {
	Create(s library.Segment) (file, error)
	SetKeep(keep func(stream string) library.Keep, bytes int64)
	Close() error
}

// file is a segment that is written; library.File says what its methods do.
type file interface {
	io.Writer
	Sync() error
	Check() error
	Segment() library.Segment
	Note(duration time.Duration)
	Cut()
	End(duration time.Duration, why string) (library.Segment, error)
	Discard()
}

var _ file = (*library.File)(nil)

// shelf is the store of a running server.
type shelf struct{ *library.Library }

// Create implements store.
func (s shelf) Create(segment library.Segment) (file, error) {
	f, err := s.Library.Create(segment)
	if err != nil {
		return nil, err
	}
	return f, nil
}

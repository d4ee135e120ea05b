package rtpfeed

import (
	"time"

	"github.com/weirmedia/weir/pkg/av"
)

// Lag returns for how long the packet that at names has been there, 0 if it has
// not come yet. at is called under the lock of the feed; ok is false if it names
// none.
func (f *Feed) Lag(at func() (pos uint64, ok bool)) (lag time.Duration, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	pos, ok := at()
	pos = max(pos, f.log.Tail()) // what is forgotten does not come any more
	if !ok || pos >= f.log.Head() {
		return 0, ok
	}
	return time.Duration(av.Now() - f.log.At(pos).Arrival), true
}

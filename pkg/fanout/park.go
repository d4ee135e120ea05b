package fanout

import (
	"errors"
	"os"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/socket"
)

// stallLooks is how often in StallTimeout a parked viewer is looked at: it is
// closed a quarter late at most.
const stallLooks = 4

// await writes b, the rest of a message, as far as the socket takes it once it
// takes anything. It waits while the peer acknowledges bytes: a full socket counts
// as writable when half of what it may hold unsent is gone, and takes more when
// up to 64 KiB are, for which a slow but living peer needs a minute.
func (v *Viewer) await(b []byte) (n int, err error) {
	// The callback tries the send before it asks to wait: the edge that tells of
	// space may have come and gone already.
	var failed error
	send := func(fd uintptr) bool {
		n, failed = socket.Send(fd, b)
		return !errors.Is(failed, socket.ErrWouldBlock)
	}
	p := progress{acked: socket.Acknowledged(v.raw), at: av.Now()}
	for {
		extended := v.deadline(v.limits.Load().StallTimeout / stallLooks)
		switch err = v.raw.Write(send); {
		case err == nil:
			return n, failed
		case !extended || !errors.Is(err, os.ErrDeadlineExceeded):
			return 0, err
		case p.none(socket.Acknowledged(v.raw), av.Now()) >= int64(v.limits.Load().StallTimeout):
			return 0, err
		}
	}
}

// progress is how much a peer had acknowledged when that last grew.
type progress struct {
	acked uint64
	at    int64 // ns
}

// none takes in what is acknowledged now and returns for how long, in ns, it has
// not grown.
func (p *progress) none(acked uint64, now int64) int64 {
	if acked != p.acked {
		p.acked, p.at = acked, now
	}
	return now - p.at
}

package bench

import (
	"context"
	"time"
)

const (
	// soundOnly is how many frames without a picture tell that there will be none:
	// about a second of sound.
	soundOnly = 50
)

// player plays in one session.
type player struct {
	*session
	verifier  *verifier
	protocol  Protocol
	hls       HLSMode
	transport Transport
	// drain takes the connection over once there was a picture; nil means that
	// the player verifies all the time.
	drain *drain
	done  func() // called once, when the session has ended
}

// run plays until ctx ends or the server ends it.
func (p *player) run(ctx context.Context) {
	p.begin()
	src, err := openSource(ctx, p.url, p.protocol, p.hls, p.transport)
	if err != nil {
		p.end(ctx, err)
		return
	}
	p.connect()
	stop := context.AfterFunc(ctx, func() { _ = src.Close() })
	handed, err := p.read(src)
	if handed && stop() {
		p.hand(ctx, src)
		return
	}
	_ = src.Close() // there is nothing to lose
	p.end(ctx, err)
}

func (p *player) end(ctx context.Context, err error) {
	p.finish(ctx.Err() != nil, err)
	p.done()
}

// read reads frames until an error, or until the drain can have the rest.
func (p *player) read(src *source) (handed bool, err error) {
	seen := false
	for n := 0; ; n++ {
		what, size, err := src.next(p.verifier)
		if err != nil {
			return false, err
		}
		p.bytes.Add(uint64(size))
		if !seen && what.video && what.key {
			seen = true
			p.firstPicture(time.Now())
		}
		if p.drain != nil && (seen || n >= soundOnly) {
			return true, nil
		}
	}
}

// hand gives the connection to the drain.
func (p *player) hand(ctx context.Context, src *source) {
	p.verifier = nil // its memory is of no more use
	p.drain.add(&sink{
		conn: src.conn, bytes: &p.bytes, heartbeat: src.heartbeat, last: time.Now(),
		release: func() {
			_ = src.conn.Close() // before the client can say that it stops
			_ = src.Close()
		},
		ended: func(err error) { p.end(ctx, err) },
	})
}

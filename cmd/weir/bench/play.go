package bench

import (
	"context"
	"time"

	"github.com/weirmedia/weir/remux/flv"
)

const (
	// tagOverhead is what FLV spends on a tag besides its body, in bytes; RTMP
	// spends about as much. Players that read tags count with it.
	tagOverhead = 15
	// soundOnly is how many tags without a picture tell that there will be none:
	// about a second of sound.
	soundOnly = 50
)

// player plays in one session.
type player struct {
	*session
	verifier *verifier
	// drain takes the connection over once there was a picture; nil means that
	// the player verifies all the time.
	drain *drain
	done  func() // called once, when the session has ended
}

// run plays until ctx ends or the server ends it.
func (p *player) run(ctx context.Context) {
	p.begin()
	src, err := openSource(ctx, p.url)
	if err != nil {
		p.end(ctx, err)
		return
	}
	p.connect()
	stop := context.AfterFunc(ctx, func() { _ = src.client.Close() })
	handed, err := p.read(src)
	if handed && stop() {
		p.hand(ctx, src)
		return
	}
	_ = src.client.Close() // there is nothing to lose
	p.end(ctx, err)
}

func (p *player) end(ctx context.Context, err error) {
	p.finish(ctx.Err() != nil, err)
	p.done()
}

// read reads tags until an error, or until the drain can have the rest.
func (p *player) read(src *source) (handed bool, err error) {
	seen := false
	for n := 0; ; n++ {
		tag, err := src.client.ReadTag()
		if err != nil {
			return false, err
		}
		p.count(tag)
		now := time.Now()
		what := p.verifier.observe(tag, now)
		if !seen && what.video && what.key {
			seen = true
			p.firstPicture(now)
		}
		if p.drain != nil && (seen || n >= soundOnly) {
			return true, nil
		}
	}
}

func (p *player) count(tag flv.Tag) { p.bytes.Add(uint64(tagOverhead + len(tag.Body))) }

// hand gives the connection to the drain.
func (p *player) hand(ctx context.Context, src *source) {
	p.verifier = nil // its memory is of no more use
	p.drain.add(&sink{
		conn: src.conn, bytes: &p.bytes, heartbeat: src.heartbeat, last: time.Now(),
		release: func() {
			_ = src.conn.Close() // before the client can say that it stops
			_ = src.client.Close()
		},
		ended: func(err error) { p.end(ctx, err) },
	})
}

package rtmp

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"

	"github.com/weirmedia/weir/remux/flv"
)

// soakPlayer is one player of a soak.
type soakPlayer struct {
	*PlayClient
	soak    *soak
	leaving atomic.Bool   // what happens to the connection is our doing
	done    chan struct{} // closed when reading has ended; nil before it begins
	pause   time.Duration // after each frame

	// switches: the player changes what it sees, so frames may be missing.
	switches bool

	// What was read; valid once done is closed.
	frames       uint64
	gaps, missed uint64
	last         soakFrame
	lastPicture  soakFrame
	config       []byte // the newest header of sound
	wrong        error
}

// playAgain joins with one kind of player again and again.
func (s *soak) playAgain(do func(*soakPlayer, *rand.Rand), seed uint64) {
	random := rand.New(rand.NewPCG(seed, 3))
	for s.running() && !s.t.Failed() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		client, err := Play(ctx, s.url(soakStream), ClientOptions{})
		cancel()
		if err != nil {
			s.t.Errorf("play: %v", err)
			return
		}
		p := &soakPlayer{PlayClient: client, soak: s}
		do(p, random)
		p.leaving.Store(true)
		_ = p.Close() // the server may have been first
		if p.done != nil {
			<-p.done
		}
		if p.wrong != nil {
			s.t.Errorf("player of kind %d: %v", seed, p.wrong)
		}
		s.joins.Add(1)
		s.verified.Add(p.frames)
		s.gaps.Add(p.gaps)
		s.missed.Add(p.missed)
	}
}

func (s *soak) running() bool {
	select {
	case <-s.stop:
		return false
	default:
		return true
	}
}

// sleep waits for up to limit or until the soak stops.
func (s *soak) sleep(random *rand.Rand, limit time.Duration) {
	select {
	case <-time.After(time.Duration(random.Int64N(int64(limit)))):
	case <-s.stop:
	}
}

// read checks what comes until the connection ends.
func (p *soakPlayer) read() {
	p.done = make(chan struct{})
	go func() {
		defer close(p.done)
		for {
			tag, err := p.ReadTag()
			if err == nil {
				err = p.check(tag)
			} else if p.leaving.Load() {
				return
			}
			if err != nil {
				p.wrong = fmt.Errorf("after %d frames, the last of them %+v: %w", p.frames, p.last, err)
				return
			}
			if p.pause > 0 {
				time.Sleep(p.pause)
			}
		}
	}()
}

func (p *soakPlayer) check(tag flv.Tag) error {
	switch {
	case tag.Type == flv.ScriptTag:
		return nil
	case isSequenceHeader(tag) && tag.Type == flv.AudioTag:
		p.config = tag.Body[2:]
		return nil
	case isSequenceHeader(tag):
		if !bytes.Equal(tag.Body, soakVideoHeader) {
			return fmt.Errorf("video header % x", tag.Body)
		}
		return nil
	}
	f, key, err := parseSoakFrame(tag)
	if err != nil {
		return err
	}
	if tag.Type == flv.AudioTag && !bytes.Equal(p.config, soakConfigs[f.config]) {
		return fmt.Errorf("sound %+v after the header % x", f, p.config)
	}
	offset := tag.Timestamp - f.timestamp
	if known, loaded := p.soak.offsets.LoadOrStore(f.generation, offset); loaded && known != offset {
		return fmt.Errorf("frame %+v at %d, want it moved by %d as the others of its publisher", f, tag.Timestamp, known)
	}
	if p.frames > 0 && (f.generation < p.last.generation || f.generation == p.last.generation && f.number <= p.last.number) {
		return fmt.Errorf("frame %+v comes too late", f)
	}
	if err := p.follows(f, key, tag.Type == flv.VideoTag); err != nil {
		return err
	}
	p.last = f
	p.frames++
	if tag.Type == flv.VideoTag {
		p.lastPicture = f
	}
	return nil
}

// follows checks that f can be decoded after what was there, and counts what is
// missing in between.
func (p *soakPlayer) follows(f soakFrame, key, picture bool) error {
	begins := p.frames == 0 || f.generation != p.last.generation
	switch {
	case p.switches && (!picture || key):
	case p.switches:
		if f.generation != p.lastPicture.generation || f.ofKind != p.lastPicture.ofKind+1 {
			return fmt.Errorf("picture %+v, which is no key frame, after %+v", f, p.lastPicture)
		}
	case begins && !key:
		return fmt.Errorf("begins with %+v, which is no key frame", f)
	case p.frames == 0 || f.number == 0 || !begins && f.number == p.last.number+1:
	case !key:
		return fmt.Errorf("goes on with %+v, which is no key frame", f)
	default:
		p.gaps++
		p.missed += uint64(f.number)
		if !begins {
			p.missed -= uint64(p.last.number) + 1
		}
	}
	return nil
}

// must fails the test if a command could not be sent.
func (p *soakPlayer) must(err error) {
	if err != nil {
		p.soak.t.Errorf("the server is gone: %v", err)
	}
}

// The kinds of players. Each returns when it is to leave.

func stay(p *soakPlayer, _ *rand.Rand) {
	p.read()
	<-p.soak.stop
}

func comeAndGo(p *soakPlayer, random *rand.Rand) {
	p.read()
	p.soak.sleep(random, 300*time.Millisecond)
	p.leaving.Store(true)
	switch tcp := p.NetConn().(*net.TCPConn); random.IntN(3) {
	case 0:
		reset(tcp)
	case 1:
		_ = tcp.CloseWrite() // the server may have been first
		<-p.done             // the server closes, too
	}
}

// reset closes as a peer does whose machine fails.
func reset(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetLinger(0) // fails if it is closed already
	_ = conn.Close()
}

// stall reads nothing for longer than the server waits.
func stall(p *soakPlayer, random *rand.Rand) {
	narrow(p.NetConn(), 4<<10)
	p.soak.sleep(random, 10*time.Second)
}

// readSlowly reads less than half of what is published.
func readSlowly(p *soakPlayer, random *rand.Rand) {
	narrow(p.NetConn(), 16<<10)
	p.pause = 12 * time.Millisecond
	p.read()
	p.soak.sleep(random, 20*time.Second)
}

// narrow lets the system hold little for a player that reads too little.
func narrow(conn net.Conn, size int) {
	_ = conn.(*net.TCPConn).SetReadBuffer(size) // fails if the connection is gone
}

func pauseOften(p *soakPlayer, random *rand.Rand) {
	p.read()
	for range 5 {
		p.soak.sleep(random, 200*time.Millisecond)
		p.must(p.Pause(true))
		p.soak.sleep(random, 4*time.Second) // sometimes more than the lag bound in bytes
		p.must(p.Pause(false))
	}
}

func switchSelection(p *soakPlayer, random *rand.Rand) {
	p.switches = true
	p.read()
	for range 20 {
		p.soak.sleep(random, 150*time.Millisecond)
		if on := random.IntN(2) == 0; random.IntN(2) == 0 {
			p.must(p.ReceiveAudio(on))
		} else {
			p.must(p.ReceiveVideo(on))
		}
	}
}

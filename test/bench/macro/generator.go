package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// generator is a program that makes load.
type generator interface {
	// publish starts publishers, which go on until they are stopped.
	publish(l *lab, p publishing) (*process, error)
	// published reads what they printed.
	published(out []byte) (published, error)
	// play starts players, which end after their window.
	play(l *lab, p playing) (*process, error)
	// played reads what they printed. It is an error if that makes no sense, not
	// if players failed.
	played(out []byte) (played, error)
	// floor returns what the kernel alone needs to send kbps to each of players
	// sockets, one write each 40 ms, in percent of a core. It returns
	// errNotKnown if the generator cannot tell.
	floor(ctx context.Context, l *lab, players int, kbps float64) (float64, error)
	// ticks are the intervals in milliseconds at which players can be told to
	// read what has arrived: the later they do, the fewer acknowledgements they
	// send. 0 stands for what the generator does by itself.
	ticks() []int
}

// errNotKnown is why a figure is missing.
var errNotKnown = errors.New("needs LOADGEN")

// publishing is what publishers do, %d in url is their number.
type publishing struct {
	url  string
	n    int
	clip *clip
}

// published is what they tell at their end.
type published struct {
	Lost   int           // never accepted, or closed by the server
	Behind time.Duration // how late they were at most
}

// playing is what players do, %d in url is their number modulo streams.
type playing struct {
	url        string
	n, streams int
	perSecond  int  // that begin
	verify     int  // that look at what they receive
	tick       int  // of those of the generator
	udp        bool // media of RTSP
	window     time.Duration
	pid        int // of the server
}

// played is what players found in their window. Times are in milliseconds.
type played struct {
	Lost         int     // never accepted, without media, or closed by the server
	Errors       int     // timestamps or frames that are wrong, of those who look
	CPU          float64 // percent of a core that the server used
	Rate         float64 // bytes per second, of all players
	P99          float64 // latency
	Samples      int     // of the latency
	Pictures     int     // players that had a picture
	FirstPicture float64 // the slowest of them, from the start of a player
	LostPackets  float64 // share of those of RTP by UDP
}

// prefixed tells remarks of one measurement from those of another.
func prefixed(whose string, remarks []string) []string {
	var out []string
	for _, r := range remarks {
		out = append(out, whose+r)
	}
	return out
}

const (
	// rampPerSecond is how many players begin per second where that is not what
	// is measured.
	rampPerSecond = 800
	// publishersPerSecond is the same for publishers, who load a server from the
	// moment they are there: those that come when its core is full may not get
	// through their handshake in time. Of 8,000 on a slow core, weir closed up to
	// 2,984 at 800 per second, and up to 1,489 at 200.
	publishersPerSecond = 200
)

// watched is a load that was measured, with what was seen from outside.
type watched struct {
	played
	memory  float64 // resident bytes of the server, the most in the window
	load    float64 // percent of a core that the generator used
	remarks []string
}

const (
	// watchInterval is how often the processes are looked at.
	watchInterval = 250 * time.Millisecond
	// muchSteal is how many percent of the machine others may take, busyLoad how
	// busy the generator may be, before the figures are theirs. A server on one
	// core that is above busyServer does what it can: its need is not known.
	muchSteal  = 5
	busyLoad   = 90
	busyServer = 95
)

// play runs players to their end and watches the server and them meanwhile.
func (l *lab) play(ctx context.Context, s *server, p playing) (*watched, error) {
	p.pid = s.pid()
	players, err := l.generator.play(l, p)
	if err != nil {
		return nil, err
	}
	return l.watch(ctx, s, players, p.window)
}

// watch waits for players to end. Its figures are those of the window, which
// lasts until then.
func (l *lab) watch(ctx context.Context, s *server, players *process, window time.Duration) (*watched, error) {
	before, err := readCPUTimes()
	if err != nil {
		return nil, err
	}
	var memories []float64
	var used []time.Duration
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for running := true; running; {
		select {
		case <-players.done:
			running = false
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-ticker.C:
			memory, err := s.memory()
			if err != nil {
				return nil, fmt.Errorf("the server is gone: %w: %s", err, s.log.String())
			}
			memories = append(memories, memory)
			if cpu, err := players.usage(); err == nil { // else it has just ended
				used = append(used, cpu)
			}
		}
	}
	after, err := readCPUTimes()
	if err != nil {
		return nil, err
	}
	w := &watched{}
	if w.played, err = l.played(players.out.Bytes()); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", players.name, err, players.log.String())
	}
	n := int(window / watchInterval)
	for _, m := range memories[max(0, len(memories)-n):] {
		w.memory = max(w.memory, m)
	}
	w.load = share(used[max(0, len(used)-n):])
	w.remarks = remarks(after.stealSince(before), w.load, w.CPU)
	return w, nil
}

// share returns percent of a core, of processor times that were read at
// watchInterval.
func share(used []time.Duration) float64 {
	if len(used) < 2 {
		return 0
	}
	return percent(used[len(used)-1]-used[0], time.Duration(len(used)-1)*watchInterval)
}

func percent(part, whole time.Duration) float64 { return 100 * float64(part) / float64(whole) }

// remarks tell what makes figures doubtful.
func remarks(steal, load, server float64) []string {
	var out []string
	if steal > muchSteal {
		out = append(out, fmt.Sprintf("steal %.0f %%", steal))
	}
	if load > busyLoad {
		out = append(out, fmt.Sprintf("load generator at %.0f %%", load))
	}
	if server > busyServer {
		out = append(out, "server at its limit")
	}
	return out
}

// patience is how long no further publisher may be accepted before the others
// are given up. A server at its limit takes a while for each.
const patience = 20 * time.Second

// acceptInterval is how often they are counted, which costs time of a core if
// there are thousands.
const acceptInterval = time.Second

// broadcast publishes streams and waits until the server has them all, or takes
// no more: those that are missing are told as lost at the end.
func (l *lab) broadcast(ctx context.Context, s *server, p publishing) (*process, error) {
	source, err := l.publish(l, p)
	if err != nil {
		return nil, err
	}
	most, grown := 0, time.Now()
	for {
		q, err := readQueues(ctx, s.port)
		if err != nil {
			return nil, err
		}
		if q.connections > most {
			most, grown = q.connections, time.Now()
		}
		if most == 0 && time.Since(grown) > patience {
			return nil, fmt.Errorf("%s has accepted no publisher: %s", s.name, source.log.String())
		}
		if q.connections >= p.n || time.Since(grown) > patience {
			// The handshakes come to their end, and a GOP passes.
			return source, sleep(ctx, 3*time.Second)
		}
		select {
		case <-source.done:
			return nil, fmt.Errorf("the publishers ended: %s", source.log.String())
		default:
		}
		if err := sleep(ctx, acceptInterval); err != nil {
			return nil, err
		}
	}
}

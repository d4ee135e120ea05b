//go:build e2e

package e2e

import (
	"debug/buildinfo"
	"fmt"
	"io"
	"strconv"
	"testing"
	"time"
)

const (
	loadStream = "live/test"
	fastStream = "live/fast"
	// patience is how long anything that must happen may take.
	patience = 30 * time.Second
	// loadRing is how many bytes the ring of a stream may hold, the newest frame
	// aside, and loadLog the same of a wire log, which also holds the rest of the
	// segment that its oldest message lies in, an empty one and headers.
	loadRing = 4 << 20
	loadLog  = loadRing + 1<<20
)

// load says how many there are of each kind, and the server's limits.
type load struct {
	viewers    map[string]int // by protocol; each checks every frame
	badViewers int            // of each kind and protocol
	publishers int            // slow ones, of each kind
	halfOpen   int            // connections that never finish their handshake
	silent     int            // connections that finish it and say nothing more
	room       int            // for RTMP connections besides the viewers
	timeout    time.Duration  // for handshakes, headers, and publishers without a frame
	stall      time.Duration
	fast       time.Duration // media that a publisher sends in a tenth of that time
}

// TestQuickLoad is TestFullLoad with few viewers.
func TestQuickLoad(t *testing.T) {
	runLoad(t, load{
		viewers: map[string]int{"rtmp": 40, "httpflv": 10}, badViewers: 2, publishers: 1,
		halfOpen: 100, silent: 20, room: 90, timeout: 2 * time.Second, stall: 1500 * time.Millisecond, fast: 20 * time.Second,
	})
}

// TestFullLoad: while a thousand viewers play one stream, peers do all that
// peers should not, at once. Each comes to an end for a reason that is counted,
// memory stays bounded, no viewer lacks a frame, and nothing is left when all
// are gone.
func TestFullLoad(t *testing.T) {
	l := load{
		viewers: map[string]int{"rtmp": 1000, "httpflv": 100}, badViewers: 10, publishers: 5,
		halfOpen: 2000, silent: 200, room: 1500, timeout: 10 * time.Second, stall: 5 * time.Second, fast: 80 * time.Second,
	}
	if raceBuilt(t) { // an order of magnitude slower
		l.viewers = map[string]int{"rtmp": 150, "httpflv": 30}
	}
	runLoad(t, l)
}

// raceBuilt reports whether the program under test detects data races.
func raceBuilt(t *testing.T) bool {
	t.Helper()
	info, err := buildinfo.ReadFile(weirBinary(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value == "true"
		}
	}
	return false
}

// loadRun is a server and all that is done to it.
type loadRun struct {
	*server
	load
	footage *footage
	want    map[end]int // how connections must have ended by now
	peak    usage
}

func runLoad(t *testing.T, l load) {
	r := &loadRun{
		server: startServer(t, settings{
			"log.level":              "info",
			"stream.grace":           "1s",
			"stream.publish_timeout": l.timeout.String(),
			"stream.ring_bytes":      strconv.Itoa(loadRing),
			"delivery.stall_timeout": l.stall.String(),
			"http.header_timeout":    l.timeout.String(),
			"rtmp.handshake_timeout": l.timeout.String(),
			"rtmp.max_connections":   strconv.Itoa(1 + l.viewers["rtmp"] + l.room),
		}),
		load: l, footage: newFootage(t, 2*time.Minute), want: make(map[end]int),
	}
	empty := r.collected(t)
	source := r.feed(t, loadStream, r.footage, 1)
	var good []*witness
	for _, protocol := range protocols {
		good = append(good, r.witnesses(t, protocol, loadStream, r.footage, l.viewers[protocol])...)
	}
	usual := r.usage(t)
	r.misbehave(t, source)
	r.requireBack(t, usual)
	const newcomers = 2 // by each protocol, since there is room again
	for _, protocol := range protocols {
		good = append(good, r.witnesses(t, protocol, loadStream, r.footage, newcomers)...)
	}
	requireContains(t, "the list of sessions", r.get(t, "api/v1/sessions?limit=1"), fmt.Sprintf(`"total":%d}`, 1+len(good)))
	sent := source.stop(t)
	for _, w := range good {
		w.reach(t, sent)
		w.requireConnected(t)
		w.leave()
	}
	source.conn.Close()
	r.want[end{"rtmp", "publish", "client_closed"}]++
	for _, protocol := range protocols {
		r.want[end{protocol, "play", "client_closed"}] += l.viewers[protocol] + newcomers
	}
	r.requireEnds(t)
	t.Logf("%d frames\nempty     %v\nwith load %v\nat worst  %v", sent, empty, usual, r.peak)
	r.requireBounds(t, usual)
	r.requireBack(t, empty)
	r.requireEmpty(t, empty)
}

// misbehave lets all bad peers come at once and waits for their ends.
func (r *loadRun) misbehave(t *testing.T, source *feed) {
	t.Helper()
	bad := newPeers(t)
	defer bad.leave()
	source.awaitKey(t) // so that all viewers have the same bytes waiting
	var full []*connection
	for _, protocol := range protocols {
		full = append(full, r.viewBadly(t, bad, protocol)...)
	}
	bad.publishSlowly(t, r.server, r.footage, r.publishers)
	r.want[end{"rtmp", "", "handshake_timeout"}] += 2 * r.publishers
	r.want[end{"rtmp", "publish", "publish_timeout"}] += 2 * r.publishers
	eventually(t, patience, "the server waits for all viewers who do not read", func() bool {
		return r.usage(t).parked >= 3*r.badViewers*len(protocols)
	})
	for _, c := range full {
		c.reset()
	}
	finish := r.sendFast(t)
	r.flood(t, bad)
	finish()
	r.requireEnds(t)
}

// viewBadly connects viewers of all bad kinds. It returns those that are to
// reset once the server waits for them.
func (r *loadRun) viewBadly(t *testing.T, bad *peers, protocol string) (full []*connection) {
	t.Helper()
	bad.view(t, r.server, protocol, r.badViewers) // they never read
	for _, c := range bad.view(t, r.server, protocol, r.badViewers) {
		bad.sip(c)
	}
	r.want[end{protocol, "play", "stalled"}] += 2 * r.badViewers

	halfway := bad.view(t, r.server, protocol, 3*r.badViewers)
	for i, c := range halfway {
		if err := c.readHalf(); err != nil {
			t.Fatal(err)
		}
		switch i % 3 {
		case 0:
			c.Close()
		case 1:
			c.reset()
		case 2:
			_ = c.CloseWrite() // fails if the server was first, which its metrics tell
		}
	}
	full = bad.view(t, r.server, protocol, r.badViewers)
	r.want[end{protocol, "play", "client_closed"}] += len(halfway) + len(full)
	return full
}

// flood opens connections that never become viewers, more than there is room
// for.
func (r *loadRun) flood(t *testing.T, bad *peers) {
	t.Helper()
	timeout, full := end{"rtmp", "", "handshake_timeout"}, end{"rtmp", "", "limit_reached"}
	bad.shake(t, r.server, r.silent)
	bad.shakeHalf(t, r.server, r.halfOpen)
	bad.askHalf(t, r.server, r.halfOpen/10)
	r.want[timeout] += r.silent
	r.want[end{"http", "", "handshake_timeout"}] += r.halfOpen / 10
	// How many there was room for depends on who has left already.
	var ends map[end]int
	eventually(t, patience, "all connections came to an end", func() bool {
		ends = r.look(t).ends
		return ends[timeout]+ends[full] == r.want[timeout]+r.halfOpen
	})
	r.want[full] = ends[full]
	r.want[timeout] += r.halfOpen - r.want[full]
	if least := r.halfOpen - r.room; r.want[full] < least {
		t.Errorf("%d of %d connections were refused although there is room for %d", r.want[full], r.halfOpen, r.room)
	}
}

// sendFast publishes a stream ten times as fast as it should be. finish waits for
// its end and checks that its viewers got all of it.
func (r *loadRun) sendFast(t *testing.T) (finish func()) {
	t.Helper()
	const viewers = 3 // by each protocol
	source := r.feed(t, fastStream, newFootage(t, r.fast), 10)
	var all []*witness
	for _, protocol := range protocols {
		all = append(all, r.witnesses(t, protocol, fastStream, r.footage, viewers)...)
		r.want[end{protocol, "play", "stream_ended"}] += viewers
	}
	return func() {
		t.Helper()
		await(t, "the fast publisher has sent all", source.done)
		if source.err != errOver {
			t.Fatalf("the fast publisher: %v", source.err)
		}
		r.want[end{"rtmp", "publish", "client_closed"}]++
		for _, w := range all {
			w.reach(t, len(source.footage.frames))
			await(t, w.name+" ends", w.done)
			if w.err != io.EOF {
				t.Errorf("%s ended with %v, want a clean end", w.name, w.err)
			}
		}
	}
}

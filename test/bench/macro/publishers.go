package main

import (
	"context"
	"fmt"
	"time"
)

// publishers is many publishers, each with one player or without any.
type publishers struct {
	n       int
	clip    string
	players bool
}

const (
	// overNginx is how much of nginx-rtmp's processor time is acceptable.
	overNginx = 1.5
	// Memory may be this many times the media that rings must hold, and so many
	// bytes for each publisher.
	overMedia    = 1.5
	perPublisher = 12_000
	// lagGrowth is how much more media may wait to be read at the end of the
	// window than at its beginning: reads are coalesced for up to 20 ms, and key
	// frames are as long as many other pictures.
	lagGrowth = 50 // ms
)

func (p publishers) run(ctx context.Context, l *lab) ([]row, error) {
	clip, err := l.clip(ctx, p.clip)
	if err != nil {
		return nil, err
	}
	reference, err := p.beside(ctx, l, clip)
	if err != nil {
		return nil, fmt.Errorf("nginx-rtmp: %w", err)
	}
	ours, err := p.weir(ctx, l, clip)
	if err != nil {
		return nil, err
	}
	rows := []row{
		told("nginx-rtmp: CPU", reference.CPU, "%").with(reference.remarks),
		told("nginx-rtmp: memory", reference.memory/megabyte, "MB"),
		told("nginx-rtmp: publishers, players lost", float64(reference.lost), ""),
		told("CPU", ours.CPU, "%").with(ours.remarks),
		compared(ours, reference),
		none("publishers, players lost", ours.lost),
	}
	if p.players {
		return append(rows, told("latency p99", ours.P99, "ms"), told("nginx-rtmp: latency p99", reference.P99, "ms"),
			told("memory", ours.memory/megabyte, "MB")), nil
	}
	media := clip.gop * float64(p.n)
	allowed := overMedia*media + perPublisher*float64(p.n)
	memory := atMost("memory", ours.memory/megabyte, "MB", allowed/megabyte)
	memory.reference = "newest GOPs " + quantity(media/megabyte, "MB")
	return append(rows, memory, told("memory that rings say they hold", ours.rings/megabyte, "MB"),
		told("media not read yet, for each publisher", ours.unread[1], "ms"),
		atMost("growth of that in the window", max(0, ours.unread[1]-ours.unread[0]), "ms", lagGrowth),
		told("publishers behind, most", float64(ours.behind.Milliseconds()), "ms")), nil
}

// compared is our need as a multiple of nginx-rtmp's, if both bore the same load
// and what nginx-rtmp needs for it is known.
func compared(ours, reference *manyPublished) row {
	const figure = "CPU against nginx-rtmp"
	switch {
	case ours.lost > 0 || reference.lost > 0:
		return missing(figure, "not the same load: some were lost")
	case reference.CPU > busyServer:
		return missing(figure, "nginx-rtmp at its limit")
	}
	return against(figure, ours.CPU, reference.CPU, "nginx-rtmp", "%", overNginx).with(prefixed("nginx-rtmp: ", reference.remarks)).with(ours.remarks)
}

// manyPublished is what was measured of a server.
type manyPublished struct {
	watched
	lost   int
	behind time.Duration
	rings  float64    // bytes, of weir
	unread [2]float64 // ms of media for each publisher, when the window began and ended
}

func (p publishers) beside(ctx context.Context, l *lab, clip *clip) (*manyPublished, error) {
	s, err := l.startNginx(ctx, 2*p.n)
	if err != nil {
		return nil, err
	}
	defer s.kill()
	return p.load(ctx, l, s, clip)
}

func (p publishers) weir(ctx context.Context, l *lab, clip *clip) (*manyPublished, error) {
	s, err := l.startWeir(ctx, serverCore)
	if err != nil {
		return nil, err
	}
	defer s.kill()
	return p.load(ctx, l, s, clip)
}

// load publishes to a server and measures it.
func (p publishers) load(ctx context.Context, l *lab, s *server, clip *clip) (*manyPublished, error) {
	source, err := l.broadcast(ctx, s, publishing{url: s.url("s%d"), n: p.n, clip: clip})
	if err != nil {
		return nil, err
	}
	defer source.kill()
	m := &manyPublished{}
	if p.players {
		err = p.play(ctx, l, s, m)
	} else {
		err = p.idle(ctx, l, s, source, clip, m)
	}
	if err != nil {
		return nil, err
	}
	end, err := l.published(source.stop())
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", source.name, err, source.log.String())
	}
	m.lost += end.Lost
	m.behind = end.Behind
	return m, nil
}

// play measures a server while each stream has a player.
func (p publishers) play(ctx context.Context, l *lab, s *server, m *manyPublished) error {
	w, err := l.play(ctx, s, playing{
		url: s.url("s%d"), n: p.n, streams: p.n, perSecond: rampPerSecond, verify: 4, tick: l.ticks()[0], window: 2 * l.window,
	})
	if err == nil {
		m.watched, m.lost = *w, w.Lost
	}
	return err
}

// idle measures a server that only reads.
func (p publishers) idle(ctx context.Context, l *lab, s *server, source *process, clip *clip, m *manyPublished) error {
	before, err := takeSnapshot(ctx, s, source)
	if err != nil {
		return err
	}
	if err := sleep(ctx, 2*l.window); err != nil {
		return err
	}
	after, err := takeSnapshot(ctx, s, source)
	if err != nil {
		return err
	}
	window := after.at.Sub(before.at)
	m.CPU = percent(after.server-before.server, window)
	m.remarks = remarks(after.machine.stealSince(before.machine), percent(after.source-before.source, window), m.CPU)
	m.unread = [2]float64{float64(before.unread), float64(after.unread)}
	for i := range m.unread {
		m.unread[i] *= 8 / clip.kbps / float64(p.n)
	}
	if m.memory, err = s.memory(); err != nil || s.http == "" {
		return err
	}
	own, err := s.metrics(ctx)
	m.rings = own.sum("weir_ring_bytes")
	return err
}

// snapshot is what a server, its publishers and the machine have used so far.
type snapshot struct {
	at             time.Time
	server, source time.Duration
	machine        cpuTimes
	unread         int // bytes
}

func takeSnapshot(ctx context.Context, s *server, source *process) (n snapshot, err error) {
	n.at = time.Now()
	if n.server, err = s.usage(); err != nil {
		return n, fmt.Errorf("the server is gone: %w: %s", err, s.log.String())
	}
	if n.source, err = source.usage(); err != nil {
		return n, fmt.Errorf("the publishers are gone: %w: %s", err, source.log.String())
	}
	if n.machine, err = readCPUTimes(); err != nil {
		return n, err
	}
	q, err := readQueues(ctx, s.port)
	n.unread = q.unread
	return n, err
}

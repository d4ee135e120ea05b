//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirmedia/weir/test/freeport"
)

const (
	demandStream = "cam/test"
	// demandClose is close_after of the pull, demandSlack how much later the
	// connection may be gone.
	demandClose = 300 * time.Millisecond
	demandSlack = time.Second
	demandGOP   = time.Second
)

// demandClip has a key frame every demandGOP.
var demandClip = clip{"demand", join(lavfi(smallPicture, tone), x264Simple, []string{"-b:v", "150k", "-g", "25", "-keyint_min", "25"}, aacStereo, []string{"-shortest"})}

// demandCrowd is who watches, by protocol: a hundred.
var demandCrowd = map[string]int{"httpflv": 48, "rtmp": 24, "rtsp": 12, "whep": 10, "hls": 6}

// TestFullRelayDemand: a hundred viewers come and go at random while weir fetches
// their stream from nginx-rtmp, and from another weir. There are never two
// connections to the source, and none soon after the last viewer has gone; hooks
// come in order and in pairs. WEIR_SOAK sets for how long: `make soak`.
func TestFullRelayDemand(t *testing.T) {
	t.Parallel()
	length := soakTime(t, 26*time.Second)
	t.Run("nginx-rtmp", func(t *testing.T) {
		t.Parallel()
		hooks := startNginxHooks(t)
		nginx := startNginxRTMP(t, hooks.directives()+` application live { live on; }`)
		publishDemand(t, "rtmp://"+nginx+"/live/test", length)
		runDemand(t, "rtmp://"+nginx+"/live/test", length, hooks.spans)
	})
	t.Run("weir", func(t *testing.T) {
		t.Parallel()
		receiver := startReceiver(t)
		up := startRTSPServerWith(t, settings{"log.level": "info", "hooks.url": receiver.URL})
		publishDemand(t, up.rtmpURL("live/test"), length)
		up.waitLive(t, "live/test")
		runDemand(t, up.url("live/test"), length, func() []span { return plays(receiver.events("live/test")) })
	})
}

// publishDemand publishes for longer than the viewers need.
func publishDemand(t *testing.T, url string, length time.Duration) {
	t.Helper()
	start(t, length+3*time.Minute, nil, "ffmpeg", "-nostdin", "-v", "warning", "-re", "-stream_loop", "-1", "-i", demandClip.path(t),
		"-map", "0", "-c", "copy", "-f", "flv", url)
}

// demand is a server that fetches, and its viewers.
type demand struct {
	*rtspServer
	length time.Duration
	began  time.Time

	mu     sync.Mutex
	visits []visit
}

// visit is one of a viewer, who got a picture.
type visit struct {
	protocol string
	at       time.Time
	picture  time.Duration // until the first one
}

// runDemand lets the viewers come and go. connections tells which the source had.
func runDemand(t *testing.T, source string, length time.Duration, connections func() []span) {
	t.Helper()
	receiver := startReceiver(t)
	d := &demand{length: length, rtspServer: startRTSPServerWith(t, settings{
		"log.level": "info", "webrtc.listen": freeport.Address(t), "stream.wait": "10s", "hooks.url": receiver.URL,
		"relay.close_after": demandClose.String(),
		"relay.pulls":       fmt.Sprintf(`[{streams: ["%s"], sources: ["%s"]}]`, demandStream, source),
	})}
	r := &loadRun{server: d.server}
	empty := r.collected(t)
	d.began = time.Now()
	var crowd sync.WaitGroup
	for protocol, n := range demandCrowd {
		for range n {
			crowd.Go(func() { d.viewer(t, protocol) })
		}
	}
	crowd.Wait()
	eventually(t, 2*patience, "nobody fetches any more", func() bool {
		return strings.Contains(d.get(t, "api/v1/pulls"), `"pulls":[]`) && len(d.streams(t)) == 0
	})
	var fetched []span
	eventually(t, patience, "the source has no connection", func() bool {
		fetched = connections()
		return !slices.ContainsFunc(fetched, func(s span) bool { return s.to.IsZero() })
	})
	eventually(t, patience, "all hooks came", func() bool {
		counts := receiver.counts(demandStream)
		return counts["session.opened"] == counts["session.closed"] && counts["stream.published"] == counts["stream.unpublished"]
	})
	events := receiver.events(demandStream)
	published := requirePaired(t, events)
	d.requireConnections(t, plays(events), fetched)
	// One that is ended before it has come about is no connection, or no publisher.
	attempts := int(d.metrics(t)["weir_relay_attempts_total"])
	if len(published) == 0 || len(published) > len(fetched) || len(fetched) > attempts {
		t.Errorf("published %d times, fetched %d times in %d attempts", len(published), len(fetched), attempts)
	}
	if log := d.out.String(); strings.Contains(log, "pull failed") {
		t.Errorf("a pull failed:\n%s", tail(log, 3000))
	}
	d.requirePictures(t, published)
	r.requireBack(t, empty)
	r.requireEmpty(t, empty)
}

// requireConnections checks when there were connections to the source.
func (d *demand) requireConnections(t *testing.T, watched, fetched []span) {
	t.Helper()
	if n := most(fetched); n != 1 {
		t.Errorf("%d connections to the source at once", n)
	}
	// Events tell of a viewer's end a little earlier or later than the relay hears
	// of it.
	const rounding = 50 * time.Millisecond
	idle := gaps(watched)
	slices.Reverse(idle)
	var late []time.Duration
	for _, f := range fetched {
		// The newest that was long enough by then: somebody may have come and gone
		// while it was ended.
		i := slices.IndexFunc(idle, func(g span) bool {
			due := g.from.Add(demandClose - rounding)
			return due.Before(f.to) && (g.to.IsZero() || due.Before(g.to))
		})
		if i < 0 {
			t.Errorf("the connection of %v ended though somebody watched", f)
			continue
		}
		late = append(late, f.to.Sub(idle[i].from)-demandClose)
	}
	if len(late) == 0 {
		t.Fatal("the source had no connection")
	}
	if worst := slices.Max(late); worst > demandSlack {
		t.Errorf("a connection ended %v after close_after", worst)
	}
	for _, g := range idle {
		for _, f := range fetched {
			if at := g.from.Add(demandClose + demandSlack); g.has(at) && f.has(at) {
				t.Errorf("nobody watched %v, and there was the connection of %v", g, f)
			}
		}
	}
	t.Logf("%d visits, %d connections to the source, which ended %v (median) and %v (longest) after close_after", len(watched), len(fetched),
		quantile(late, 50).Round(time.Millisecond), slices.Max(late).Round(time.Millisecond))
}

// requirePictures checks how long viewers waited for the first picture, and tells it
// in the log: those who had the stream fetched, and those who found it.
func (d *demand) requirePictures(t *testing.T, published []span) {
	t.Helper()
	waits := map[string][]time.Duration{}
	for _, v := range d.visits {
		way := v.protocol + ", fetched already"
		if !slices.ContainsFunc(published, func(p span) bool { return p.has(v.at) }) {
			way = v.protocol + ", not there"
		}
		waits[way] = append(waits[way], v.picture)
	}
	// One of ten may need longer, if the machine does much else.
	const bound = demandGOP + 500*time.Millisecond
	table, slow, all := "\n", 0, 0
	for _, way := range slices.Sorted(maps.Keys(waits)) {
		w := waits[way]
		table += fmt.Sprintf("%-26s %5d pictures, first after %5v (median) %5v (95 %%) %5v (longest)\n", way, len(w),
			quantile(w, 50).Round(time.Millisecond), quantile(w, 95).Round(time.Millisecond), slices.Max(w).Round(time.Millisecond))
		if strings.HasPrefix(way, "hls") {
			continue // segments have to be complete
		}
		all += len(w)
		for _, d := range w {
			if d > bound {
				slow++
			}
		}
	}
	t.Logf("%s%d of %d, without HLS, later than %v", table, slow, all, bound)
	if slow*10 > all {
		t.Errorf("%d of %d first pictures came later than %v", slow, all, bound)
	}
}

//go:build e2e

package e2e

import (
	"crypto/md5"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/pion/rtcp"
	prtp "github.com/pion/rtp"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/remux/rtp"
)

// rtspReader plays by gortsplib. It knows what ffmpeg does not tell: when sender
// reports put each access unit, and how many packets got lost.
type rtspReader struct {
	client *gortsplib.Client

	mu     sync.Mutex
	tracks []*rtspTrack
	lost   uint64
}

// rtspTrack is a track with what came of it.
type rtspTrack struct {
	demuxer *rtp.Demuxer
	units   []packet
	times   []int64 // media times of units
	report  *rtcp.SenderReport
	media   int64 // media time that report names
}

// openRTSP starts to play all tracks of an address.
func openRTSP(t *testing.T, url string, transport gortsplib.Transport) *rtspReader {
	t.Helper()
	u, err := base.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	r := &rtspReader{client: &gortsplib.Client{Scheme: u.Scheme, Host: u.Host, Transport: &transport}}
	r.client.OnPacketsLost = func(n uint64) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.lost += n
	}
	if err := r.client.Start2(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.client.Close)
	d, _, err := r.client.Describe(u)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.client.SetupAll(d.BaseURL, d.Medias); err != nil {
		t.Fatal(err)
	}
	for _, m := range d.Medias {
		r.follow(t, m)
	}
	if _, err := r.client.Play(nil); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rtspReader) follow(t *testing.T, m *description.Media) {
	t.Helper()
	d, err := rtp.NewDemuxer(len(r.tracks), m.Formats[0])
	if err != nil {
		t.Fatal(err)
	}
	track := &rtspTrack{demuxer: d}
	r.tracks = append(r.tracks, track)
	r.client.OnPacketRTP(m, m.Formats[0], func(p *prtp.Packet) {
		r.mu.Lock()
		defer r.mu.Unlock()
		frames, _ := d.Demux(p) // what got lost is counted by the client
		for _, f := range frames {
			track.take(f)
		}
	})
	r.client.OnPacketRTCP(m, func(p rtcp.Packet) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if report, ok := p.(*rtcp.SenderReport); ok {
			track.report, track.media = report, d.Time(report.RTPTime)
		}
	})
}

func (k *rtspTrack) take(f *av.Frame) {
	k.units = append(k.units, packet{
		kind: f.Track.Kind.String(), key: f.Key || f.Track.Kind == av.Audio,
		size: len(f.Payload), hash: fmt.Sprintf("MD5:%x", md5.Sum(f.Payload)),
	})
	k.times = append(k.times, f.PTS)
}

// read returns what came, once there are n access units. Their PTS are those
// that the newest sender reports say, in milliseconds; RTP has no DTS.
func (r *rtspReader) read(t *testing.T, n int, limit time.Duration) (all []packet) {
	t.Helper()
	eventually(t, limit, fmt.Sprintf("%d access units", n), func() bool { return r.count() >= n })
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, k := range r.tracks {
		if k.report == nil {
			t.Fatalf("no sender report of track %d", i)
		}
		units := slices.Clone(k.units)
		for i := range units {
			units[i].pts = (ntpNanoseconds(k.report.NTPTime) + k.times[i] - k.media) / 1e6
		}
		all = append(all, units...)
	}
	return all
}

// ntpNanoseconds returns a time of NTP, seconds since 1900 in 32.32 bits, in
// nanoseconds since 1970.
func ntpNanoseconds(ntp uint64) int64 {
	const since1900 = 2208988800
	return (int64(ntp>>32)-since1900)*1e9 + int64((ntp&0xFFFFFFFF)*1e9>>32)
}

// count returns how many access units came.
func (r *rtspReader) count() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.tracks {
		n += len(k.units)
	}
	return n
}

// missed returns how many packets got lost.
func (r *rtspReader) missed() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lost
}

// requirePTS is requireRunWithin for what has no DTS.
func requirePTS(t *testing.T, published, got []packet, tolerance int64) {
	t.Helper()
	for i, w := range counterparts(published, got) {
		if w != nil {
			got[i].dts = w.dts + got[i].pts - w.pts
		}
	}
	requireRunWithin(t, published, got, tolerance)
}

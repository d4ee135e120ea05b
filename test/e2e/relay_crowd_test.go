//go:build e2e

package e2e

import (
	"context"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/protocols/hls/hlsclient"
	"github.com/weirmedia/weir/protocols/rtsp"
	"github.com/weirmedia/weir/protocols/webrtc"
)

// The viewers' tide: first all of them come and go all the time, then so few that
// the stream is often left for about as long as close_after, then none of them.
const (
	flood    = 2 * time.Second
	ebb      = 4 * time.Second
	ebbPause = 70 * time.Second        // of each viewer, in the mean: three of a hundred come in two seconds
	calm     = 2300 * time.Millisecond // so that the tide does not go with the key frames
	tideLong = flood + ebb + calm
	// hlsRounds is in which flood those of HLS come: the server misses one only ten
	// seconds after it has gone, so that they keep the stream for long.
	hlsRounds = 4
)

// viewer comes and goes until the time is over.
func (d *demand) viewer(t *testing.T, protocol string) {
	for {
		pause := d.pause(protocol)
		if time.Since(d.began)+pause > d.length {
			return
		}
		time.Sleep(pause)
		d.visit(t, protocol)
	}
}

// pause returns how long a viewer stays away. What would end after the current part
// of the tide is drawn again for the next one.
func (d *demand) pause(protocol string) time.Duration {
	now := time.Since(d.began)
	for at := now; at < d.length; {
		round := at / tideLong
		mean, end := 500*time.Millisecond, flood
		switch in := at % tideLong; {
		case in >= flood+ebb:
			mean, end = 0, tideLong
		case in >= flood:
			mean, end = ebbPause, flood+ebb
		}
		if protocol == "hls" && (end != flood || round%hlsRounds != 0) {
			mean = 0
		}
		next := at + time.Duration(rand.ExpFloat64()*float64(mean))
		if at = round*tideLong + end; mean > 0 && next < at {
			return next - now
		}
	}
	return d.length
}

// visit watches for a random time. Most wait for the first picture, some are
// impatient.
func (d *demand) visit(t *testing.T, protocol string) {
	stay := time.Duration(rand.ExpFloat64() * float64(300*time.Millisecond))
	patient := rand.IntN(4) > 0
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if !patient {
		time.AfterFunc(stay, cancel)
	}
	v := visit{protocol: protocol, at: time.Now()}
	err := d.watch(ctx, protocol, demandStream, func() {
		if v.picture == 0 {
			v.picture = time.Since(v.at)
			time.AfterFunc(stay, cancel)
		}
	})
	if v.picture == 0 {
		if patient {
			t.Errorf("a viewer by %s at %v got no picture: %v", protocol, v.at.Format(time.StampMilli), err)
		}
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.visits = append(d.visits, v)
}

// watch plays a stream by a protocol until ctx ends, and calls key with each key frame;
// "whep-loss" is WHEP of which some packets get lost. The error says why it ended.
func (s *rtspServer) watch(ctx context.Context, protocol, name string, key func()) error {
	switch protocol {
	case "rtsp", "rtsp-udp":
		o := rtsp.ClientOptions{Transport: rtsp.TCP}
		if protocol == "rtsp-udp" {
			o.Transport = rtsp.UDP
		}
		c, err := rtsp.Play(ctx, s.url(name), o)
		if err != nil {
			return err
		}
		return follow(ctx, c.Close, key, func() (*av.Frame, error) { p, err := c.Next(); return p.Frame, err })
	case "whep", "whep-loss":
		var o webrtc.ClientOptions
		if protocol == "whep-loss" {
			o.Socket = func(c *net.UDPConn) net.PacketConn { return lossy{c} }
		}
		c, err := webrtc.Play(ctx, s.httpURL(name+"/whep"), o)
		if err != nil {
			return err
		}
		return follow(ctx, c.Close, key, func() (*av.Frame, error) { p, err := c.Next(); return p.Frame, err })
	case "hls":
		c, err := hlsclient.Play(ctx, s.httpURL(name+"/index.m3u8"), hlsclient.Options{})
		if err != nil {
			return err
		}
		return follow(ctx, c.Close, key, func() (*av.Frame, error) { p, err := c.Next(); return p.Frame, err })
	}
	c, err := s.connect(protocol, name, false)
	if err != nil {
		return err
	}
	return follow(ctx, c.Close, key, func() (*av.Frame, error) {
		tag, err := c.next()
		if err != nil || !tag.media() {
			return nil, err
		}
		return &av.Frame{Track: &av.Track{Kind: map[byte]av.Kind{tagAudio: av.Audio, tagVideo: av.Video}[tag.kind]}, Key: tag.key()}, nil
	})
}

// follow reads frames, some of which may be nil, until ctx ends or they do.
func follow(ctx context.Context, leave func() error, key func(), next func() (*av.Frame, error)) error {
	stop := context.AfterFunc(ctx, func() { _ = leave() })
	defer func() {
		if stop() {
			_ = leave()
		}
	}()
	for {
		f, err := next()
		if err != nil {
			return err
		}
		if f != nil && f.Key && f.Track.Kind == av.Video {
			key()
		}
	}
}

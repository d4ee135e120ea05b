package rtmp

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/fanout"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/remux/flv"
)

const soakStream = "live/soak"

// TestSoakPlayers lets players do everything that players do at once, while
// publishers leave and return in all the ways that there are: for two seconds,
// or for as long as WEIR_SOAK says ("60s"). Every player checks the order, time
// and codec header of every frame. It is meant to run with the race detector.
func TestSoakPlayers(t *testing.T) {
	length := 2 * time.Second
	if text := os.Getenv("WEIR_SOAK"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatalf("WEIR_SOAK: %v", err)
		}
	}
	limits, delivery := bus.DefaultLimits(), fanout.DefaultLimits()
	limits.Linger = time.Second
	// Slow players free a socket's buffer far more often than that.
	delivery.LagBytes, delivery.LagTime, delivery.StallTimeout = 1<<20, 5*time.Second, 3*time.Second
	s := &soak{testServer: startServerLimited(t, limits, delivery, nil), t: t, stop: make(chan struct{})}
	over := make(chan struct{})
	var publishing, playing sync.WaitGroup
	publishing.Go(func() { s.publishUntil(over) })
	for i, do := range []func(*soakPlayer, *rand.Rand){
		stay, stay, stay, comeAndGo, comeAndGo, comeAndGo, stall, readSlowly, pauseOften, pauseOften, switchSelection, switchSelection,
	} {
		playing.Go(func() { s.playAgain(do, uint64(i)) })
	}
	time.Sleep(length)
	eventually(t, "a thousand frames are verified", func() bool { return s.verified.Load() >= 1000 || t.Failed() })
	close(s.stop)
	playing.Wait()
	eventually(t, "only the publisher is left", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.conns) == 1 && s.host.Delivery.Viewers() == 0
	})
	close(over)
	publishing.Wait()
	ends := s.requireCounted(t)
	if length >= 30*time.Second && (ends[reason.Stalled] == 0 || s.gaps.Load() == 0) {
		t.Errorf("no player stalled or none fell behind: ends %v, %d gaps", ends, s.gaps.Load())
	}
	for name, f := range s.host.Delivery.Stats().Formats() {
		eventually(t, "the logs of "+name+" are gone", func() bool { return f.Logs.Load() == 0 && f.Held() == 0 })
	}
	t.Logf("%d publishers, %d frames verified by %d players, %d skips, ends %v", s.generation, s.verified.Load(), s.joins.Load(), s.gaps.Load(), ends)
}

// soak is a server with what its players saw.
type soak struct {
	*testServer
	t    *testing.T
	stop chan struct{} // closed when players are to leave

	generation      uint16 // of the newest publisher; its goroutine's
	joins, verified atomic.Uint64
	gaps, missed    atomic.Uint64 // of players that want everything
	offsets         sync.Map      // by generation: what the server adds to timestamps, uint32
}

// requireCounted fails the test if players missed frames that the server did
// not mean them to miss. It returns how often players ended for which reason.
func (s *soak) requireCounted(t *testing.T) (ends map[reason.Reason]uint64) {
	t.Helper()
	for _, g := range s.host.Sessions.Totals().Groups {
		if g.Action != session.Play {
			continue
		}
		var skips uint64
		for _, n := range g.Skips {
			skips += n
		}
		if s.gaps.Load() > skips || s.missed.Load() > g.FramesSkipped {
			t.Errorf("%d frames are missing in %d gaps, but %d in %d skips are counted", s.missed.Load(), s.gaps.Load(), g.FramesSkipped, skips)
		}
		ends = g.Closes
	}
	return ends
}

// soakFrame is what every frame says of itself.
type soakFrame struct {
	generation uint16 // of the publisher; grows
	number     uint32 // of that publisher's frame
	ofKind     uint32 // the same, counted for sound and pictures apart
	timestamp  uint32 // as it was sent
	config     uint8  // of sound, an index of soakConfigs
}

const soakFrameSize = 2 + 3*4 + 1

// soakVideoHeader is avcConfig.
var soakVideoHeader, _ = hex.DecodeString(avcConfig) // known to be good

// soakConfigs are AAC (LC, stereo) of 44.1 and of 48 kHz.
var soakConfigs = [][]byte{{0x12, 0x10}, {0x11, 0x90}}

func (f soakFrame) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, f.generation)
	for _, v := range []uint32{f.number, f.ofKind, f.timestamp} {
		dst = binary.BigEndian.AppendUint32(dst, v)
	}
	return append(dst, f.config)
}

// parseSoakFrame reads the frame in a tag that is no header.
func parseSoakFrame(tag flv.Tag) (f soakFrame, key bool, err error) {
	header := 2
	if tag.Type == flv.VideoTag {
		header = 5 + 4 + 1 // and the length and type of the NAL unit
	}
	if len(tag.Body) < header+soakFrameSize {
		return f, false, fmt.Errorf("a frame % x", tag.Body)
	}
	b := tag.Body[header:]
	f = soakFrame{
		generation: binary.BigEndian.Uint16(b), number: binary.BigEndian.Uint32(b[2:]), ofKind: binary.BigEndian.Uint32(b[6:]),
		timestamp: binary.BigEndian.Uint32(b[10:]), config: b[14],
	}
	return f, tag.Type == flv.VideoTag && tag.Body[0] == 0x17, nil
}

// soakSource is one publisher.
type soakSource struct {
	*PublishClient
	next   soakFrame
	ofKind [2]uint32 // sound, pictures
}

// publishUntil publishes about 200 frames a second, every third of sound, and
// now and then changes a codec header, leaves and returns, or takes itself over.
func (s *soak) publishUntil(over chan struct{}) {
	random := rand.New(rand.NewPCG(1, 2))
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	src, err := s.comeBack(random)
	for err == nil {
		select {
		case <-over:
			if err := src.Close(); err != nil {
				s.t.Error(err)
			}
			return
		case <-ticker.C:
		}
		if src.next.number%soakGOP == 0 && src.next.number > 0 {
			switch old := src; random.IntN(8) {
			case 0: // is gone
				reset(old.NetConn())
				_ = old.Wait() // as it should
				src, err = s.comeBack(random)
			case 1: // says good-bye
				err = old.Close()
				if err == nil {
					src, err = s.comeBack(random)
				}
			case 2: // takes over
				src, err = s.comeBack(random)
				_ = old.Close() // the server has ended it
			case 3:
				err = src.sendHeaders(1 - src.next.config)
			}
		}
		if err == nil {
			err = src.sendFrame(random)
		}
	}
	s.t.Errorf("publisher %d: %v", s.generation, err)
}

// soakGOP is the number of frames from one key frame to the next.
const soakGOP = 40

// comeBack publishes as another generation, with another clock.
func (s *soak) comeBack(random *rand.Rand) (*soakSource, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	p, err := Publish(ctx, s.url(soakStream), ClientOptions{})
	if err != nil {
		return nil, err
	}
	s.generation++
	src := &soakSource{PublishClient: p, next: soakFrame{generation: s.generation, timestamp: random.Uint32()}}
	return src, src.sendHeaders(uint8(random.IntN(len(soakConfigs))))
}

func (s *soakSource) sendHeaders(config uint8) error {
	s.next.config = config
	video := flv.Tag{Type: flv.VideoTag, Body: soakVideoHeader}
	audio := flv.Tag{Type: flv.AudioTag, Body: append([]byte{0xAF, 0}, soakConfigs[config]...)}
	return errors.Join(s.WriteTag(video.Type, s.next.timestamp, video.Body), s.WriteTag(audio.Type, s.next.timestamp, audio.Body))
}

func (s *soakSource) sendFrame(random *rand.Rand) error {
	f := s.next
	s.next.number++
	s.next.timestamp += 5
	if f.number%3 == 2 && f.number%soakGOP != 0 {
		f.ofKind = s.ofKind[0]
		s.ofKind[0]++
		return s.WriteTag(flv.AudioTag, f.timestamp, append(f.append([]byte{0xAF, 1}), make([]byte, random.IntN(200))...))
	}
	f.ofKind = s.ofKind[1]
	s.ofKind[1]++
	kind, nal := byte(0x27), byte(0x41)
	if f.number%soakGOP == 0 {
		kind, nal = 0x17, 0x65
	}
	slice := append(f.append([]byte{nal}), make([]byte, random.IntN(6000))...)
	body := binary.BigEndian.AppendUint32([]byte{kind, 1, 0, 0, 0}, uint32(len(slice)))
	return s.WriteTag(flv.VideoTag, f.timestamp, append(body, slice...))
}

package record

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/streamname"
	"github.com/weirmedia/weir/protocols/record/library"
	"github.com/weirmedia/weir/remux/flv"
	"github.com/weirmedia/weir/remux/mediafile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// disk is a store in memory that fails as it is told to.
type disk struct {
	mu     sync.Mutex
	files  []*diskFile
	space  int           // that is left
	slow   time.Duration // for each write
	create error
	check  error
	sync   error
	crash  bool // a write panics
	closed bool
	stuck  time.Duration // for Close
}

func newDisk() *disk { return &disk{space: 1 << 40} }

// set changes how the disk is.
func (d *disk) set(change func(*disk)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

// Create implements store.
func (d *disk) Create(s library.Segment) (file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.create != nil {
		return nil, d.create
	}
	s.ID, s.Writing = fmt.Sprint(len(d.files)), true
	f := &diskFile{disk: d, segment: s}
	d.files = append(d.files, f)
	return f, nil
}

// SetKeep implements store.
func (d *disk) SetKeep(func(string) library.Keep, int64) {}

// Close implements store.
func (d *disk) Close() error {
	d.mu.Lock()
	stuck := d.stuck
	d.mu.Unlock()
	time.Sleep(stuck)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	return nil
}

// all returns the files that were not discarded, in the order in which they were made.
func (d *disk) all() (out []*diskFile) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.files {
		if !f.discarded {
			out = append(out, f)
		}
	}
	return out
}

// diskFile is a file on a disk, guarded by its lock.
type diskFile struct {
	disk      *disk
	segment   library.Segment
	data      bytes.Buffer
	syncs     int
	failed    bool
	discarded bool
}

// Write implements file. A full disk takes a part.
func (f *diskFile) Write(b []byte) (int, error) {
	f.disk.mu.Lock()
	slow := f.disk.slow
	f.disk.mu.Unlock()
	time.Sleep(slow)
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.disk.crash {
		panic("crash")
	}
	n := min(len(b), f.disk.space)
	f.disk.space -= n
	f.data.Write(b[:n])
	f.segment.Bytes += int64(n)
	if n < len(b) {
		f.failed = true
		return n, errFull
	}
	return n, nil
}

// Sync implements file.
func (f *diskFile) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.syncs++
	return f.disk.sync
}

// Check implements file.
func (f *diskFile) Check() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return f.disk.check
}

// Segment implements file.
func (f *diskFile) Segment() library.Segment {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return f.segment
}

// Note implements file.
func (f *diskFile) Note(d time.Duration) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.segment.Duration = d
}

// End implements file.
func (f *diskFile) End(d time.Duration, why string) (library.Segment, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.segment.Duration, f.segment.Why, f.segment.Writing = d, why, false
	if errors.Is(f.disk.check, fs.ErrNotExist) {
		f.discarded = true
		return f.segment, f.disk.check
	}
	return f.segment, f.disk.sync
}

// Cut implements file.
func (f *diskFile) Cut() {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.failed = true
}

// Discard implements file.
func (f *diskFile) Discard() {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.discarded, f.segment.Writing = true, false
}

var (
	picture = h264Track("0164000affe100186764000aacd9447b011000000300100000030320f12259600100"+"0668ebe04d2c8bfdf8f8", 160, 90)
	larger  = h264Track("0164000dffe1001a6764000dacd941519e226c0440000003004000000f03c50a658001000668ebe3cb22c0fdf8f800", 320, 180)
	alaw    = &av.Track{ID: 1, Kind: av.Audio, Codec: av.G711A, SampleRate: 8000, Channels: 1}
	sound   = &av.Track{ID: 1, Kind: av.Audio, Codec: av.AAC, Config: []byte{0x12, 0x10}, SampleRate: 44100, Channels: 2}
)

func h264Track(config string, width, height int) *av.Track {
	c, err := hex.DecodeString(config)
	if err != nil {
		panic(err)
	}
	return &av.Track{ID: 0, Kind: av.Video, Codec: av.H264, Config: c, Width: width, Height: height}
}

var claim = bus.Claim{Owner: "me", Kill: func(reason.Reason) {}}

// rig runs a Service on a disk inside of a synctest bubble.
type rig struct {
	t       *testing.T
	disk    *disk
	host    *plugin.Host
	config  *Config
	service *Service
	log     *strings.Builder

	mu   sync.Mutex
	told []string // by the observer

	pub *bus.Publisher
	dts time.Duration // of the next frame
	gop time.Duration // a second if that is 0
}

func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	c := New().(*Config)
	c.Format = Format(mediafile.FLV)
	change(c)
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	log := &strings.Builder{}
	h := &plugin.Host{
		Log: slog.New(slog.NewTextHandler(log, nil)), Bus: bus.New(bus.DefaultLimits()),
		Sessions: session.NewRegistry(session.Options{}), Metrics: prometheus.NewRegistry(),
	}
	r := &rig{t: t, disk: newDisk(), host: h, config: c, log: log}
	r.service = newService(c, r.disk, h)
	r.service.Observe(Observer{
		Ended:  func(s library.Segment) { r.note("ended " + s.Why) },
		Failed: func(f Failure) { r.note("failed " + string(f.Reason)) },
		Recovered: func(f Failure) {
			text := "recovered " + string(f.Reason)
			if f.File == "" {
				text += ", which is over"
			}
			r.note(text)
		},
	})
	t.Cleanup(r.stop)
	return r
}

func (r *rig) note(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = append(r.told, text)
}

// events returns what the observer was told since this was asked last.
func (r *rig) events() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := strings.Join(r.told, ", ")
	r.told = nil
	return all
}

// stop ends everything, as a server that stops. Nothing may be left.
func (r *rig) stop() {
	r.service.Drain()
	if err := r.service.Close(context.Background()); err != nil {
		r.t.Error(err)
	}
	r.host.Bus.Close(reason.Shutdown)
	if n := len(r.host.Sessions.List()); n != 0 {
		r.t.Errorf("%d sessions are left", n)
	}
	if !r.disk.closed {
		r.t.Error("the library is open")
	}
	for _, f := range r.disk.all() {
		if f.segment.Writing {
			r.t.Errorf("%s was not ended", f.segment.File)
		}
	}
}

// rule returns one for the streams that a pattern matches.
func rule(t *testing.T, pattern string, mode Mode) Rule {
	t.Helper()
	return Rule{Scope: streamname.Scope{Streams: patterns(t, pattern)}, Mode: &mode}
}

// always records live/a.
func always(t *testing.T) func(*Config) {
	return func(c *Config) { c.Streams = []Rule{rule(t, "live/*", Always)} }
}

// publish makes live/a live, with these tracks.
func (r *rig) publish(tracks ...*av.Track) {
	r.t.Helper()
	var err error
	if r.pub, err = r.host.Bus.Publish("live/a", claim); err != nil {
		r.t.Fatal(err)
	}
	var kinds [av.Kinds]bool
	for _, t := range tracks {
		kinds[t.Kind] = true
	}
	err = r.pub.Hint(kinds)
	for _, t := range tracks {
		err = errors.Join(err, r.pub.SetTrack(t))
	}
	if err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
}

// run writes 10 frames a second of a track in real time, a key frame each GOP.
func (r *rig) run(d time.Duration, track *av.Track) {
	r.t.Helper()
	for end := r.dts + d; r.dts < end; r.dts += 100 * time.Millisecond {
		payload := make([]byte, 1000)
		copy(payload, "\x00\x00\x03\xe4\x65")
		f := &av.Frame{Track: track, DTS: int64(r.dts), PTS: int64(r.dts), Key: track.Kind == av.Video && r.dts%cmp.Or(r.gop, time.Second) == 0, Payload: payload, Arrival: av.Now()}
		if err := r.pub.Write(f); err != nil {
			r.t.Error(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	synctest.Wait()
}

// status returns that of live/a, zero if there is none.
func (r *rig) status() Status {
	r.t.Helper()
	for _, s := range r.service.Recorders() {
		if s.Stream == "live/a" {
			return s
		}
	}
	return Status{}
}

func (r *rig) requireState(want State) {
	r.t.Helper()
	if s := r.status(); s.State != want {
		r.t.Errorf("it is %+v, want %s", s, want)
	}
}

func (r *rig) requireEvents(want string) {
	r.t.Helper()
	if got := r.events(); got != want {
		r.t.Errorf("told of %q, want %q", got, want)
	}
}

// frames reads a file back: how many frames it has, and that it begins with a key
// frame.
func (f *diskFile) frames(t *testing.T) (n int) {
	t.Helper()
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	demuxer := new(flv.Demuxer)
	for r := flv.NewReader(bytes.NewReader(f.data.Bytes())); ; {
		tag, err := r.Next()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		packets, err := demuxer.Decode(tag.Type, tag.Timestamp, tag.Body)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range packets {
			if p.Kind != flv.FramePacket {
				continue
			}
			if n == 0 && p.Frame.Track.Kind == av.Video && !p.Frame.Key {
				t.Error("the first frame is no key frame")
			}
			n++
		}
	}
}

// requireFiles checks how many frames each file has, and why it ended.
func (r *rig) requireFiles(want ...string) {
	r.t.Helper()
	var got []string
	for _, f := range r.disk.all() {
		got = append(got, fmt.Sprintf("%d %s", f.frames(r.t), f.Segment().Why))
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		r.t.Errorf("the files have %q, want %q", got, want)
	}
}

var errFull = &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}

func duration(d time.Duration) *config.Duration { return new(config.Duration(d)) }

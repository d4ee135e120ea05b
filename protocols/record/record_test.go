package record

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/remux/mediafile"
)

// TestAlways: all of a stream is recorded, from its first frame to its last, in
// segments that begin with key frames.
func TestAlways(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { always(t)(c); c.SegmentDuration = config.Duration(2500 * time.Millisecond) })
		r.publish(picture)
		r.run(7*time.Second, picture)
		r.requireState(Recording)
		if s := r.status(); s.Segments != 2 || s.File != "live/a/2000-01-01/00-00-06.000.flv" || s.Bytes == 0 || s.Mode != Always || s.Session == "" {
			t.Errorf("%+v", s)
		}
		if list := r.host.Sessions.List(); len(list) != 1 || list[0].Action != session.Record || list[0].FramesOut != 70 || list[0].BytesOut == 0 {
			t.Errorf("%+v", list)
		}
		r.pub.Close()
		synctest.Wait()
		r.requireState(Waiting)
		r.publish(picture) // within the grace period
		r.run(time.Second, picture)
		r.requireState(Recording)
		r.pub.End(reason.Unpublished)
		synctest.Wait()
		r.requireState("")
		r.requireFiles("30 segment_duration", "30 segment_duration", "10 unpublished", "10 stream_ended")
		r.requireEvents("ended segment_duration, ended segment_duration, ended unpublished, ended stream_ended")
		if n := len(r.host.Sessions.List()); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
	})
}

// TestSegmentBytes: a segment ends when it is large enough.
func TestSegmentBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) {
			always(t)(c)
			c.SegmentBytes, c.Streams[0].Name = 1<<20, new(Template("{name}-{n}"))
		})
		r.publish(picture)
		r.run(120*time.Second, picture)
		r.pub.End(reason.Unpublished)
		synctest.Wait()
		r.requireFiles("1030 segment_bytes", "170 stream_ended")
		if name := r.disk.all()[1].segment.File; name != "live/a-2.flv" {
			t.Error(name)
		}
	})
}

// TestLayoutChange: another size of picture begins another file, with the frame that
// has it, and sound that comes late one with the next key frame.
func TestLayoutChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, always(t))
		r.publish(picture)
		r.run(2*time.Second, picture)
		if err := r.pub.SetTrack(larger); err != nil {
			t.Fatal(err)
		}
		r.run(1500*time.Millisecond, larger)
		if err := r.pub.SetTrack(sound); err != nil { // in the middle of a group of pictures
			t.Fatal(err)
		}
		r.run(1500*time.Millisecond, larger)
		r.pub.End(reason.Unpublished)
		synctest.Wait()
		r.requireFiles("20 layout_changed", "20 layout_changed", "10 stream_ended")
		if tracks := strings.Join(r.disk.all()[2].segment.Tracks, ", "); tracks != "H264 320x180, AAC 44100 Hz" {
			t.Error(tracks)
		}
		if s := r.status(); s.Dropped != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestStartAndStop: a stream with a rule is recorded when somebody says so, from some
// time before on, until somebody else says so.
func TestStartAndStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) {
			c.Streams = []Rule{rule(t, "live/*", Manual)}
			c.Before = config.Duration(3 * time.Second)
		})
		start := func(o StartOptions, want error) {
			t.Helper()
			if err := r.service.Start("live/a", o); !errors.Is(err, want) {
				t.Errorf("start: %v, want %v", err, want)
			}
			synctest.Wait()
		}
		stop := func(want error) {
			t.Helper()
			if err := r.service.Stop("live/a"); !errors.Is(err, want) {
				t.Errorf("stop: %v, want %v", err, want)
			}
			synctest.Wait()
		}
		stop(ErrNotRecording)
		start(StartOptions{}, nil) // nobody publishes yet
		r.requireState(Waiting)
		start(StartOptions{}, ErrRecording)
		stop(nil)
		r.requireState("")

		r.publish(picture)
		r.run(10*time.Second, picture)
		r.requireState("")
		start(StartOptions{}, nil)
		r.run(time.Second, picture)
		start(StartOptions{}, ErrRecording)
		stop(nil)
		r.requireState("")
		stop(ErrNotRecording)
		r.run(time.Second, picture)
		start(StartOptions{Before: duration(0), Format: mediafile.TS}, nil)
		r.run(time.Second, picture)
		r.pub.End(reason.Unpublished)
		synctest.Wait()
		r.requireState(Waiting)  // for the next publisher
		var ends []reason.Reason // newest first
		for _, e := range r.host.Sessions.Ended() {
			ends = append(ends, e.Reason)
		}
		if want := []reason.Reason{reason.StreamEnded, reason.Kicked}; !slices.Equal(ends, want) {
			t.Errorf("the sessions ended by %q, want %q", ends, want)
		}
		all := r.disk.all()
		if len(all) != 2 || all[0].frames(t) != 40 || all[0].segment.Why != "stopped" || all[0].segment.Start.Second() != 7 ||
			!strings.HasSuffix(all[1].segment.File, ".ts") || all[1].segment.Start.Second() != 11 {
			t.Errorf("%+v", all)
		}
		r.publish(picture)
		r.run(time.Second, picture)
		r.requireState(Recording)
	})
}

// TestBeforeInLongGOP: as much as was asked for is there however far key frames are apart.
func TestBeforeInLongGOP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) {
			c.Streams = []Rule{rule(t, "live/*", Manual)}
			c.Before = config.Duration(6 * time.Second)
		})
		r.gop = 5 * time.Second
		r.publish(picture)
		r.run(14*time.Second, picture)
		if err := r.service.Start("live/a", StartOptions{}); err != nil {
			t.Error(err)
		}
		r.run(time.Second, picture)
		r.pub.End(reason.Unpublished)
		synctest.Wait()
		r.requireFiles("100 stream_ended")
	})
}

// TestStartWithoutRule: what has no rule is recorded while it is there.
func TestStartWithoutRule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(*Config) {})
		if err := r.service.Start("live/a", StartOptions{}); !errors.Is(err, ErrUnknown) {
			t.Error(err)
		}
		r.publish(picture)
		if err := r.service.Start("live/a", StartOptions{SegmentDuration: duration(time.Second)}); err != nil {
			t.Error(err)
		}
		r.run(2*time.Second, picture)
		r.pub.End(reason.Unpublished)
		synctest.Wait()
		r.requireState("")
		r.publish(picture)
		r.run(time.Second, picture)
		r.requireState("")
		r.requireFiles("10 segment_duration", "10 stream_ended")
		for _, o := range []StartOptions{{Format: "avi"}, {SegmentDuration: duration(time.Millisecond)}} {
			if err := r.service.Start("live/a", o); err == nil || errors.Is(err, ErrRecording) {
				t.Errorf("%+v: %v", o, err)
			}
		}
	})
}

// TestKick: what was kicked or stopped against its rule begins again when somebody
// says so, or with another stream of the name.
func TestKick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, always(t))
		r.publish(picture)
		r.run(time.Second, picture)
		if !r.host.Sessions.Kill(r.status().Session, reason.Kicked) {
			t.Error("there is no session")
		}
		synctest.Wait()
		r.requireState(Stopped)
		r.run(time.Second, picture)
		if err := r.service.Stop("live/a"); !errors.Is(err, ErrNotRecording) {
			t.Error(err)
		}
		if err := r.service.Start("live/a", StartOptions{}); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		r.run(time.Second, picture)
		if err := r.service.Stop("live/a"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		r.requireState(Stopped)
		r.pub.Close()
		r.publish(picture) // the same stream goes on
		r.run(time.Second, picture)
		r.requireState(Stopped)
		r.pub.End(reason.Unpublished)
		r.publish(picture)
		r.run(time.Second, picture)
		r.requireState(Recording)
		r.requireEvents("ended kicked, ended stopped")
		// The second begins with the newest key frame, and the last waits for its first second.
		r.requireFiles("10 kicked", "20 stopped", "0 ")
	})
}

// TestOnce: a wish of a hook ends with the stream.
func TestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.Streams = []Rule{rule(t, "live/*", Manual)} })
		if err := r.service.Start("live/a", StartOptions{Once: true}); !errors.Is(err, ErrUnknown) {
			t.Error(err)
		}
		r.publish(picture)
		if err := r.service.Start("live/a", StartOptions{Once: true}); err != nil {
			t.Error(err)
		}
		r.run(time.Second, picture)
		r.pub.End(reason.Unpublished)
		r.publish(picture) // at once
		r.run(time.Second, picture)
		r.requireState("")
		r.requireFiles("10 stream_ended")
	})
}

// TestReconfigure: rules that come and go count for streams that are there, other
// settings for the next file.
func TestReconfigure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(*Config) {})
		change := func(f func(*Config)) {
			c := *r.config
			f(&c)
			if err := c.Validate(); err != nil {
				t.Fatal(err)
			}
			r.config = &c
			r.service.Reconfigure(&c)
			synctest.Wait()
		}
		r.publish(picture)
		r.run(time.Second, picture)
		r.requireState("")
		change(always(t))
		r.run(time.Second, picture)
		r.requireState(Recording)
		change(func(c *Config) { c.Name = "other/{name}/{unix}" })
		r.run(time.Second, picture)
		change(func(c *Config) { c.Format = Format(mediafile.TS) })
		r.run(time.Second, picture)
		change(func(c *Config) { c.Streams = nil })
		r.requireState("")
		r.requireEvents("ended reconfigured, ended reconfigured")
		if all := r.disk.all(); len(all) != 2 || !strings.HasPrefix(all[0].segment.File, "live/a/") || !strings.HasPrefix(all[1].segment.File, "other/live/a/") {
			t.Errorf("%+v", all)
		}
	})
}

// TestMaxRecorders: who finds no room gets the next that is free.
func TestMaxRecorders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.Streams = []Rule{rule(t, "**", Always)}; c.MaxRecorders = 1 })
		first, err := r.host.Bus.Publish("first", claim)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		r.publish(picture)
		r.run(time.Second, picture)
		r.requireState(Failed)
		if err := r.service.Start("live/a", StartOptions{}); reason.Of(err, "") != reason.LimitReached {
			t.Error(err)
		}
		first.End(reason.Unpublished)
		r.run(time.Second, picture)
		r.requireState(Recording)
		if err := r.service.Stop("live/a"); err != nil {
			t.Error(err)
		}
		if err := r.service.Start("live/a", StartOptions{}); err != nil { // in its own place
			t.Error(err)
		}
	})
}

// TestDiskFull: the file has what the disk took, the stream goes on, and so does the
// recording once there is room, with a key frame.
func TestDiskFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, always(t))
		r.disk.space = 25_000
		r.publish(picture)
		r.run(10*time.Second, picture)
		r.requireState(Failed)
		s := r.status()
		if s.Error != errFull.Error() || s.FailedAt.IsZero() || s.Next.IsZero() || s.File != "" {
			t.Errorf("%+v", s)
		}
		since := s.FailedAt
		r.run(20*time.Second, picture)
		if s := r.status(); s.FailedAt != since || !s.Next.After(time.Now()) {
			t.Errorf("since %v: %+v", since, s)
		}
		r.requireEvents("ended disk_full, failed disk_full")
		r.disk.set(func(d *disk) { d.space = 1 << 40 })
		r.run(40*time.Second, picture)
		r.requireState(Recording)
		r.requireEvents("recovered disk_full")
		if s := r.status(); s.Error != "" || s.Dropped == 0 || !s.Next.IsZero() {
			t.Errorf("%+v", s)
		}
		r.pub.End(reason.Unpublished)
		synctest.Wait()
		all := r.disk.all()
		if len(all) != 2 || all[0].frames(t)+all[1].frames(t)+int(s.Dropped) > 700 || all[1].frames(t) < 100 {
			t.Errorf("%d files: %d and %d frames", len(all), all[0].frames(t), all[1].frames(t))
		}
		if n := strings.Count(r.log.String(), "recording failed"); n != 1 {
			t.Errorf("%d lines in the log", n)
		}
	})
}

// TestDiskErrors: whatever fails, the recording goes on by itself when it does not any
// more, and nobody is told twice.
func TestDiskErrors(t *testing.T) {
	readOnly := &fs.PathError{Op: "open", Path: "x", Err: syscall.EROFS}
	gone := &fs.PathError{Op: "check", Path: "x", Err: fs.ErrNotExist}
	for _, test := range []struct {
		name  string
		begin func(*disk)
		end   func(*disk)
		want  string
	}{
		{"nothing can be created", func(d *disk) { d.create = readOnly }, func(d *disk) { d.create = nil }, "failed disk_error"},
		{"the folder was removed", func(d *disk) { d.check = gone }, func(d *disk) { d.check = nil }, "failed disk_error"},
		{"nothing can be synced", func(d *disk) { d.sync = syscall.EIO }, func(d *disk) { d.sync = nil }, "ended disk_error, failed disk_error"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, always(t))
				r.disk.set(test.begin)
				r.publish(picture)
				r.run(8*time.Second, picture)
				if got := r.events(); !strings.HasPrefix(got, test.want) || strings.Count(got, "failed") != 1 {
					t.Errorf("told of %q, want %q", got, test.want)
				}
				r.disk.set(test.end)
				r.run(45*time.Second, picture)
				r.requireState(Recording)
				if got := r.events(); !strings.HasSuffix(got, "recovered disk_error") {
					t.Errorf("told of %q", got)
				}
				if s := r.status(); s.Error != "" {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// TestSlowDisk: what the disk does not take in time is left out up to a key frame; the
// file goes on.
func TestSlowDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { always(t)(c); c.MaxLag = config.Duration(2 * time.Second) })
		r.publish(picture)
		r.run(3*time.Second, picture)
		r.disk.set(func(d *disk) { d.slow = 5 * time.Second })
		r.run(20*time.Second, picture)
		if s := r.status(); s.State != Recording || s.Dropped == 0 || s.Error == "" {
			t.Errorf("%+v", s)
		}
		r.requireEvents("failed disk_slow")
		r.disk.set(func(d *disk) { d.slow = 0 })
		r.run(calm+10*time.Second, picture)
		r.requireEvents("recovered disk_slow")
		s := r.status()
		if s.Error != "" || s.State != Recording {
			t.Errorf("%+v", s)
		}
		r.pub.End(reason.Unpublished)
		synctest.Wait()
		all := r.disk.all()
		if n := all[0].frames(t); len(all) != 1 || n+int(s.Dropped) != int(r.dts/(100*time.Millisecond)) {
			t.Errorf("%d files, %d frames and %d dropped of %v", len(all), n, s.Dropped, r.dts)
		}
	})
}

// TestDiskThatHesitates: what comes while a disk is at work waits in memory, which holds
// less once it was written.
func TestDiskThatHesitates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, always(t))
		held := func() uint64 { return r.host.Bus.Stream("live/a").Info().RingFrames }
		r.publish(picture)
		r.run(20*time.Second, picture)
		if n := held(); n > 31 {
			t.Errorf("%d frames are held for a recorder that keeps up", n)
		}
		r.disk.set(func(d *disk) { d.slow = 8 * time.Second })
		r.run(time.Second, picture)
		r.disk.set(func(d *disk) { d.slow = 0 })
		r.run(5*time.Second, picture)
		if n := held(); n < 60 {
			t.Errorf("%d frames are held while the disk hesitates", n)
		}
		r.run(10*time.Second, picture)
		if n := held(); n > 31 {
			t.Errorf("%d frames are held afterwards", n)
		}
		r.requireEvents("")
		r.pub.End(reason.Unpublished)
		synctest.Wait()
		r.requireFiles("360 stream_ended")
	})
}

// TestStopWhileTheDiskHangs: whoever stops does not wait for a disk.
func TestStopWhileTheDiskHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { always(t)(c); c.MaxLag = config.Duration(2 * time.Second) })
		r.publish(picture)
		r.disk.set(func(d *disk) { d.slow = time.Hour })
		r.run(5*time.Second, picture)
		r.requireEvents("failed disk_slow")
		before := time.Now()
		if err := r.service.Stop("live/a"); err != nil || time.Since(before) != 0 {
			t.Error(err, time.Since(before))
		}
		r.disk.set(func(d *disk) { d.slow = 0 })
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		r.requireState(Stopped)
	})
}

// TestStopAndStart: whoever stops has stopped, even if the file is not complete yet;
// who starts then gets another.
func TestStopAndStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, always(t))
		r.publish(picture)
		r.run(2*time.Second, picture)
		r.disk.set(func(d *disk) { d.slow = 500 * time.Millisecond })
		if err := r.service.Stop("live/a"); err != nil {
			t.Error(err)
		}
		if err := r.service.Stop("live/a"); !errors.Is(err, ErrNotRecording) {
			t.Errorf("stopped twice: %v", err)
		}
		if err := r.service.Start("live/a", StartOptions{Before: duration(0)}); err != nil {
			t.Errorf("started at once: %v", err)
		}
		if err := r.service.Start("live/a", StartOptions{}); !errors.Is(err, ErrRecording) {
			t.Errorf("started twice: %v", err)
		}
		synctest.Wait()
		if n := len(r.disk.all()); n != 1 {
			t.Errorf("%d files while the first is completed", n)
		}
		r.disk.set(func(d *disk) { d.slow = 0 })
		r.run(3*time.Second, picture)
		r.requireState(Recording)
		r.pub.End(reason.Unpublished)
		synctest.Wait()
		r.requireFiles("20 stopped", "30 stream_ended")
	})
}

// TestSync: the disk keeps what was written in time.
func TestSync(t *testing.T) {
	for _, test := range []struct {
		every config.Duration
		want  int
	}{{config.Duration(2 * time.Second), 4}, {0, 0}} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, func(c *Config) { always(t)(c); c.Sync = test.every })
			r.publish(picture)
			r.run(9*time.Second, picture)
			if n := r.disk.all()[0].syncs; n != test.want {
				t.Errorf("every %v: %d times in 9 s, want %d", test.every, n, test.want)
			}
		})
	}
}

// TestPanic: a panic costs a segment.
func TestPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, always(t))
		r.publish(picture)
		r.run(3*time.Second, picture)
		r.disk.set(func(d *disk) { d.crash = true })
		r.run(time.Second, picture)
		r.disk.set(func(d *disk) { d.crash = false })
		r.run(8*time.Second, picture)
		r.requireState(Recording)
		r.requireEvents("ended internal_error, failed internal_error, recovered internal_error")
		if all := r.disk.all(); len(all) != 2 || !all[0].failed || all[1].failed {
			t.Error("the library does not know that the file is not whole")
		}
	})
}

// TestUnsupported: a format that carries none of the tracks fails until there is one.
func TestUnsupported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { always(t)(c); c.Format = Format(mediafile.TS) })
		r.publish(alaw)
		r.run(3*time.Second, alaw)
		r.requireState(Failed)
		r.requireEvents("failed unsupported")
		if n := len(r.disk.all()); n != 0 {
			t.Errorf("%d files", n)
		}
	})
}

// TestCloseWhileTheDiskHangs: the server ends although a disk does not answer.
func TestCloseWhileTheDiskHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, always(t))
		r.disk.set(func(d *disk) { d.stuck = time.Hour })
		r.service.Drain()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := r.service.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		r.disk.set(func(d *disk) { d.stuck = 0 })
		time.Sleep(2 * time.Hour)
		synctest.Wait()
	})
}

// TestStatusBetweenStreams: what waits for a publisher has nothing left of the one before.
func TestStatusBetweenStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.Streams = []Rule{rule(t, "live/*", Manual)} })
		if err := r.service.Start("live/a", StartOptions{}); err != nil {
			t.Fatal(err)
		}
		r.publish(picture)
		r.run(2*time.Second, picture)
		r.requireState(Recording)
		r.pub.End(reason.Unpublished)
		synctest.Wait()
		if s := r.status(); s.State != Waiting || s.Session != "" || s.Segments != 0 || time.Since(s.Since) != 0 {
			t.Errorf("%+v", s)
		}
	})
}

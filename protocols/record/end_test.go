package record

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/remux/mediafile"
)

// TestStopAtOnce: what came before is recorded even if the recorder did not get around
// to it yet.
func TestStopAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) {
			c.Streams = []Rule{rule(t, "live/*", Manual)}
			c.Before = config.Duration(3 * time.Second)
		})
		r.publish(picture)
		r.run(10*time.Second, picture)
		if err := r.service.Start("live/a", StartOptions{}); err != nil {
			t.Error(err)
		}
		if err := r.service.Stop("live/a"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		r.run(time.Second, picture)
		r.requireState("")
		r.requireEvents("ended stopped")
		r.requireFiles("30 stopped")
	})
}

// TestStopWhileTheDiskIsSlow: what waits in memory when somebody stops is recorded, and
// nothing that comes later.
func TestStopWhileTheDiskIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, always(t))
		r.publish(picture)
		r.run(2*time.Second, picture)
		r.disk.set(func(d *disk) { d.slow = 4 * time.Second })
		r.run(3*time.Second, picture)
		if err := r.service.Stop("live/a"); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Millisecond)
		r.disk.set(func(d *disk) { d.slow = 0 })
		r.run(3*time.Second, picture)
		r.requireState(Stopped)
		r.requireFiles("50 stopped")
	})
}

// TestStartWhileItEnds: a rule that goes does not stand in the way of who says start.
func TestStartWhileItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, always(t))
		r.publish(picture)
		r.run(2*time.Second, picture)
		c := *r.config
		c.Streams = nil
		r.service.Reconfigure(&c)
		if err := r.service.Start("live/a", StartOptions{}); err != nil {
			t.Error(err)
		}
		r.run(time.Second, picture)
		r.requireState(Recording)
	})
}

// TestNothingOfTheStreamBefore: what waits for a publisher holds no frames.
func TestNothingOfTheStreamBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.Streams = []Rule{rule(t, "live/*", Manual)} })
		if err := r.service.Start("live/a", StartOptions{}); err != nil {
			t.Fatal(err)
		}
		r.publish(picture)
		r.run(time.Second, picture)
		r.pub.End(reason.Unpublished)
		synctest.Wait()
		r.requireState(Waiting)
		r.service.mu.Lock()
		defer r.service.mu.Unlock()
		if task := r.service.tasks["live/a"]; task.of != nil || task.recording != nil {
			t.Errorf("%v, %v", task.of, task.recording)
		}
	})
}

// TestEndWhileItFails: who was told that a recording fails is told when there is nothing
// more to record, too.
func TestEndWhileItFails(t *testing.T) {
	for name, end := range map[string]func(*rig){
		"the stream ends": func(r *rig) {
			r.pub.End(reason.Unpublished)
			time.Sleep(2 * maxDelay)
		},
		"somebody stops it": func(r *rig) {
			if err := r.service.Stop("live/a"); err != nil {
				t.Error(err)
			}
		},
		"the server stops": func(r *rig) { r.service.Drain() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, always(t))
				r.disk.space = 25_000
				r.publish(picture)
				r.run(10*time.Second, picture)
				r.requireEvents("ended disk_full, failed disk_full")
				end(r)
				synctest.Wait()
				r.requireEvents("recovered disk_full, which is over")
			})
		})
	}
}

// TestEndAfterSlowDisk: a stream that ends before the disk counts as well again is no
// failure for ever.
func TestEndAfterSlowDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { always(t)(c); c.MaxLag = config.Duration(2 * time.Second) })
		r.publish(picture)
		r.run(3*time.Second, picture)
		r.disk.set(func(d *disk) { d.slow = 5 * time.Second })
		r.run(20*time.Second, picture)
		r.disk.set(func(d *disk) { d.slow = 0 })
		r.run(calm/2, picture)
		r.requireEvents("failed disk_slow")
		r.pub.End(reason.Unpublished)
		time.Sleep(maxDelay)
		synctest.Wait()
		r.requireEvents("ended stream_ended, recovered disk_slow, which is over")
	})
}

// TestPanicAtTheBeginning: a file that could not be begun is no more.
func TestPanicAtTheBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, always(t))
		r.disk.set(func(d *disk) { d.crash = true })
		r.publish(picture)
		r.run(5*time.Second, picture)
		r.requireEvents("failed internal_error")
		if all := r.disk.all(); len(all) != 0 {
			t.Errorf("%d files", len(all))
		}
		r.disk.set(func(d *disk) { d.crash = false })
		r.run(15*time.Second, picture)
		r.requireState(Recording)
	})
}

// TestLongFLV: a file ends before its timestamps, which are signed (E.4.1), turn negative.
func TestLongFLV(t *testing.T) {
	for _, format := range mediafile.Formats() {
		s := &segment{format: format, layout: new(av.Layout), fits: true}
		o := &order{format: format}
		for days, want := range map[int64]bool{24: false, 25: format == mediafile.FLV} {
			item := bus.Item{Frame: &av.Frame{DTS: days * int64(24*time.Hour)}, Layout: s.layout, Start: true}
			if why := s.over(item, o); (why != "") != want {
				t.Errorf("%s ends after %d days: %q", format, days, why)
			}
		}
	}
}

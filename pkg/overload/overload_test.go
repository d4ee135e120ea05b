package overload

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/weirmedia/weir/pkg/reason"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// meter is what the guard reads.
type meter struct {
	mu  sync.Mutex
	now Reading
}

func (m *meter) read() Reading {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now.At = time.Now()
	return m.now
}

func (m *meter) set(change func(*Reading)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.now)
}

// look lets the guard look once.
func look() {
	time.Sleep(every)
	synctest.Wait()
}

// Memory comes and goes: who is refused follows with a distance.
func TestLevels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m meter
		var log bytes.Buffer
		g := Start(Options{Limits: Limits{Memory: 1000}, Read: m.read, Log: slog.New(slog.NewTextHandler(&log, nil))})
		defer g.Close()
		for _, step := range []struct {
			used float64
			want Level
		}{
			{899, Calm}, {900, Viewers}, {860, Viewers}, {849, Calm}, {899, Calm},
			{1000, Publishers}, {951, Publishers}, {949, Viewers}, {999, Viewers}, {5000, Publishers}, {0, Calm},
		} {
			m.set(func(r *Reading) { r.Memory = step.used })
			look()
			for _, who := range []Level{Viewers, Publishers} {
				err := g.Admit(who)
				if refused := err != nil; refused != (step.want >= who) {
					t.Errorf("with %v in use %v are refused: %v", step.used, who, err)
				}
				if err != nil && (reason.Of(err, "") != reason.Overloaded || !strings.Contains(err.Error(), "of its memory is in use")) {
					t.Errorf("with %v in use: %v", step.used, err)
				}
			}
		}
		var told []string
		for line := range strings.Lines(log.String()) {
			_, what, _ := strings.Cut(line, "msg=overload resource=memory refused=")
			who, _, _ := strings.Cut(what, " ")
			told = append(told, who)
		}
		if want := []string{"viewers", "nobody", "publishers", "viewers", "publishers", "nobody"}; !slices.Equal(told, want) {
			t.Errorf("told of %q, want %q:\n%s", told, want, &log)
		}
	})
}

// Loop share and bandwidth are averages: a second of them is no overload.
func TestAverages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := meter{now: Reading{Work: []time.Duration{time.Hour, 0}}}
		g := Start(Options{Limits: Limits{LoopShare: .9, Bandwidth: 8e6}, Read: m.read})
		defer g.Close()
		for range over {
			look()
		}
		work := func(d time.Duration, bytes uint64) {
			m.set(func(r *Reading) { r.Work, r.Sent = []time.Duration{time.Hour, r.Work[1] + d}, r.Sent+bytes })
			look()
		}
		work(time.Second, 2e6)
		if err := g.Admit(Viewers); err != nil {
			t.Errorf("after one busy second: %v", err)
		}
		for range over {
			work(time.Second, 0)
		}
		if err := g.Admit(Publishers); err == nil || !strings.Contains(err.Error(), "time for delivery") {
			t.Errorf("after many busy seconds: %v", err)
		}
		for range over {
			work(0, 1e6)
		}
		if err := g.Admit(Publishers); err == nil || !strings.Contains(err.Error(), "bandwidth") {
			t.Errorf("at the bandwidth that there is: %v", err)
		}
		for range over {
			work(0, 0)
		}
		if err := g.Admit(Viewers); err != nil {
			t.Errorf("when all is calm: %v", err)
		}
	})
}

// Limits change while it runs, and without one there is none.
func TestSetLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := meter{now: Reading{Descriptors: 1e6, Memory: 1e12}}
		g := Start(Options{Read: m.read})
		defer g.Close()
		look()
		if err := g.Admit(Viewers); err != nil {
			t.Errorf("without a limit: %v", err)
		}
		g.SetLimits(Limits{Descriptors: 1e6})
		look()
		if err := g.Admit(Publishers); err == nil {
			t.Error("with all descriptors in use, publishers are let in")
		}
	})
}

func TestSystem(t *testing.T) {
	if n := SystemDescriptors(); n < 64 || n > 1<<40 {
		t.Errorf("%d descriptors", n)
	}
	if n := SystemMemory(); n < 64<<20 || n > 1<<50 {
		t.Errorf("%d bytes", n)
	}
}

package overload

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
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

// The least of all groups around the process counts, beyond which it is ended or slowed
// down.
func TestControlGroups(t *testing.T) {
	const gib = "1073741824\n"
	for _, tt := range []struct {
		name   string
		groups string
		files  map[string]string
		want   int64
	}{
		{"none", "0::/\n", nil, 8 << 30},
		{"no limit", "0::/a\n", map[string]string{"a/memory.max": "max\n", "a/memory.high": "max\n"}, 8 << 30},
		{"more than there is", "0::/a\n", map[string]string{"a/memory.max": "9000000000000\n"}, 8 << 30},
		{"max", "0::/a/b\n", map[string]string{"a/b/memory.max": gib, "a/b/memory.high": "max\n"}, 1 << 30},
		{"high below max", "0::/a/b\n", map[string]string{"a/b/memory.max": gib, "a/b/memory.high": "1000\n"}, 1000},
		{"high above max", "0::/a/b\n", map[string]string{"a/b/memory.max": "1000\n", "a/b/memory.high": gib}, 1000},
		{"high of a parent", "0::/a/b\n", map[string]string{"a/b/memory.max": gib, "a/memory.high": "1000\n"}, 1000},
		{"max of a parent", "0::/a/b/c\n", map[string]string{"a/b/c/memory.high": gib, "a/memory.max": "1000\n"}, 1000},
		{"a container's own", "0::/\n", map[string]string{"memory.max": gib, "memory.high": "1000\n"}, 1000},
		{"a group elsewhere", "0::/../b\n", map[string]string{"memory.high": "1000\n"}, 1000},
		{"version 1", "4:cpu:/x\n3:memory,cpu:/a/b\n0::/\n", map[string]string{"memory/a/memory.limit_in_bytes": "1000\n", "memory/x/memory.limit_in_bytes": "1\n"}, 1000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			system := fstest.MapFS{"proc/self/cgroup": {Data: []byte(tt.groups)}, "proc/meminfo": {Data: []byte("MemFree: 1 kB\nMemTotal: 8388608 kB\n")}}
			for name, text := range tt.files {
				system["sys/fs/cgroup/"+name] = &fstest.MapFile{Data: []byte(text)}
			}
			if got, _ := memoryOf(system); got != tt.want {
				t.Errorf("%d bytes, want %d", got, tt.want)
			}
		})
	}
	if limit, used := memoryOf(fstest.MapFS{}); limit != 0 || used != 0 {
		t.Errorf("without files: %d of %d bytes", used, limit)
	}
}

// What counts is what the group takes whose limit is the least, sockets' buffers and
// other processes included, but not what the kernel takes back when it needs room.
func TestControlGroupUsage(t *testing.T) {
	const (
		v2 = "anon 300\nfile 650\nsock 100\nshmem 50\ninactive_anon 350\nactive_file 200\ninactive_file 400\nslab_reclaimable 30\nslab_unreclaimable 20\n"
		v1 = "active_file 1\ninactive_file 2\nhierarchical_memory_limit 2000\ntotal_active_file 200\ntotal_inactive_file 400\n"
	)
	for _, tt := range []struct {
		name   string
		groups string
		files  map[string]string
		want   int64
	}{
		{"no limit", "0::/a\n", map[string]string{"a/memory.max": "max\n", "a/memory.current": "1100\n", "a/memory.stat": v2}, 0},
		{"the machine's", "0::/a\n", map[string]string{"a/memory.max": "9000000000000\n", "a/memory.current": "1100\n", "a/memory.stat": v2}, 0},
		{"max", "0::/a\n", map[string]string{"a/memory.max": "2000\n", "a/memory.current": "1100\n", "a/memory.stat": v2}, 470},
		{"high", "0::/a\n", map[string]string{"a/memory.max": "max\n", "a/memory.high": "2000\n", "a/memory.current": "1100\n", "a/memory.stat": v2}, 470},
		{"of a parent", "0::/a/b\n", map[string]string{
			"a/b/memory.max": "3000\n", "a/b/memory.current": "700\n", "a/b/memory.stat": "",
			"a/memory.max": "2000\n", "a/memory.current": "1100\n", "a/memory.stat": v2,
		}, 470},
		{"a container's own", "0::/\n", map[string]string{"memory.max": "2000\n", "memory.current": "1100\n", "memory.stat": v2}, 470},
		{"version 1", "3:memory,cpu:/a\n", map[string]string{"memory/a/memory.limit_in_bytes": "2000\n", "memory/a/memory.usage_in_bytes": "1000\n", "memory/a/memory.stat": v1}, 400},
		{"cache has grown meanwhile", "0::/a\n", map[string]string{"a/memory.max": "2000\n", "a/memory.current": "600\n", "a/memory.stat": v2}, 0},
		{"nothing told", "0::/a\n", map[string]string{"a/memory.max": "2000\n", "a/memory.current": "1100\n"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			system := fstest.MapFS{"proc/self/cgroup": {Data: []byte(tt.groups)}, "proc/meminfo": {Data: []byte("MemTotal: 8388608 kB\n")}}
			for name, text := range tt.files {
				system["sys/fs/cgroup/"+name] = &fstest.MapFile{Data: []byte(text)}
			}
			if _, got := memoryOf(system); got != tt.want {
				t.Errorf("%d bytes, want %d", got, tt.want)
			}
		})
	}
}

func TestSystem(t *testing.T) {
	if n := SystemDescriptors(); n < 64 || n > 1<<40 {
		t.Errorf("%d descriptors", n)
	}
	if limit, used := SystemMemory(); limit < 64<<20 || limit > 1<<50 || used < 0 {
		t.Errorf("%d of %d bytes", used, limit)
	}
}

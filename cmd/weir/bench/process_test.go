package bench

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

// statFields are those after the name, with 5 s of user and 2.5 s of system time
// and 1234 pages.
const statFields = "S 1 2 2 0 -1 4194560 1 2 3 4 500 250 0 0 20 0 9 0 100 1000000 1234 18446744073709551615 1"

func TestParseStat(t *testing.T) {
	for _, test := range []struct {
		name, stat string
		fails      string
	}{
		{"plain", "42 (weir) " + statFields, ""},
		{"a name with spaces and brackets", "42 (a) b ( 1 2) " + statFields, ""},
		{"empty", "", "no name"},
		{"cut", "42 (weir) S 1 2 3", "4 fields"},
		{"no number", "42 (weir) " + strings.Replace(statFields, "250", "x", 1), "field 15"},
		{"no number of pages", "42 (weir) " + strings.Replace(statFields, "1234", "x", 1), "field 24"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cpu, pages, err := parseStat(test.stat)
			if test.fails != "" {
				if err == nil || !strings.Contains(err.Error(), test.fails) {
					t.Errorf("error %v, want one that says %q", err, test.fails)
				}
				return
			}
			if err != nil || cpu != 7500*time.Millisecond || pages != 1234 {
				t.Errorf("%v, %d pages, %v", cpu, pages, err)
			}
		})
	}
}

func TestProcessUsage(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		if _, err := openProcess(os.Getpid()); err == nil {
			t.Error("a process without /proc")
		}
		return
	}
	p, err := openProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if _, memory, err := p.usage(); err != nil || memory < 1<<20 {
		t.Errorf("%d bytes, %v", memory, err)
	}
}

func TestLoad(t *testing.T) {
	begin := time.Unix(1000, 0)
	type point struct {
		at, cpu time.Duration
		memory  int64
	}
	var now point
	l := load{usage: func() (time.Duration, int64, error) { return now.cpu, now.memory, nil }}
	take := func(p point) float64 { now = p; return l.sample(begin.Add(p.at)) }
	take(point{0, time.Second, 900})
	take(point{time.Second, 3 * time.Second, 900}) // before start: forgotten
	l.start(begin.Add(time.Second))
	const s = time.Second
	if share := take(point{2 * s, 3*s + s/2, 100}); share != 0.5 {
		t.Errorf("share %v, want 0.5", share)
	}
	take(point{2*s + s/100, 3*s + s/2 + s/10, 300}) // too soon for a peak
	take(point{3 * s, 4 * s, 200})
	if l.mean() != 0.5 || l.peak != 0.5 || l.maxMemory != 300 {
		t.Errorf("mean %v, peak %v, memory %d", l.mean(), l.peak, l.maxMemory)
	}
	l.usage = func() (time.Duration, int64, error) { return 0, 0, errors.New("gone") }
	take(point{4 * s, 0, 0})
	if l.err == nil || l.mean() != 0.5 {
		t.Errorf("after the process is gone: %v, mean %v", l.err, l.mean())
	}
}

package main

import (
	"bytes"
	"io"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestChoose(t *testing.T) {
	for _, test := range []struct {
		patterns string
		want     int // scenarios; 0 for an error
	}{
		{"*", len(scenarios)}, {"players-1000", 1}, {"players-1000,join-storm", 2}, {"players-*", 4},
		{"players-1000,players-1000", 1}, {"player", 0}, {"[", 0},
	} {
		chosen, err := choose(test.patterns)
		if len(chosen) != test.want || (err != nil) != (test.want == 0) {
			t.Errorf("%q: %d scenarios, %v", test.patterns, len(chosen), err)
		}
	}
	names := map[string]bool{}
	for _, s := range scenarios {
		if names[s.name] {
			t.Errorf("%s is there twice", s.name)
		}
		names[s.name] = true
	}
}

func TestArguments(t *testing.T) {
	for _, args := range []string{"extra", "-window 10ms", "-run nothing", "-unknown"} {
		if err := run(t.Context(), strings.Fields(args), io.Discard, io.Discard); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-list"}, &out, io.Discard); err != nil || strings.Count(out.String(), "\n") != len(scenarios) {
		t.Errorf("%v:\n%s", err, out.String())
	}
}

func TestQuantity(t *testing.T) {
	for _, test := range []struct {
		value float64
		unit  string
		want  string
	}{
		{0, "", "0"}, {12, "%", "12 %"}, {9.876, "%", "9.88 %"}, {45.67, "MB", "45.7 MB"}, {1234.5, "ms", "1234 ms"},
		{0.1234, "ms", "0.12 ms"}, {-1.5, "", "-1.50"}, {1.3, "×", "1.30 ×"},
	} {
		if got := quantity(test.value, test.unit); got != test.want {
			t.Errorf("%v: %q, want %q", test.value, got, test.want)
		}
	}
}

func TestRows(t *testing.T) {
	rows := []row{
		atMost("within", 10, "%", 12), atMost("at", 12, "%", 12), atMost("above", 13, "%", 12).with([]string{"steal 9 %"}),
		told("told", 1e9, "ms"), none("lost", 0), none("lost", 1), against("ratio", 15, 10, "floor", "%", 1.3),
		atMost("nothing was there", math.NaN(), "ms", 1), missing("floor", "needs LOADGEN"),
	}
	if n := count(rows); n != 4 {
		t.Errorf("%d are over their bounds", n)
	}
	var out bytes.Buffer
	report(&out, "a machine", rows, true)
	for _, want := range []string{
		"Machine: a machine.\n",
		"|  | above | 13 % |  | ≤ 12 % | OVER | steal 9 % |\n",
		"|  | at | 12 % |  | ≤ 12 % | ok |  |\n",
		"|  | told | 1000000000 ms |  |  |  |  |\n",
		"|  | ratio | 1.50 × | floor 10 % | ≤ 1.30 × | OVER |  |\n",
		"|  | floor | n/a |  |  |  | needs LOADGEN |\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
	out.Reset()
	report(&out, "a machine", rows, false)
	if lines := strings.Count(out.String(), "\n"); lines != len(rows)+2 {
		t.Errorf("%d lines of text:\n%s", lines, out.String())
	}
}

func TestParseProc(t *testing.T) {
	const stat = "4242 (a) b) S 1 4242 4242 0 -1 4194560 100 0 0 0 150 50 7 8 20 0 5 0 99 1000 200"
	if used, err := parseUsage(stat); err != nil || used != 2*time.Second {
		t.Errorf("usage %v, %v", used, err)
	}
	if memory, err := parseMemory("Name:\tx\nVmHWM:\t  99 kB\nVmRSS:\t  25 kB\nRssAnon:\t1 kB\n"); err != nil || memory != 25*1024 {
		t.Errorf("memory %v, %v", memory, err)
	}
	before, err := parseCPUTimes("cpu  100 0 50 800 0 0 10 40 7 0\ncpu0 1 2 3\n")
	if err != nil || before != (cpuTimes{all: 1000, steal: 40}) {
		t.Errorf("%+v, %v", before, err)
	}
	after, err := parseCPUTimes("cpu  110 0 60 850 0 0 20 60 9 0\n")
	if err != nil || after.stealSince(before) != 20 {
		t.Errorf("steal %v, %v", after.stealSince(before), err)
	}
	if before.stealSince(before) != 0 {
		t.Error("steal in no time")
	}
	if got := cpuModel("processor\t: 0\nmodel name\t: Some CPU\nflags\t: x\n"); got != "Some CPU" {
		t.Errorf("model %q", got)
	}
	for _, broken := range []string{"", "1 (x) S 2", "1 (x) S 1 2 3 4 5 6 7 8 9 10 x 1 2"} {
		if _, err := parseUsage(broken); err == nil {
			t.Errorf("usage of %q", broken)
		}
		if _, err := parseMemory(broken); err == nil {
			t.Errorf("memory of %q", broken)
		}
		if _, err := parseCPUTimes(broken); err == nil {
			t.Errorf("times of %q", broken)
		}
	}
}

func TestParseQueues(t *testing.T) {
	q, err := parseQueues("0 0 127.0.0.1:1935 127.0.0.1:4000 bbr rto:200 notsent:70\n\n12 900 127.0.0.1:1935 127.0.0.1:4001 notsent:300 x\n3 0 a b\n")
	if err != nil || q != (queues{connections: 3, unread: 15, maxUnsent: 300}) {
		t.Errorf("%+v, %v", q, err)
	}
	for _, broken := range []string{"x 0 a b", "0 0 a b notsent:x"} {
		if _, err := parseQueues(broken); err == nil {
			t.Errorf("%q is accepted", broken)
		}
	}
}

func TestMetrics(t *testing.T) {
	m, err := parseMetrics(strings.NewReader(`# HELP x y
weir_skips_total{protocol="rtmp",reason="a b"} 2
weir_skips_total{protocol="httpflv",reason="lag"} 3
weir_skips_total_other 100
weir_ring_bytes 1.5e+06
lag_bucket{kind="video",le="0.001"} 50
lag_bucket{kind="video",le="0.002"} 90
lag_bucket{kind="video",le="0.005"} 100
lag_bucket{kind="video",le="+Inf"} 100
lag_bucket{kind="audio",le="0.001"} 1
lag_bucket{kind="audio",le="+Inf"} 100
`))
	if err != nil {
		t.Fatal(err)
	}
	if m.sum("weir_skips_total") != 5 || m.sum("weir_ring_bytes") != 1.5e6 || m.sum("weir_none") != 0 {
		t.Errorf("%v", m)
	}
	for _, test := range []struct{ q, want float64 }{{0.25, 0.0005}, {0.5, 0.001}, {0.7, 0.0015}, {0.99, 0.0047}} {
		if got := m.quantile("lag", `kind="video"`, test.q); math.Abs(got-test.want) > 1e-9 {
			t.Errorf("quantile %v: %v, want %v", test.q, got, test.want)
		}
	}
	if got := m.quantile("lag", `kind="audio"`, 0.99); !math.IsInf(got, 1) {
		t.Errorf("beyond the last bound: %v", got)
	}
	if got := m.quantile("lag", `kind="data"`, 0.5); !math.IsNaN(got) {
		t.Errorf("without observations: %v", got)
	}
	if _, err := parseMetrics(strings.NewReader("weir_x seven\n")); err == nil {
		t.Error("a value that is no number is accepted")
	}
}

func TestReports(t *testing.T) {
	const other = `{"mode":"pull-rtmp","n":9,"connected":8,"failed":1,"cut":2,"seconds":10,"bytes":5000,"verify":{"players":4,"ts_errors":3,
		"ttfk_players":4,"ttfk_ms_max":7.5,"latency_ms":{"p99":4.5,"count":100}},"server":{"cpu_pct":12.5}}`
	const ours = `{"connected":9,"failed":1,"cut":1,"silent":1,"bitrate_kbps":{"sum":4},"first_picture_ms":{"max":7.5},
		"verified":{"gaps":1,"timestamp_errors":2},"latency_ms":{"p99":4.5,"samples":100},
		"rtp":{"packets":75,"lost":25},"server":{"cpu_percent":12.5}}`
	want := played{Lost: 3, Errors: 3, CPU: 12.5, Rate: 500, P99: 4.5, Samples: 100, FirstPicture: 7.5}
	for _, test := range []struct {
		g        generator
		text     string
		pictures int
		lost     float64
	}{{loadgen{}, other, 4, 0}, {weirBench{}, ours, 8, 0.25}} {
		want.Pictures, want.LostPackets = test.pictures, test.lost
		if got, err := test.g.played([]byte(test.text)); err != nil || got != want {
			t.Errorf("%T: %+v, %v", test.g, got, err)
		}
		for _, broken := range []string{"", `{"seconds":1}`} {
			if _, err := test.g.played([]byte(broken)); err == nil {
				t.Errorf("%T accepts %q", test.g, broken)
			}
		}
	}
	for _, test := range []struct {
		g    generator
		text string
	}{{loadgen{}, `{"n":9,"connected":8,"cut":2,"max_late_ms":30}`}, {weirBench{}, `{"failed":1,"cut":2,"pace_ms":{"behind_max":30}}`}} {
		if got, err := test.g.published([]byte(test.text)); err != nil || got != (published{Lost: 3, Behind: 30 * time.Millisecond}) {
			t.Errorf("%T: %+v, %v", test.g, got, err)
		}
	}
}

// The demo's clip has 10.24 s and a GOP of 52 pictures.
func TestReadClip(t *testing.T) {
	c, err := openClip("../../../cmd/weir/demo.flv")
	if err != nil {
		t.Fatal(err)
	}
	if c.seconds < 10 || c.seconds > 10.3 || c.kbps < 300 || c.kbps > 450 {
		t.Errorf("%+v", c)
	}
	whole := c.kbps * 1000 / 8 * 52 / 25
	if c.gop < whole/4 || c.gop > whole {
		t.Errorf("on average %.0f bytes since the last key frame, a whole GOP has %.0f", c.gop, whole)
	}
	if _, err := readClip(strings.NewReader("FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00")); err == nil {
		t.Error("a clip without tags is accepted")
	}
}

func TestProcess(t *testing.T) {
	if _, err := exec.LookPath("taskset"); err != nil {
		t.Fatal(err)
	}
	p, err := start("0", t.TempDir(), os.Environ(), "sh", "-c", "echo out; echo log >&2; exit 3")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := p.wait(t.Context()); err == nil || string(out) != "out\n" || p.log.String() != "log" {
		t.Errorf("printed %q and %q, %v", out, p.log.String(), err)
	}
	p, err = start("0", t.TempDir(), os.Environ(), "sleep", "1000")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.memory(); err != nil {
		t.Error(err)
	}
	if _, err := p.usage(); err != nil {
		t.Error(err)
	}
	p.stop()
	select {
	case <-p.done:
	default:
		t.Error("it goes on")
	}
}

func TestRemarks(t *testing.T) {
	if got := remarks(5, 90, 95); got != nil {
		t.Errorf("within their limits: %q", got)
	}
	if got := remarks(6, 91, 96); len(got) != 3 {
		t.Errorf("beyond their limits: %q", got)
	}
}

func TestCompared(t *testing.T) {
	measured := func(cpu float64, lost int) *manyPublished {
		return &manyPublished{watched: watched{played: played{CPU: cpu}}, lost: lost}
	}
	for _, test := range []struct {
		name            string
		ours, reference *manyPublished
		known, over     bool
	}{
		{"within", measured(30, 0), measured(20, 0), true, false},
		{"over", measured(31, 0), measured(20, 0), true, true},
		{"some of ours are lost", measured(20, 1), measured(20, 0), false, false},
		{"some of theirs are lost", measured(90, 0), measured(20, 1), false, false},
		{"they are at their limit", measured(90, 0), measured(99, 0), false, false},
	} {
		if r := compared(test.ours, test.reference); (r.missing == "") != test.known || r.over() != test.over {
			t.Errorf("%s: %+v", test.name, r)
		}
	}
}

func TestHLSPlayerLoadsWhatIsNew(t *testing.T) {
	const text = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:7\n#EXTINF:2.0,\na.m4s\n" +
		"#EXT-X-PART:DURATION=0.2,URI=\"b.0.m4s\",INDEPENDENT=YES\n#EXTINF:0.2,\nb.m4s\n#EXT-X-PART:DURATION=0.2,URI=\"c.0.m4s\"\n"
	list := parseHLS(text)
	if list.target != 2*time.Second || list.next != 9 || list.open != 1 {
		t.Errorf("%+v", list)
	}
	for _, test := range []struct {
		mode   hlsMode
		newest string
		want   string
	}{
		{hlsPlain, "", "b.m4s"}, {hlsPlain, "a.m4s", "b.m4s"}, {hlsPlain, "b.m4s", ""}, {hlsPlain, "gone.m4s", "b.m4s"},
		{hlsLow, "", "c.0.m4s"}, {hlsLow, "b.0.m4s", "c.0.m4s"}, {hlsReloads, "", ""},
	} {
		p := hlsPlayer{mode: test.mode, newest: test.newest, list: list}
		if got := strings.Join(p.fresh(), " "); got != test.want {
			t.Errorf("%s after %q: %q, want %q", test.mode, test.newest, got, test.want)
		}
	}
}

func TestTimes(t *testing.T) {
	var all []time.Duration
	for n := 100; n >= 0; n-- {
		all = append(all, time.Duration(n)*time.Millisecond)
	}
	if got := timesOf(all); got != (times{101, 50, 99}) {
		t.Errorf("%+v", got)
	}
	if got := timesOf(nil); got != (times{}) {
		t.Errorf("nothing: %+v", got)
	}
}

func TestLagCounts(t *testing.T) {
	scrape := func(counts ...float64) metrics {
		m := metrics{"weir_delivery_lag_seconds_sum": 9, "weir_other_bucket{le=\"0.001\"}": 99}
		for i, bound := range []string{"0.001", "0.01", "+Inf"} {
			m[`weir_delivery_lag_seconds_bucket{kind="video",le="`+bound+`"}`] = counts[i]
		}
		return m
	}
	var c lagCounts
	if got := c.quantile(.99); !math.IsNaN(got) {
		t.Errorf("of nothing: %v", got)
	}
	c.add(scrape(60, 70, 70), scrape(10, 10, 10)) // 50 up to 1 ms, 10 up to 10 ms
	c.add(scrape(140, 180, 181), scrape(90, 100, 100))
	for q, want := range map[float64]float64{.5: .705, .9: 7.0525, 1: 10} {
		if got := c.quantile(q); math.Abs(got-want) > .001 {
			t.Errorf("quantile %v is %v ms, want %v", q, got, want)
		}
	}
}

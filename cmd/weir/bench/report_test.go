package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ended returns a session that began at begin and ended as o says.
func ended(begin time.Time, o outcome) *session {
	s := &session{state: o.state, began: begin, connected: o.connected, end: o.end, picture: o.picture, err: o.err}
	s.bytes.Store(o.bytes)
	return s
}

func TestCountSessions(t *testing.T) {
	begin := time.Unix(1000, 0)
	after := func(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }
	refused := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{Port: 1}, Err: syscall.ECONNREFUSED}
	r := &run{sessions: []*session{
		ended(begin, outcome{state: stopped, connected: after(10), picture: 20 * time.Millisecond, bytes: 1}),
		ended(begin, outcome{state: stopped, connected: after(30), picture: 60 * time.Millisecond, bytes: 1}),
		ended(begin, outcome{state: stopped, connected: after(20)}),
		ended(begin, outcome{state: cut, connected: after(40), end: after(900), bytes: 1, err: io.EOF}),
		ended(begin, outcome{state: failed, err: refused}),
		ended(begin, outcome{state: failed, err: refused}),
	}}
	var got Report
	r.countSessions(&got)
	want := Report{
		Connected: 4, Failed: 2, Cut: 1, Silent: 1,
		Errors:  []ErrorCount{{"dial: connection refused", 2}, {"the server ended the stream", 1}},
		Connect: &Spread{25, 40}, FirstPicture: &Spread{40, 60},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestBitrates(t *testing.T) {
	begin := time.Unix(1000, 0)
	r := &run{window: begin}
	for _, s := range []struct {
		from, end     time.Duration // 0: not measured, not ended
		before, after uint64
	}{
		{1, 0, 1000, 1000 + 1250*1000},       // 10 s: 1 Mbit/s
		{5 * time.Second, 0, 0, 1250 * 1000}, // 5 s: 2 Mbit/s
		{6 * time.Second, 0, 0, 1250 * 1000}, // too short
		{1, 5 * time.Second, 0, 1250 * 1000}, // cut halfway: just too short
		{1, 8 * time.Second, 0, 1000 * 1000}, // cut later: 1 Mbit/s
		{0, 0, 0, 1250 * 1000},               // never settled
	} {
		session := &session{}
		session.bytes.Store(s.after)
		if s.end > 0 {
			session.end = begin.Add(s.end)
		}
		var from rate
		if s.from > 0 {
			from = rate{begin.Add(s.from), s.before}
		}
		r.sessions, r.rates = append(r.sessions, session), append(r.rates, from)
	}
	var got []float64
	for _, v := range r.bitrates(begin.Add(10 * time.Second)) {
		got = append(got, round(v/1e6))
	}
	if want := []float64{1, 2, 1}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v Mbit/s, want %v", got, want)
	}
}

func TestSampleRatesWaitsForSettling(t *testing.T) {
	begin := time.Unix(1000, 0)
	r := &run{rates: make([]rate, 3), sessions: []*session{
		ended(begin, outcome{state: up, connected: begin, bytes: 5}),
		ended(begin, outcome{state: up, connected: begin.Add(time.Millisecond), bytes: 5}),
		ended(begin, outcome{state: cut, connected: begin, bytes: 5}),
	}}
	r.sampleRates(begin.Add(time.Second), time.Second)
	if want := []rate{{begin.Add(time.Second), 5}, {}, {}}; !reflect.DeepEqual(r.rates, want) {
		t.Errorf("%v, want %v", r.rates, want)
	}
}

func TestJudge(t *testing.T) {
	for _, test := range []struct {
		name                 string
		report               Report
		bottleneck, warnings string
	}{
		{"fine", Report{Bench: Bench{CPU: 170, Cores: 2, LateP99: 20}, Pace: &Pace{BehindP99: 100, BehindMax: 900}}, "", ""},
		{"all cores busy", Report{Bench: Bench{CPU: 181, Cores: 2}}, "181 % of 2 cores", ""},
		{"late timers", Report{Bench: Bench{Cores: 2, LateP99: 25}}, "25 ms late", ""},
		{"behind for lack of time", Report{Bench: Bench{CPU: 99, Cores: 1}, Pace: &Pace{BehindP99: 101, BehindMax: 700}}, "700 ms behind", ""},
		{"behind because of the server", Report{Bench: Bench{Cores: 1}, Pace: &Pace{BehindP99: 101, BehindMax: 700}}, "", "the server or the network"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.report.judge()
			for _, check := range []struct {
				what string
				got  []string
				want string
			}{{"bottlenecks", test.report.Bottlenecks, test.bottleneck}, {"warnings", test.report.Warnings, test.warnings}} {
				if all := strings.Join(check.got, "; "); !strings.Contains(all, check.want) || (check.want == "") != (all == "") {
					t.Errorf("%s %q, want %q", check.what, all, check.want)
				}
			}
		})
	}
}

func TestOK(t *testing.T) {
	for _, test := range []struct {
		name   string
		report Report
		want   bool
	}{
		{"all well", Report{Sessions: 2, Connected: 2}, true},
		{"failed", Report{Failed: 1}, false},
		{"cut", Report{Cut: 1}, false},
		{"silent", Report{Silent: 1}, false},
		{"interrupted", Report{Interrupted: true}, false},
	} {
		if got := test.report.OK(); got != test.want {
			t.Errorf("%s: %t", test.name, got)
		}
	}
}

func TestMostFrequentIsBounded(t *testing.T) {
	counts := map[string]int{}
	for i := range 3 * maxErrors {
		counts[strings.Repeat("x", i+1)] = i + 1
	}
	if got := mostFrequent(counts); len(got) != maxErrors || got[0].Count != 3*maxErrors {
		t.Errorf("%d errors, first %d", len(got), got[0].Count)
	}
}

func TestFinish(t *testing.T) {
	boom := errors.New("boom")
	for _, test := range []struct {
		name  string
		from  state
		bytes uint64
		over  bool
		state state
		err   error
	}{
		{"the run is over", up, 1, true, stopped, nil},
		{"over before there was media", up, 0, true, stopped, nil},
		{"over while connecting", connecting, 0, true, failed, errNotReached},
		{"refused", connecting, 0, false, failed, boom},
		{"ended without media", up, 0, false, failed, boom},
		{"ended with media", up, 1, false, cut, boom},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &session{state: test.from}
			s.bytes.Store(test.bytes)
			s.finish(test.over, boom)
			if o := s.outcome(); o.state != test.state || o.err != test.err || o.end.IsZero() {
				t.Errorf("%+v, want state %d and error %v", o, test.state, test.err)
			}
		})
	}
}

// full is a report with all there can be.
var full = Report{
	Mode: Play, URL: "rtmp://h/live/s%d", Streams: 2, Seconds: 12.34, Interrupted: true,
	Sessions: 100, Connected: 99, Failed: 1, Cut: 2, Silent: 3, Errors: []ErrorCount{{"boom", 3}},
	Bitrate: &Bitrate{600, 700, 800, 69300}, Connect: &Spread{1, 2}, FirstPicture: &Spread{3, 4},
	Verified: &Verified{4, 1000, 1, 5, 0}, Latency: &Latency{1.5, 2.5, 3.5, 400}, Pace: &Pace{5, 6, 7, 8},
	Server: &Server{40, 50, 60}, Bench: Bench{10, 20, 2, 0.5, 1}, Bottlenecks: []string{"slow"}, Warnings: []string{"odd"},
}

const fullText = `weir bench play rtmp://h/live/s%d: 12.3 s
  sessions       100 on 2 streams: 99 connected, 1 failed, 2 cut, 3 without media
                 3 × boom
  connect        median 1.0 ms, max 2.0 ms
  first picture  median 3.0 ms, max 4.0 ms
  bitrate        min 600, median 700, max 800 kbit/s; 69.3 Mbit/s in all
  verified       4 players, 1000 frames: 1 gap (5 pictures lost), 0 timestamp errors
  latency        p50 1.5 ms, p99 2.5 ms, max 3.5 ms (400 pictures)
  publishing     behind p99 5.0 ms, max 6.0 ms; writes p99 7.0 ms, max 8.0 ms
  server         CPU 40 % of one core (peak 50 %), memory 60 MB
  this tool      CPU 10 % of one core (peak 20 %), 2 cores; timers p99 0.5 ms late
  BOTTLENECK     slow
  warning        odd
  warning        interrupted before its time
`

func TestWriteText(t *testing.T) {
	var b bytes.Buffer
	if err := full.WriteText(&b); err != nil || b.String() != fullText {
		t.Errorf("%v\n%s\nwant\n%s", err, b.String(), fullText)
	}
}

func TestWriteJSON(t *testing.T) {
	var b bytes.Buffer
	if err := full.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || !reflect.DeepEqual(back, full) {
		t.Errorf("%v: %+v", err, back)
	}
	b.Reset()
	if err := (&Report{Bottlenecks: []string{}}).WriteJSON(&b); err != nil || strings.Contains(b.String(), "latency") ||
		!strings.Contains(b.String(), `"bottlenecks": []`) || !strings.Contains(b.String(), `"cut": 0`) {
		t.Errorf("%v: %s", err, b.String())
	}
}

func TestProgressLine(t *testing.T) {
	p := progressLine{after: 5 * time.Second, wanted: 9, bitrate: 12.34e6, own: 0.5, server: 1.25, hasServer: true}
	for _, s := range []state{up, up, failed, cut, connecting, idle, stopped} {
		p.count(s)
	}
	if got, want := p.String(), "   5 s  2 of 9 up, 1 failed, 1 cut, 12.3 Mbit/s, this tool 50 % CPU, server 125 %\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestCause(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{io.EOF, "the server ended the stream"},
		{io.ErrUnexpectedEOF, "the server closed the connection"},
		{&net.OpError{Op: "read", Source: &net.TCPAddr{Port: 5}, Err: syscall.ECONNRESET}, "read: connection reset by peer"},
		{errors.New("boom"), "boom"},
	} {
		if got := cause(test.err); got != test.want {
			t.Errorf("%v: %q", test.err, got)
		}
	}
}

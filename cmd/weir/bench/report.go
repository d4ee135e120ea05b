package bench

import (
	"cmp"
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"
)

// Report is what a run found. In JSON its members have the names and units in
// their tags; those that do not apply are left out.
type Report struct {
	Mode    Mode    `json:"mode"`
	URL     string  `json:"url"` // without credentials and query
	Streams int     `json:"streams"`
	Seconds float64 `json:"seconds"` // from the first session's start
	// Interrupted is set if the run was told to end before its time.
	Interrupted bool `json:"interrupted"`

	Sessions  int `json:"sessions"`  // that were started
	Connected int `json:"connected"` // accepted by the server
	Failed    int `json:"failed"`    // ended without any media
	Cut       int `json:"cut"`       // ended by the server or the network, with media
	Silent    int `json:"silent"`    // were connected to the end and had no media
	// Errors tells why sessions failed or were cut, the most frequent first.
	Errors []ErrorCount `json:"errors,omitempty"`

	// Bitrate is that of a session, in kbit/s; its Sum that of all.
	Bitrate *Bitrate `json:"bitrate_kbps,omitempty"`
	// Connect is the time until the server accepted, FirstPicture the time until
	// a player had a key frame, both from the session's start.
	Connect      *Spread `json:"connect_ms,omitempty"`
	FirstPicture *Spread `json:"first_picture_ms,omitempty"`

	Verified *Verified `json:"verified,omitempty"`
	Latency  *Latency  `json:"latency_ms,omitempty"`
	HLS      *HLS      `json:"hls,omitempty"`
	RTP      *RTP      `json:"rtp,omitempty"`
	Pace     *Pace     `json:"pace_ms,omitempty"`
	Server   *Server   `json:"server,omitempty"`
	Bench    Bench     `json:"bench"`

	// Bottlenecks tells why the figures may be those of this tool or this
	// machine rather than those of the server.
	Bottlenecks []string `json:"bottlenecks"`
	// Warnings tells what else makes figures doubtful.
	Warnings []string `json:"warnings"`
}

// ErrorCount is an error and how many sessions had it.
type ErrorCount struct {
	Error string `json:"error"`
	Count int    `json:"count"`
}

// Bitrate is the spread of bitrates.
type Bitrate struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
	Sum    float64 `json:"sum"`
}

// Spread is the spread of times.
type Spread struct {
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
}

// Verified is what the players found that parsed everything.
type Verified struct {
	Sessions        int    `json:"sessions"`
	Frames          uint64 `json:"frames"`
	Gaps            uint64 `json:"gaps"`
	Lost            uint64 `json:"lost_pictures"` // known for marked streams only
	TimestampErrors uint64 `json:"timestamp_errors"`
}

// Latency is from a publisher's write to a verifying player's read.
type Latency struct {
	P50     float64 `json:"p50"`
	P99     float64 `json:"p99"`
	Max     float64 `json:"max"`
	Samples uint64  `json:"samples"`
}

// HLS is how the requests of the players were answered that only count. Times
// are milliseconds.
type HLS struct {
	LowLatency int    `json:"low_latency_sessions"` // that play parts
	Playlists  uint64 `json:"playlist_requests"`
	Media      uint64 `json:"media_requests"`
	Missing    uint64 `json:"missing"` // segments and parts that the server did not have
	// Request is the time from a request to the end of its answer, of requests
	// that do not wait for something new.
	RequestP50 float64 `json:"request_p50"`
	RequestP99 float64 `json:"request_p99"`
	RequestMax float64 `json:"request_max"`
	// Age is how far the newest media of a playlist is behind this machine's clock;
	// 0 if playlists have no times.
	AgeP50 float64 `json:"playlist_age_p50"`
	AgeP99 float64 `json:"playlist_age_p99"`
}

// RTP is what came to the players of RTSP by UDP and of WHEP that only count.
type RTP struct {
	Packets uint64 `json:"packets"`
	Lost    uint64 `json:"lost"`
}

// Pace is how publishers kept up with real time.
type Pace struct {
	BehindP99  float64 `json:"behind_p99"`
	BehindMax  float64 `json:"behind_max"`
	BlockedP99 float64 `json:"blocked_p99"` // of one write
	BlockedMax float64 `json:"blocked_max"`
}

// Server is what the server's process used. CPU is in percent of one core.
type Server struct {
	CPU     float64 `json:"cpu_percent"`
	CPUPeak float64 `json:"cpu_percent_peak"` // of a second
	Memory  float64 `json:"memory_mb"`        // resident, the largest seen
}

// Bench is what this tool used. CPU is in percent of one core.
type Bench struct {
	CPU     float64 `json:"cpu_percent"`
	CPUPeak float64 `json:"cpu_percent_peak"`
	Cores   int     `json:"cores"`
	LateP99 float64 `json:"timer_late_ms_p99"`
	LateMax float64 `json:"timer_late_ms_max"`
}

// OK reports whether all sessions did what they should.
func (r *Report) OK() bool { return r.Failed == 0 && r.Cut == 0 && r.Silent == 0 && !r.Interrupted }

const (
	// busyShare of all its cores is where a program waits for them.
	busyShare = 0.9
	// lateTimers is how late one timer in a hundred may be. Half the interval of
	// pictures at 25 per second: later than that, latencies are this machine's.
	lateTimers = 20 * time.Millisecond
	// farBehind is how late one tag in a hundred may be.
	farBehind = 100 * time.Millisecond
	// nobodyLeft is the warning of a run that had nothing to hold any more.
	nobodyLeft = "ended before its time: no session was left"
	// maxErrors is how many different errors a report lists.
	maxErrors = 10
)

// measure reports what there is to measure while the sessions still run.
func (r *run) measure(now time.Time) *Report {
	r.own.sample(now)
	report := &Report{
		Mode: r.plan.Mode, URL: public(r.plan.URL), Streams: r.plan.Streams,
		Seconds: round(now.Sub(r.began).Seconds()), Sessions: len(r.sessions),
		Bench: Bench{
			CPU: percent(r.own.mean()), CPUPeak: percent(r.own.peak), Cores: runtime.GOMAXPROCS(0),
			LateP99: milliseconds(r.late.percentile(99)), LateMax: milliseconds(r.late.max()),
		},
		Bottlenecks: []string{}, Warnings: []string{},
	}
	if rates := r.bitrates(now); len(rates) > 0 {
		const kilo = 1000
		s := spreadOf(rates)
		report.Bitrate = &Bitrate{round(s.min / kilo), round(s.median / kilo), round(s.max / kilo), round(s.sum / kilo)}
	}
	if r.server != nil {
		r.server.sample(now)
		const mega = 1e6
		report.Server = &Server{percent(r.server.mean()), percent(r.server.peak), round(float64(r.server.maxMemory) / mega)}
		if r.server.err != nil {
			report.Warnings = append(report.Warnings, fmt.Sprintf("the server's process can no longer be measured: %v", r.server.err))
		}
	}
	return report
}

// conclude adds what is known now that all sessions have ended.
func (r *run) conclude(report *Report) {
	r.countSessions(report)
	if r.plan.Mode == Play {
		r.reportVerified(report)
		report.HLS, report.RTP = r.hls.report(), r.rtp.report()
	}
	if r.pace.behind.count.Load() > 0 {
		report.Pace = &Pace{
			BehindP99: milliseconds(r.pace.behind.percentile(99)), BehindMax: milliseconds(r.pace.behind.max()),
			BlockedP99: milliseconds(r.pace.blocked.percentile(99)), BlockedMax: milliseconds(r.pace.blocked.max()),
		}
	}
	for _, s := range r.sources {
		if o := s.outcome(); o.state != stopped {
			report.Warnings = append(report.Warnings, fmt.Sprintf("a stream that this tool published was cut: %s", cause(o.err)))
		}
	}
	report.judge()
}

func (r *run) countSessions(report *Report) {
	errs := map[string]int{}
	var connect, picture []float64
	for _, s := range r.sessions {
		o := s.outcome()
		if !o.connected.IsZero() {
			report.Connected++
			connect = append(connect, milliseconds(o.connected.Sub(o.began)))
		}
		if o.picture > 0 {
			picture = append(picture, milliseconds(o.picture))
		}
		switch o.state {
		case failed:
			report.Failed++
			errs[cause(o.err)]++
		case cut:
			report.Cut++
			errs[cause(o.err)]++
		case stopped:
			if o.bytes == 0 {
				report.Silent++
			}
		}
	}
	report.Errors = mostFrequent(errs)
	report.Connect, report.FirstPicture = spreadTimes(connect), spreadTimes(picture)
}

func (r *run) reportVerified(report *Report) {
	if len(r.verifiers) == 0 {
		return
	}
	var all findings
	for _, v := range r.verifiers {
		all.add(v.findings)
	}
	report.Verified = &Verified{len(r.verifiers), all.Frames, all.Gaps, all.Lost, all.TimestampErrors}
	if n := r.latency.count.Load(); n > 0 {
		report.Latency = &Latency{
			milliseconds(r.latency.percentile(50)), milliseconds(r.latency.percentile(99)), milliseconds(r.latency.max()), n,
		}
	}
	if all.ClockAhead > 0 {
		report.Warnings = append(report.Warnings,
			fmt.Sprintf("%d markers came from the future: the clocks of publisher and player differ, latencies mean nothing", all.ClockAhead))
	}
}

// judge finds out whether this tool was the bottleneck.
func (r *Report) judge() {
	own := func(format string, args ...any) { r.Bottlenecks = append(r.Bottlenecks, fmt.Sprintf(format, args...)) }
	if b := r.Bench; b.CPU >= 100*busyShare*float64(b.Cores) {
		own("this tool used %.0f %% of %d cores", b.CPU, b.Cores)
	}
	if r.Bench.LateP99 > milliseconds(lateTimers) {
		own("one timer in a hundred was %.0f ms late or later: this machine is too busy", r.Bench.LateP99)
	}
	if r.Pace == nil || r.Pace.BehindP99 <= milliseconds(farBehind) {
		return
	}
	if len(r.Bottlenecks) > 0 {
		own("publishing ran up to %.0f ms behind real time", r.Pace.BehindMax)
		return
	}
	r.Warnings = append(r.Warnings, fmt.Sprintf(
		"publishing ran up to %.0f ms behind real time, and not for lack of processor time here: the server or the network takes too little", r.Pace.BehindMax))
}

// mostFrequent returns the errors that were counted, the most frequent first.
func mostFrequent(counts map[string]int) []ErrorCount {
	var out []ErrorCount
	for text, n := range counts {
		out = append(out, ErrorCount{text, n})
	}
	slices.SortFunc(out, func(a, b ErrorCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Error, b.Error))
	})
	return out[:min(len(out), maxErrors)]
}

func spreadTimes(ms []float64) *Spread {
	if len(ms) == 0 {
		return nil
	}
	s := spreadOf(ms)
	return &Spread{round(s.median), round(s.max)}
}

func percent(share float64) float64 { return round(100 * share) }

func milliseconds(d time.Duration) float64 { return round(float64(d) / float64(time.Millisecond)) }

// round rounds to two digits after the point, which is more than any of the
// figures is worth.
func round(v float64) float64 { return math.Round(v*100) / 100 }

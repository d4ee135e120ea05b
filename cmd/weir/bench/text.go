package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// WriteJSON writes the report as one JSON object.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// WriteText writes the report for people.
func (r *Report) WriteText(w io.Writer) error {
	_, err := io.WriteString(w, r.text())
	return err
}

func (r *Report) text() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-15s%s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(&b, "weir bench %s %s: %.1f s\n", r.Mode, r.URL, r.Seconds)
	line("sessions", "%d on %s: %d connected, %d failed, %d cut%s", r.Sessions, plural(r.Streams, "stream"),
		r.Connected, r.Failed, r.Cut, unless(r.Silent == 0, fmt.Sprintf(", %d without media", r.Silent)))
	for _, e := range r.Errors {
		line("", "%d × %s", e.Count, e.Error)
	}
	if s := r.Connect; s != nil {
		line("connect", "median %.1f ms, max %.1f ms", s.Median, s.Max)
	}
	if s := r.FirstPicture; s != nil {
		line("first picture", "median %.1f ms, max %.1f ms", s.Median, s.Max)
	}
	if s := r.Bitrate; s != nil {
		const kilo = 1000
		line("bitrate", "min %.0f, median %.0f, max %.0f kbit/s; %.1f Mbit/s in all", s.Min, s.Median, s.Max, s.Sum/kilo)
	}
	if v := r.Verified; v != nil {
		line("verified", "%s, %d frames: %s%s, %s", plural(v.Sessions, "player"), v.Frames, plural(int(v.Gaps), "gap"),
			unless(v.Lost == 0, fmt.Sprintf(" (%s lost)", plural(int(v.Lost), "picture"))), plural(int(v.TimestampErrors), "timestamp error"))
	}
	if l := r.Latency; l != nil {
		line("latency", "p50 %.1f ms, p99 %.1f ms, max %.1f ms (%s)", l.P50, l.P99, l.Max, plural(int(l.Samples), "picture"))
	}
	if h := r.HLS; h != nil {
		line("requests", "p50 %.1f ms, p99 %.1f ms, max %.1f ms; %d playlists, %d segments and parts%s", h.RequestP50, h.RequestP99, h.RequestMax,
			h.Playlists, h.Media, unless(h.Missing == 0, fmt.Sprintf(", %d missing", h.Missing)))
		line("playlist age", "p50 %.1f ms, p99 %.1f ms; %s of low latency", h.AgeP50, h.AgeP99, plural(h.LowLatency, "player"))
	}
	if p := r.RTP; p != nil {
		line("packets", "%d by UDP, %d lost", p.Packets, p.Lost)
	}
	if p := r.Pace; p != nil {
		line("publishing", "behind p99 %.1f ms, max %.1f ms; writes p99 %.1f ms, max %.1f ms", p.BehindP99, p.BehindMax, p.BlockedP99, p.BlockedMax)
	}
	if s := r.Server; s != nil {
		line("server", "CPU %.0f %% of one core (peak %.0f %%), memory %.0f MB", s.CPU, s.CPUPeak, s.Memory)
	}
	line("this tool", "CPU %.0f %% of one core (peak %.0f %%), %s; timers p99 %.1f ms late", r.Bench.CPU, r.Bench.CPUPeak, plural(r.Bench.Cores, "core"), r.Bench.LateP99)
	for _, text := range r.Bottlenecks {
		line("BOTTLENECK", "%s", text)
	}
	for _, text := range r.Warnings {
		line("warning", "%s", text)
	}
	if r.Interrupted {
		line("warning", "interrupted before its time")
	}
	return b.String()
}

// plural returns n with a noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func unless(condition bool, text string) string {
	if condition {
		return ""
	}
	return text
}

// progressLine is what is told once a second.
type progressLine struct {
	after           time.Duration
	wanted          int
	up, failed, cut int
	bitrate         float64 // bit/s
	own, server     float64 // of one core
	hasServer       bool
}

func (p *progressLine) count(s state) {
	switch s {
	case up:
		p.up++
	case failed:
		p.failed++
	case cut:
		p.cut++
	}
}

// String returns a line with its end.
func (p *progressLine) String() string {
	const mega, percent = 1e6, 100
	text := fmt.Sprintf("%4.0f s  %d of %d up, %d failed, %d cut, %.1f Mbit/s, this tool %.0f %% CPU",
		p.after.Seconds(), p.up, p.wanted, p.failed, p.cut, p.bitrate/mega, p.own*percent)
	if p.hasServer {
		text += fmt.Sprintf(", server %.0f %%", p.server*percent)
	}
	return text + "\n"
}

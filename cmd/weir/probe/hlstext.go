package probe

import (
	"fmt"
	"math"
	"strings"
)

// hls tells of playlists and segments.
func (p *printer) hls(h *HLS) {
	if h == nil {
		return
	}
	parts := []string{"plain"}
	if h.LowLatency {
		parts[0] = fmt.Sprintf("low latency with parts of %g s", h.PartTarget)
	}
	if h.Format != "" {
		parts = append(parts, map[string]string{"ts": containerTS, "fmp4": containerMP4}[h.Format])
	}
	parts = append(parts, fmt.Sprintf("target %g s", h.TargetDuration), fmt.Sprintf("playlist of %d segments, %.1f s", h.WindowSegments, h.Window))
	if h.Ended {
		parts = append(parts, "complete")
	}
	p.line("HLS", "%s", strings.Join(parts, ", "))
	if h.Played >= 0 {
		v := &h.Variants[h.Played]
		p.line("", "variant %d of %d: %s, %s", h.Played+1, len(h.Variants), bits(int(v.Bandwidth)), printable(strings.Join(v.Codecs, ",")))
	}
	if s := &h.Segments; s.Count > 0 {
		p.line("", "%d segments of %s, %d to %d kB, peak %s, loaded in %.0f %% of their time", s.Count, stretch(s.Shortest, s.Longest),
			(s.Smallest+500)/1000, (s.Largest+500)/1000, bits(s.PeakBitRate), 100*s.Load)
	}
	l := &h.Playlists
	parts = []string{fmt.Sprintf("answered in %s (worst %s)", ms(l.Answer), ms(l.Worst))}
	if l.Blocking > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d waited for had something new", l.BlockingNew, l.Blocking))
	}
	if l.Age != nil {
		side := "behind"
		if *l.Age < 0 {
			side = "ahead of"
		}
		parts = append(parts, fmt.Sprintf("%.2f s %s the clock", math.Abs(*l.Age), side))
	}
	p.line("", "%d playlists: %s", l.Requests, strings.Join(parts, ", "))
}

// stretch returns a range of durations.
func stretch(from, to float64) string {
	if from == to {
		return fmt.Sprintf("%.2f s", from)
	}
	return fmt.Sprintf("%.2f to %.2f s", from, to)
}

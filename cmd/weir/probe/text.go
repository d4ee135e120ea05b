package probe

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/weirmedia/weir/pkg/av"
)

// The attributes of text (ECMA-48, 8.3.117).
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

// Print writes the report for people, with colours if asked for.
func (r *Report) Print(w io.Writer, colours bool) error {
	p := &printer{colours: colours}
	p.head(r)
	p.recording(r.Recording)
	for i := range r.Tracks {
		p.track(&r.Tracks[i])
	}
	p.hls(r.HLS)
	p.rtsp(r.RTSP)
	p.whep(r.WHEP)
	p.join(r)
	p.pace(r)
	p.timeline(&r.Timeline)
	p.verdicts(r.Verdicts)
	p.findings(r.Findings)
	_, err := io.WriteString(w, p.String())
	return err
}

// printer lays text out: a label, then lines beside each other.
type printer struct {
	strings.Builder
	colours bool
}

func (p *printer) paint(attribute, text string) string {
	if !p.colours {
		return text
	}
	return "\x1b[" + attribute + "m" + text + "\x1b[0m"
}

// printable keeps what others wrote from commanding the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?'
		}
		return r
	}, text)
}

// labelWidth is the width of the first column.
const labelWidth = 10

func (p *printer) line(label, format string, args ...any) {
	text := strings.TrimRight(fmt.Sprintf(format, args...), " ")
	p.WriteString(p.paint(bold, fmt.Sprintf("%-*s", labelWidth, label)) + text + "\n")
}

func (p *printer) head(r *Report) {
	fmt.Fprintf(p, "%s  %s, %.1f s", p.paint(bold, printable(r.Source)), r.Protocol, r.Seconds)
	if r.End != "" {
		fmt.Fprintf(p, " (%s)", printable(r.End))
	}
	p.WriteString("\n\n")
}

func (p *printer) track(t *Track) {
	parts := []string{strings.TrimSpace(strings.Join([]string{t.Codec, t.Profile, t.Level}, " "))}
	if t.Width > 0 {
		parts = append(parts, fmt.Sprintf("%dx%d", t.Width, t.Height))
	}
	if t.FrameRate > 0 {
		parts = append(parts, fmt.Sprintf("%.4g frames/s", t.FrameRate))
	}
	if t.SampleRate > 0 {
		parts = append(parts, fmt.Sprintf("%d Hz", t.SampleRate))
	}
	if t.Channels > 0 {
		parts = append(parts, channels(t.Channels))
	}
	parts = append(parts, bits(t.BitRate))
	if t.PeakBitRate > 0 && t.GOP != nil {
		parts[len(parts)-1] += " (peak " + bits(t.PeakBitRate) + ")"
	}
	label := strings.ToUpper(t.Kind[:1]) + t.Kind[1:]
	if t.ID > 1 { // track 0 of video is 0, of audio 1
		label += fmt.Sprintf(" %d", t.ID/2)
	}
	p.line(label, "%s", printable(strings.Join(parts, ", ")))
	if t.GOP != nil {
		p.line("", "%s; %s", t.GOP, t.Reorder)
	}
}

func channels(n int) string {
	switch n {
	case 1:
		return "mono"
	case 2:
		return "stereo"
	}
	return fmt.Sprintf("%d channels", n)
}

// bits returns a bit rate with its unit.
func bits(n int) string {
	if n >= 1e6 {
		return fmt.Sprintf("%.2f Mbit/s", float64(n)/1e6)
	}
	return fmt.Sprintf("%d kbit/s", (n+500)/1000)
}

// String says how far key frames are apart.
func (g *GOP) String() string {
	switch {
	case g.Complete == 0:
		return fmt.Sprintf("no second key frame within %.2f s", g.Unfinished)
	case g.Shortest == g.Longest:
		return fmt.Sprintf("key frame every %.2f s (%d frames)", g.Mean, g.LongestFrames)
	}
	return fmt.Sprintf("key frame every %.2f s (%.2f to %.2f s, %d to %d frames)", g.Mean, g.Shortest, g.Longest, g.ShortestFrames, g.LongestFrames)
}

// String says what there is of B-frames.
func (r *Reorder) String() string {
	if r.BFrames == 0 {
		return "no B-frames"
	}
	return fmt.Sprintf("B-frames, up to %d in a row, reorder depth %d", r.InARow, r.Depth)
}

func (p *printer) join(r *Report) {
	j := r.Join
	if j == nil {
		return
	}
	what := "first picture"
	if firstOf(r.Tracks, av.Video) == nil {
		what = "first sound"
	}
	steps := fmt.Sprintf("connect %s, handshake %s, wait %s", ms(j.Connect), ms(j.Handshake), ms(j.Wait))
	if j.FirstPicture > 0 {
		p.line("Start", "%s after %s: %s, key frame %s", what, ms(j.FirstPicture), steps, ms(j.GOP))
	} else {
		p.line("Start", "no picture: %s", steps)
	}
	if j.Burst > 0 {
		p.line("", "burst of %.2f s: %d frames, %d kB", j.Burst, j.BurstFrames, (j.BurstBytes+500)/1000)
	} else {
		p.line("", "no burst")
	}
}

func (p *printer) pace(r *Report) {
	var parts []string
	if r.Pace != nil {
		parts = append(parts, fmt.Sprintf("speed %.2f", r.Pace.Speed),
			fmt.Sprintf("jitter %s (worst %s)", ms(r.Pace.Jitter), ms(r.Pace.Worst)))
	}
	if r.Sync != nil {
		parts = append(parts, fmt.Sprintf("audio to video %+.0f ms", r.Sync.Offset*1e3))
	}
	switch r.Jumps.Count {
	case 0:
		parts = append(parts, "no jumps")
	case 1:
		parts = append(parts, "1 jump")
	default:
		parts = append(parts, fmt.Sprintf("%d jumps", r.Jumps.Count))
	}
	p.line("Timing", "%s", strings.Join(parts, ", "))
}

func ms(seconds float64) string { return fmt.Sprintf("%.0f ms", seconds*1e3) }

// timeline draws bit rates as bars, each row with its own scale, and marks key
// frames and jumps below.
func (p *printer) timeline(l *Timeline) {
	if len(l.Video) < 2 {
		return
	}
	label := "Timeline"
	for _, row := range []struct {
		name   string
		values []int
	}{{"video", l.Video}, {"audio", l.Audio}} {
		top := 0
		for _, v := range row.values {
			top = max(top, v)
		}
		if top == 0 {
			continue
		}
		p.line(label, "%s  %s", p.paint(green, bars(row.values, top)), p.paint(dim, row.name+", top "+bits(top)))
		label = ""
	}
	marks := make([]byte, len(l.Video))
	for i := range marks {
		switch {
		case l.Jumps[i] > 0:
			marks[i] = '!'
		case l.KeyFrames[i] > 0:
			marks[i] = 'K'
		default:
			marks[i] = '.'
		}
	}
	p.line("", "%s  %s", p.paint(dim, string(marks)), p.paint(dim, fmt.Sprintf("%.2f s each; K key frame, ! jump", l.Piece)))
}

// bars draws values up to top, above 0, in eighths; no value is a gap.
func bars(values []int, top int) string {
	levels := []rune("▁▂▃▄▅▆▇█")
	out := make([]rune, len(values))
	for i, v := range values {
		out[i] = ' '
		if v > 0 {
			out[i] = levels[(v*len(levels)-1)/top]
		}
	}
	return string(out)
}

func (p *printer) verdicts(list []Verdict) {
	if len(list) == 0 {
		return
	}
	p.WriteByte('\n')
	p.line("Browsers", "%-8s%-8s%-8s%-8s", "Chrome", "Edge", "Firefox", "Safari")
	for _, v := range list {
		cells := ""
		for _, a := range []Answer{v.Chrome, v.Edge, v.Firefox, v.Safari} {
			cells += p.paint(map[Answer]string{Yes: green, Maybe: yellow, No: red}[a], fmt.Sprintf("%-8s", a))
		}
		p.line("  "+v.Way, "%s", cells)
		for _, r := range v.Reasons {
			p.line("", "  %s", r.Text)
			p.line("", "  %s %s", p.paint(dim, "→"), r.Fix)
		}
	}
}

func (p *printer) findings(list []Finding) {
	p.WriteByte('\n')
	if len(list) == 0 {
		p.line("Findings", "%s", p.paint(green, "nothing is wrong"))
		return
	}
	label := "Findings"
	for _, f := range list {
		colour := yellow
		if f.Severity == Wrong {
			colour = red
		}
		p.line(label, "%s %s %s", p.paint(colour, string(f.Severity)+":"), printable(f.Message), p.paint(dim, "("+f.Code+")"))
		if f.Fix != "" {
			p.line("", "  %s %s", p.paint(dim, "→"), f.Fix)
		}
		label = ""
	}
}

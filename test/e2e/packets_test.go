//go:build e2e

package e2e

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// packet is one access unit as ffprobe sees it; times are in milliseconds.
type packet struct {
	kind     string // "video" or "audio"
	dts, pts int64
	key      bool
	size     int
	hash     string
}

func (p packet) String() string {
	return fmt.Sprintf("%s dts %d pts %d, %d bytes", p.kind, p.dts, p.pts, p.size)
}

// parsePacket reads one line of ffprobe's compact form.
func parsePacket(line string) (packet, error) {
	var p packet
	for _, field := range strings.Split(strings.TrimSpace(line), "|") {
		name, value, _ := strings.Cut(field, "=")
		var err error
		switch name {
		case "codec_type":
			p.kind = value
		case "dts":
			p.dts, err = strconv.ParseInt(value, 10, 64)
		case "pts":
			p.pts, err = strconv.ParseInt(value, 10, 64)
		case "size":
			p.size, err = strconv.Atoi(value)
		case "flags":
			p.key = strings.HasPrefix(value, "K")
		case "data_hash":
			p.hash = value
		}
		if err != nil {
			return packet{}, fmt.Errorf("ffprobe's %q: %w", line, err)
		}
	}
	if p.kind == "" || p.hash == "" {
		return packet{}, fmt.Errorf("ffprobe's %q: no codec_type or data_hash", line)
	}
	return p, nil
}

// prober is ffprobe reading a file or address.
type prober struct {
	*process
	source string
	lines  *bufio.Scanner
}

// startProbe runs ffprobe on a file or address; read must follow.
func startProbe(t *testing.T, source string, limit time.Duration) *prober {
	t.Helper()
	return startProbeBy(t, start, source, limit)
}

// starter is start, or what does the same elsewhere.
type starter func(t *testing.T, limit time.Duration, setup func(*exec.Cmd), name string, args ...string) *process

// startProbeBy is startProbe with the ffprobe that run finds.
func startProbeBy(t *testing.T, run starter, source string, limit time.Duration) *prober {
	t.Helper()
	r, w := io.Pipe()
	p := run(t, limit, separate(w), "ffprobe", "-v", "warning", "-show_packets", "-show_data_hash", "md5",
		"-show_entries", "packet=codec_type,pts,dts,size,flags,data_hash", "-of", "compact=p=0", source)
	go func() {
		<-p.done
		w.Close()
	}()
	t.Cleanup(func() { r.Close() })
	return &prober{p, source, bufio.NewScanner(r)}
}

// read returns the next n packets, or all until the end if n is 0.
func (p *prober) read(t *testing.T, n int) (all []packet) {
	t.Helper()
	line := ""
	for p.lines.Scan() {
		// Side data, such as a new codec configuration, breaks the line of its
		// packet; the hash is always last.
		line += p.lines.Text()
		if !strings.Contains(line, "data_hash=") {
			continue
		}
		pkt, err := parsePacket(line)
		if err != nil {
			t.Fatal(err)
		}
		line = ""
		if all = append(all, pkt); len(all) == n {
			return all
		}
	}
	if err := p.wait(); err != nil || n > 0 || len(all) == 0 {
		t.Fatalf("ffprobe %s: %d packets, want %d (0: all), then %v", p.source, len(all), n, err)
	}
	return all
}

// filePackets returns all packets of a file.
func filePackets(t *testing.T, file string) []packet {
	t.Helper()
	return startProbe(t, file, time.Minute).read(t, 0)
}

// readPackets reads a live address until it has n packets.
func readPackets(t *testing.T, url string, n int, limit time.Duration) []packet {
	t.Helper()
	p := startProbe(t, url, limit)
	defer p.signal(syscall.SIGKILL)
	return p.read(t, n)
}

// requireRun checks that got is an unbroken run of what was published: of each
// kind consecutive packets with the same bytes, video from a key frame on, and
// all of them moved by one and the same time.
func requireRun(t *testing.T, published, got []packet) {
	t.Helper()
	if err := checkRun(published, got); err != nil {
		t.Fatal(err)
	}
}

func checkRun(published, got []packet) error {
	sent, received := byKind(published), byKind(got)
	var shift int64
	shifted := false
	for _, kind := range []string{"video", "audio"} {
		want, have := sent[kind], received[kind]
		if len(want) > 0 && len(have) == 0 {
			return fmt.Errorf("no %s arrived", kind)
		}
		if len(have) == 0 {
			continue
		}
		first := indexOf(want, have[0])
		if first < 0 {
			return fmt.Errorf("the first %s packet (%v) was never published", kind, have[0])
		}
		if kind == "video" && !want[first].key {
			return fmt.Errorf("video starts with %v, which is no key frame", want[first])
		}
		if !shifted {
			shift, shifted = have[0].dts-want[first].dts, true
		}
		for i, h := range have {
			if first+i >= len(want) {
				return fmt.Errorf("%s packet %d is beyond the end of what was published", kind, i)
			}
			w := want[first+i]
			if h.hash != w.hash || h.size != w.size {
				return fmt.Errorf("%s packet %d is %v, published was %v", kind, i, h, w)
			}
			if !sameTime(h.dts-w.dts, shift) || !sameTime(h.pts-w.pts, shift) {
				return fmt.Errorf("%s packet %d is %v, published was %v: moved by %d and %d ms instead of %d",
					kind, i, h, w, h.dts-w.dts, h.pts-w.pts, shift)
			}
		}
	}
	return nil
}

// sameTime compares times that went through 32-bit milliseconds.
func sameTime(a, b int64) bool { return uint32(a) == uint32(b) }

func byKind(packets []packet) map[string][]packet {
	m := map[string][]packet{}
	for _, p := range packets {
		m[p.kind] = append(m[p.kind], p)
	}
	return m
}

func indexOf(packets []packet, p packet) int {
	for i, q := range packets {
		if q.hash == p.hash && q.size == p.size {
			return i
		}
	}
	return -1
}

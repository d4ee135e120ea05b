package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

const hlsCrowd = 1000

// hlsPlayers compares weir with nginx: players without low latency load the
// playlist each target duration and each segment once, first from weir, then the
// same files from nginx, into whose folder they are copied while weir makes them.
func hlsPlayers(ctx context.Context, l *lab) ([]row, error) {
	s, _, err := l.startHLS(ctx)
	if err != nil {
		return nil, err
	}
	beside, folder, err := l.startNginxFiles(ctx, hlsCrowd)
	if err != nil {
		return nil, err
	}
	copying, stop := context.WithCancelCause(ctx)
	defer stop(errCopied)
	copied := make(chan error, 1)
	go func() { copied <- copyHLS(copying, s.hls(), folder) }()
	ours, err := l.playHLS(ctx, s, s.hls(), hlsPlain)
	if err != nil {
		return nil, err
	}
	theirs, err := l.playHLS(ctx, beside, "http://"+beside.http+"/index.m3u8", hlsPlain)
	stop(errCopied)
	if err := errors.Join(err, <-copied); err != nil {
		return nil, err
	}
	const ratio = 2
	return append(append(ours.rows(""), theirs.rows("nginx: ")...),
		against("CPU against nginx", ours.CPU, theirs.CPU, "nginx", "%", ratio).
			with(append(prefixed("weir: ", ours.remarks()), prefixed("nginx: ", theirs.remarks())...))), nil
}

// hlsBlocked measures what waiting players cost: when a part comes, and when
// none does.
func hlsBlocked(ctx context.Context, l *lab) ([]row, error) {
	var rows []row
	for _, mode := range []hlsMode{hlsReloads, hlsLow} {
		s, source, err := l.startHLS(ctx)
		if err != nil {
			return rows, err
		}
		r, err := l.playHLS(ctx, s, s.hls(), mode)
		if err != nil {
			return rows, err
		}
		each := 10 * r.CPU * l.window.Seconds() / float64(max(1, r.Parts)) // ms
		rows = append(rows, r.rows(string(mode)+": ")...)
		rows = append(rows, told(string(mode)+": CPU for a part", each, "ms").with(r.remarks()))
		if mode == hlsReloads {
			idle, err := l.silence(ctx, s, source)
			if err != nil {
				return rows, err
			}
			rows = append(rows, atMost("CPU while all wait and nothing comes", idle, "%", 1))
		}
		s.kill()
	}
	return rows, nil
}

// silence stops the publisher while players wait, and returns what the server
// needs then.
func (l *lab) silence(ctx context.Context, s *server, source *process) (cpu float64, err error) {
	// Reloads are answered after three target durations of 2 s at the latest.
	const settle, quiet, players = time.Second, 3 * time.Second, hlsCrowd
	clients, err := l.startHLSClients(s, s.hls(), hlsReloads, time.Hour)
	if err != nil {
		return 0, err
	}
	defer clients.kill()
	if err := sleep(ctx, 2*warmUp+time.Second*players/rampPerSecond); err != nil {
		return 0, err
	}
	source.signal(syscall.SIGSTOP)
	defer source.signal(syscall.SIGCONT)
	if err := sleep(ctx, settle); err != nil {
		return 0, err
	}
	m, err := s.metrics(ctx)
	if err != nil {
		return 0, err
	}
	if n := m.sum("weir_hls_blocked_requests"); n < players {
		return 0, fmt.Errorf("only %v of %d players wait", n, players)
	}
	before, err := s.usage()
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := sleep(ctx, quiet); err != nil {
		return 0, err
	}
	after, err := s.usage()
	return percent(after-before, time.Since(began)), err
}

// startHLS starts weir with one stream.
func (l *lab) startHLS(ctx context.Context) (s *server, source *process, err error) {
	clip, err := l.clip(ctx, normalClip)
	if err != nil {
		return nil, nil, err
	}
	if s, err = l.startWeir(ctx, serverCore); err != nil {
		return nil, nil, err
	}
	source, err = l.broadcast(ctx, s, publishing{url: s.url("s"), n: 1, clip: clip})
	return s, source, err
}

// hls returns where the stream is played by HLS.
func (s *server) hls() string { return "http://" + s.http + "/live/s/index.m3u8" }

// startNginxFiles starts nginx as a server of the files in folder.
func (l *lab) startNginxFiles(ctx context.Context, connections int) (s *server, folder string, err error) {
	s = &server{}
	if _, s.http, err = freeAddress(); err != nil {
		return nil, "", err
	}
	folder = filepath.Join(l.dir, "hls")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, "", err
	}
	const spare = 100 // listeners, files and those that come and go
	config := filepath.Join(l.dir, "nginx-files.conf")
	text := fmt.Sprintf(`daemon off; master_process off; worker_processes 1; pid %[1]s/nginx.pid; error_log %[1]s/nginx.log;
events { worker_connections %[2]d; }
http {
	access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
	types { application/vnd.apple.mpegurl m3u8; video/mp4 mp4 m4s; }
	server { listen %[3]s; root %[4]s; }
}
`, l.dir, 2*connections+spare, s.http, folder)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, "", err
	}
	if s.process, err = l.start(serverCore, l.dir, environment(), l.nginx, "-p", l.dir, "-c", config); err != nil {
		return nil, "", err
	}
	return s, folder, s.accept(ctx, s.http)
}

// errCopied is why copying ends.
var errCopied = errors.New("copied for long enough")

// copyHLS keeps copies of a playlist and its segments in folder until ctx ends.
func copyHLS(ctx context.Context, address, folder string) error {
	const often, media = 100 * time.Millisecond, "media.m3u8"
	index, err := fetch(ctx, address)
	if err != nil {
		return err
	}
	base, err := url.Parse(address)
	if err != nil {
		return err
	}
	if base, err = base.Parse(firstURI(string(index))); err != nil {
		return err
	}
	if err := store(folder, "index.m3u8", []byte("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000000\n"+media+"\n")); err != nil {
		return err
	}
	for have := map[string]bool{}; ; {
		text, err := fetch(ctx, base.String())
		if err == nil {
			err = copySegments(ctx, base, parseHLS(string(text)), folder, have)
		}
		if err == nil {
			err = store(folder, media, text)
		}
		if err == nil {
			err = sleep(ctx, often)
		}
		switch {
		case context.Cause(ctx) == errCopied:
			return nil
		case err != nil:
			return err
		}
	}
}

func copySegments(ctx context.Context, base *url.URL, list hlsList, folder string, have map[string]bool) error {
	for _, uri := range list.segments {
		if have[uri] {
			continue
		}
		u, err := base.Parse(uri)
		if err != nil {
			return err
		}
		body, err := fetch(ctx, u.String())
		if err != nil {
			return err
		}
		if err := store(folder, path.Base(u.Path), body); err != nil {
			return err
		}
		have[uri] = true
	}
	return nil
}

func fetch(ctx context.Context, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", address, response.Status)
	}
	return io.ReadAll(response.Body)
}

// store writes a file in such a way that nobody reads a part of it.
func store(folder, name string, body []byte) error {
	coming := filepath.Join(folder, name+".new")
	if err := os.WriteFile(coming, body, 0o600); err != nil {
		return err
	}
	return os.Rename(coming, filepath.Join(folder, name))
}

// startHLSClients starts players of a stream on the core of the load: this
// program itself.
func (l *lab) startHLSClients(s *server, address string, mode hlsMode, window time.Duration) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return l.start(loadCore, l.dir, environment(), program, hlsCommand, "-url", address, "-mode", string(mode),
		"-n", strconv.Itoa(hlsCrowd), "-pid", strconv.Itoa(s.pid()), "-window", window.String())
}

func (l *lab) playHLS(ctx context.Context, s *server, address string, mode hlsMode) (hlsReport, error) {
	clients, err := l.startHLSClients(s, address, mode, l.window)
	if err != nil {
		return hlsReport{}, err
	}
	out, err := clients.wait(ctx)
	if err != nil {
		return hlsReport{}, err
	}
	var r hlsReport
	if err := json.Unmarshal(out, &r); err != nil {
		return hlsReport{}, fmt.Errorf("report of the HLS players: %w", err)
	}
	if r.Failed > 0 {
		fmt.Fprintf(l.messages, "the first of %d failures: %s\n", r.Failed, r.Why)
	}
	return r, nil
}

// rows are the figures of one load.
func (r hlsReport) rows(prefix string) []row {
	rows := []row{
		told(prefix+"CPU", r.CPU, "%"),
		told(prefix+"memory", r.Memory/megabyte, "MB"),
		told(prefix+"sent", r.Rate*8/1e6, "Mbit/s"),
		none(prefix+"players that failed", r.Failed),
	}
	for _, t := range []struct {
		figure string
		times
	}{
		{"playlist, p99", r.Playlists}, {"segment or part, p99", r.Media}, {"blocked reload, p99 behind the first player", r.Answers},
	} {
		if t.N > 0 {
			rows = append(rows, told(prefix+t.figure, t.P99, "ms"))
		}
	}
	for i := range rows {
		rows[i] = rows[i].with(r.remarks())
	}
	return rows
}

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/weirmedia/weir/test/freeport"
)

// lab is where one scenario is measured. Whatever is started in it ends with it.
type lab struct {
	options
	dir      string // for files of servers
	messages io.Writer
	generator
	started []*process
}

// close ends all processes, the last one first.
func (l *lab) close() {
	for i := len(l.started) - 1; i >= 0; i-- {
		l.started[i].kill()
	}
}

// start starts a program that ends with the lab at the latest.
func (l *lab) start(cores, dir string, env []string, program string, args ...string) (*process, error) {
	p, err := start(cores, dir, env, program, args...)
	if err == nil {
		l.started = append(l.started, p)
	}
	return p, err
}

// server is a server under test.
type server struct {
	*process
	port       int    // for RTMP
	rtmp, http string // host:port; nginx has no http
}

const (
	serverCore = "0"
	loadCore   = "1"
	bothCores  = "0,1"
)

// startWeir starts weir on cores with as many threads that run Go code. Settings
// are those of the configuration, by the names of their variables.
func (l *lab) startWeir(ctx context.Context, cores string, settings ...string) (*server, error) {
	program, err := filepath.Abs(l.weir)
	if err != nil {
		return nil, err
	}
	s := &server{}
	if s.port, s.rtmp, err = freeAddress(); err != nil {
		return nil, err
	}
	if _, s.http, err = freeAddress(); err != nil {
		return nil, err
	}
	env := append(environment(), "GOMAXPROCS="+strconv.Itoa(1+strings.Count(cores, ",")),
		"WEIR_RTMP_LISTEN="+s.rtmp, "WEIR_RTMP_TLS_LISTEN=off", "WEIR_RTSP_LISTEN=off", "WEIR_WEBRTC_LISTEN=off", "WEIR_HTTP_LISTEN="+s.http, "WEIR_LOG_LEVEL=warn")
	if s.process, err = l.start(cores, l.dir, append(env, settings...), program, "serve"); err != nil {
		return nil, err
	}
	return s, s.accept(ctx, s.http)
}

// startNginx starts nginx with its RTMP module for a number of connections.
func (l *lab) startNginx(ctx context.Context, connections int) (*server, error) {
	s := &server{}
	var err error
	if s.port, s.rtmp, err = freeAddress(); err != nil {
		return nil, err
	}
	const spare = 100 // listeners, files and those that come and go
	config := filepath.Join(l.dir, "nginx.conf")
	text := fmt.Sprintf(`load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
daemon off; master_process off; worker_processes 1; pid %[1]s/nginx.pid; error_log %[1]s/nginx.log;
events { worker_connections %[2]d; }
rtmp { access_log off; server { listen %[3]s; chunk_size 4096; application live { live on; } } }
`, l.dir, connections+spare, s.rtmp)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	if s.process, err = l.start(serverCore, l.dir, environment(), l.nginx, "-p", l.dir, "-c", config); err != nil {
		return nil, err
	}
	return s, s.accept(ctx, s.rtmp)
}

// environment returns that of this program without what would change weir's
// configuration or its runtime.
func environment() []string {
	var kept []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "WEIR_") && !strings.HasPrefix(v, "GO") {
			kept = append(kept, v)
		}
	}
	return kept
}

func freeAddress() (port int, address string, err error) {
	if address, err = freeport.Find(); err != nil {
		return 0, "", err
	}
	where, err := netip.ParseAddrPort(address)
	return int(where.Port()), address, err
}

// accept waits until the server accepts connections at address.
func (s *server) accept(ctx context.Context, address string) error {
	for {
		conn, err := net.DialTimeout("tcp4", address, time.Second)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-s.done:
			return fmt.Errorf("%s ended: %w: %s", s.name, s.err, s.log.String())
		default:
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// url returns where a stream is published and played by RTMP.
func (s *server) url(stream string) string { return "rtmp://" + s.rtmp + "/live/" + stream }

// flv returns where it is played by HTTP-FLV.
func (s *server) flv(stream string) string { return "http://" + s.http + "/live/" + stream + ".flv" }

// metrics are samples in Prometheus' text format, by name and labels.
type metrics map[string]float64

func (s *server) metrics(ctx context.Context) (metrics, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.http+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("metrics: %s", response.Status)
	}
	return parseMetrics(response.Body)
}

func parseMetrics(r io.Reader) (metrics, error) {
	m := metrics{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		cut := strings.LastIndexByte(line, ' ')
		if cut < 0 || line[0] == '#' {
			continue
		}
		value, err := strconv.ParseFloat(line[cut+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("metrics: %q: %w", line, err)
		}
		m[line[:cut]] = value
	}
	return m, lines.Err()
}

// sum adds up a metric over all its labels.
func (m metrics) sum(name string) (total float64) {
	for series, value := range m {
		if series == name || strings.HasPrefix(series, name+"{") {
			total += value
		}
	}
	return total
}

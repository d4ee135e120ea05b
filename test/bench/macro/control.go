package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// controlPlane looks at very many sessions and streams while players are measured,
// whom that must not disturb.
type controlPlane struct {
	sessions, streams, players int
}

const (
	// controlPage is how many sessions a list has at most.
	controlPage = 1000
	// disturbance is how much the delivery lag that 99 of 100 do not exceed may grow
	// while the control plane is busy.
	disturbance = 10 // ms
	// turns is how often each of the two is measured.
	turns = 2
	// openPerSecond is how many connections that wait are opened.
	openPerSecond = 2000
)

// asked is a question that is asked each second.
type asked struct {
	name  string
	paths []string
}

// questions are all that is asked: 10,000 sessions page by page, those that a filter
// chooses, the streams, and the metrics with as many series as there can be.
func (c controlPlane) questions() []asked {
	pages := asked{name: "sessions page by page"}
	for offset := 0; offset < c.sessions; offset += controlPage {
		pages.paths = append(pages.paths, fmt.Sprintf("/api/v1/sessions?limit=%d&offset=%d", controlPage, offset))
	}
	return []asked{
		pages,
		{"sessions by a filter", []string{"/api/v1/sessions?action=play&protocol=rtmp&state=active"}},
		{"sessions of a stream", []string{"/api/v1/sessions?stream=none/17"}},
		{"streams", []string{"/api/v1/streams"}},
		{"metrics", []string{"/metrics"}},
		{"statistics", []string{"/api/v1/stats"}},
	}
}

func (c controlPlane) run(ctx context.Context, l *lab) ([]row, error) {
	tiny, err := l.clip(ctx, tinyClip)
	if err != nil {
		return nil, err
	}
	normal, err := l.clip(ctx, normalClip)
	if err != nil {
		return nil, err
	}
	s, err := l.startWeir(ctx, serverCore, fmt.Sprintf("WEIR_METRICS_STREAMS=%d", c.streams), "WEIR_STREAM_WAIT=1h",
		fmt.Sprintf("WEIR_LIMITS_MAX_WAITING=%d", 2*c.sessions))
	if err != nil {
		return nil, err
	}
	defer s.kill()
	if _, err := l.broadcast(ctx, s, publishing{url: s.url("many%d"), n: c.streams, clip: tiny}); err != nil {
		return nil, err
	}
	if _, err := l.broadcast(ctx, s, publishing{url: s.url("s"), n: 1, clip: normal}); err != nil {
		return nil, err
	}
	crowd := &waiting{}
	defer crowd.close()
	if err := crowd.open(ctx, s, c.sessions); err != nil {
		return nil, err
	}
	return c.compare(ctx, l, s)
}

// compare measures the players without and with a busy control plane, in turns:
// machines are not the same from one minute to the next.
func (c controlPlane) compare(ctx context.Context, l *lab, s *server) ([]row, error) {
	var sides [2]side
	var questions *inquiry
	for turn := range 2 * turns {
		busy := turn%2 == 1
		if busy {
			questions = c.inquire(ctx, s, questions)
		}
		err := sides[turn%2].measure(ctx, l, s, playing{
			url: s.url("s"), n: c.players, streams: 1, perSecond: rampPerSecond, verify: 4, tick: l.ticks()[0], window: l.window,
		})
		if busy {
			err = errors.Join(err, questions.stop())
		}
		if err != nil {
			return nil, err
		}
	}
	quiet, busy := &sides[0], &sides[1]
	rows := append(quiet.rows("quiet"), busy.rows("asked each second")...)
	rows = append(rows, atMost("lag p99, difference", busy.lag.quantile(.99)-quiet.lag.quantile(.99), "ms", disturbance))
	return append(rows, questions.rows()...), nil
}

// side is what was measured of players in all turns of one kind.
type side struct {
	cpu, latency float64 // means
	memory       float64 // the most
	wrong        int
	lag          lagCounts // of the delivery
	remarks      []string
}

// measure adds a turn with players.
func (s *side) measure(ctx context.Context, l *lab, server *server, p playing) error {
	before, err := server.metrics(ctx)
	if err != nil {
		return err
	}
	w, err := l.play(ctx, server, p)
	if err != nil {
		return err
	}
	after, err := server.metrics(ctx)
	if err != nil {
		return err
	}
	s.cpu += w.CPU / turns
	s.latency += w.P99 / turns
	s.memory = max(s.memory, w.memory)
	s.wrong += w.Lost + w.Errors
	s.lag.add(after, before)
	s.remarks = append(s.remarks, w.remarks...)
	return nil
}

func (s *side) rows(name string) []row {
	return []row{
		told(name+": CPU", s.cpu, "%").with(s.remarks),
		told(name+": lag p50", s.lag.quantile(.5), "ms"), told(name+": lag p99", s.lag.quantile(.99), "ms"),
		told(name+": latency p99", s.latency, "ms"),
		told(name+": memory", s.memory/megabyte, "MB"), none(name+": players lost, wrong frames", s.wrong),
	}
}

// lagCounts counts deliveries by the upper bounds of weir_delivery_lag_seconds, in
// seconds, cumulative.
type lagCounts map[float64]float64

// add adds what came between two scrapes.
func (c *lagCounts) add(after, before metrics) {
	if *c == nil {
		*c = lagCounts{}
	}
	for series, n := range after {
		if _, bound, ok := strings.Cut(series, `le="`); ok && strings.HasPrefix(series, "weir_delivery_lag_seconds_bucket{") {
			if le, err := strconv.ParseFloat(strings.TrimSuffix(bound, `"}`), 64); err == nil {
				(*c)[le] += n - before[series]
			}
		}
	}
}

// quantile returns in milliseconds what a part q of all deliveries did not exceed,
// as histogram_quantile does.
func (c lagCounts) quantile(q float64) float64 {
	bounds := slices.Sorted(maps.Keys(c))
	if len(bounds) == 0 || c[bounds[len(bounds)-1]] == 0 {
		return math.NaN()
	}
	rank := q * c[bounds[len(bounds)-1]]
	lower, below := 0.0, 0.0
	for _, upper := range bounds {
		if c[upper] >= rank && !math.IsInf(upper, 1) {
			return 1000 * (lower + (upper-lower)*(rank-below)/(c[upper]-below))
		}
		if !math.IsInf(upper, 1) {
			lower, below = upper, c[upper]
		}
	}
	return 1000 * lower
}

// waiting are connections of players of streams that nobody publishes.
type waiting struct{ conns []net.Conn }

// open opens n of them and waits until the server lists them all.
func (w *waiting) open(ctx context.Context, s *server, n int) error {
	began := time.Now()
	for i := range n {
		conn, err := net.Dial("tcp4", s.http)
		if err != nil {
			return err
		}
		w.conns = append(w.conns, conn)
		if _, err := fmt.Fprintf(conn, "GET /none/%d.flv HTTP/1.1\r\nHost: weir\r\n\r\n", i%1000); err != nil {
			return err
		}
		if early := time.Duration(i)*time.Second/openPerSecond - time.Since(began); early > 0 {
			if err := sleep(ctx, early); err != nil {
				return err
			}
		}
	}
	for {
		_, body, err := get(ctx, s, "/api/v1/sessions?state=waiting&limit=1")
		if err != nil {
			return err
		}
		var list struct{ Total int }
		if err := json.Unmarshal(body, &list); err != nil {
			return err
		}
		if list.Total == n {
			return nil
		}
		if err := sleep(ctx, 200*time.Millisecond); err != nil {
			return fmt.Errorf("%d of %d players wait: %w", list.Total, n, err)
		}
	}
}

func (w *waiting) close() {
	for _, conn := range w.conns {
		conn.Close()
	}
}

// get asks the server, which trusts this machine, and returns how long that took
// and the answer.
func get(ctx context.Context, s *server, path string) (took time.Duration, body []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.http+path, nil)
	if err != nil {
		return 0, nil, err
	}
	began := time.Now()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, response.Status)
	}
	return time.Since(began), body, err
}

// inquiry asks everything each second until it is stopped.
type inquiry struct {
	questions []asked
	cancel    context.CancelFunc
	running   sync.WaitGroup

	took  [][]time.Duration // by question
	bytes []int             // of the newest answers
	err   error
}

// inquire begins to ask. It goes on with what earlier found, which may be nil.
func (c controlPlane) inquire(ctx context.Context, s *server, earlier *inquiry) *inquiry {
	q := earlier
	if q == nil {
		q = &inquiry{questions: c.questions()}
		q.took, q.bytes = make([][]time.Duration, len(q.questions)), make([]int, len(q.questions))
	}
	ctx, q.cancel = context.WithCancel(ctx)
	q.running.Go(func() {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for q.err == nil {
			q.ask(ctx, s)
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
		}
	})
	return q
}

// ask asks everything once.
func (q *inquiry) ask(ctx context.Context, s *server) {
	for i, question := range q.questions {
		var all time.Duration
		size := 0
		for _, path := range question.paths {
			took, body, err := get(ctx, s, path)
			if err != nil {
				if ctx.Err() == nil {
					q.err = err
				}
				return
			}
			all += took
			size += len(body)
		}
		q.took[i], q.bytes[i] = append(q.took[i], all), size
	}
}

// stop ends the asking.
func (q *inquiry) stop() error {
	q.cancel()
	q.running.Wait()
	return q.err
}

// rows tell how long answers took.
func (q *inquiry) rows() (rows []row) {
	for i, question := range q.questions {
		if len(q.took[i]) == 0 {
			rows = append(rows, missing(question.name, "nobody had an answer"))
			continue
		}
		slices.Sort(q.took[i])
		median := q.took[i][len(q.took[i])/2]
		rows = append(rows, told(fmt.Sprintf("%s, %s: median", question.name, quantity(float64(q.bytes[i])/1000, "KB")),
			float64(median.Microseconds())/1000, "ms"))
	}
	return rows
}

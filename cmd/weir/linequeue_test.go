package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// gate is a writer that takes a batch each time it is opened. Tests run in bubbles, where
// it waits for nothing else.
type gate struct {
	bytes.Buffer
	open chan error
}

func (g *gate) Write(b []byte) (int, error) {
	if err := <-g.open; err != nil {
		return 0, err
	}
	return g.Buffer.Write(b)
}

// TestLineIsOut: while the reader keeps up, a line is written when Write returns.
func TestLineIsOut(t *testing.T) {
	var out bytes.Buffer
	q := newLineQueue(&out, new(atomic.Uint64), nil)
	defer q.close(patience)
	for i := range 3 {
		fmt.Fprintln(q, i)
		if want := "0\n1\n2\n"[:2*(i+1)]; out.String() != want {
			t.Fatalf("after line %d: %q", i, &out)
		}
	}
}

// TestLinesDropped: a reader that reads nothing stops nobody, and gets what the queue
// holds, and the number of lines that it did not hold, when it reads again.
func TestLinesDropped(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		synctest.Test(t, func(t *testing.T) {
			s := defaultSettings()
			s.log.Format = format
			g := &gate{open: make(chan error)}
			log, q := newLogger(g, s)
			text := strings.Repeat("x", 1000)
			const logged = 3000
			began := time.Now()
			for i := range logged {
				log.Info("many", slog.Int("i", i), slog.String("text", text))
			}
			if waited := time.Since(began); waited > linePatience {
				t.Errorf("%v passed", waited)
			}
			dropped := s.logDropped.Load()
			if dropped < logged/2 || dropped > logged*3/4 {
				t.Errorf("%d of %d lines are dropped", dropped, logged)
			}
			close(g.open)
			synctest.Wait()
			log.Info("later")
			q.close(patience)
			all := strings.SplitAfter(strings.TrimSpace(g.String()), "\n")
			if n := uint64(len(all)); n != logged-dropped+2 {
				t.Fatalf("%d lines, want %d and two", n, logged-dropped)
			}
			for i, line := range all[:logged-dropped] {
				if !strings.Contains(line, text) || !strings.Contains(line, fmt.Sprint(i)) {
					t.Fatalf("line %d: %.200s", i, line)
				}
			}
			told, last := all[len(all)-2], all[len(all)-1]
			if !strings.Contains(told, "log lines dropped") || !strings.Contains(told, fmt.Sprint(dropped)) || !strings.Contains(last, "later") {
				t.Errorf("the end is %q, %q", told, last)
			}
			if strings.HasPrefix(told, "{") != (format == "json") {
				t.Errorf("%s: %s", format, told)
			}
		})
	}
}

// TestLinesFail: lines that could not be written, since a disk was full, are told of when
// it is not.
func TestLinesFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := defaultSettings()
		g := &gate{open: make(chan error, 10)}
		log, q := newLogger(g, s)
		full := errors.New("disk full")
		for _, err := range []error{full, full, full, full, nil, nil} { // of each line, and of what tells of it
			g.open <- err
		}
		for i := range 3 {
			log.Info("some", slog.Int("line", i))
		}
		q.close(patience)
		if text := g.String(); strings.Contains(text, "line=0") || !strings.Contains(text, "line=2") || !strings.Contains(text, "lines=2") {
			t.Errorf("written: %s", text)
		}
		if n := s.logDropped.Load(); n != 2 {
			t.Errorf("%d are counted, want 2", n)
		}
	})
}

// TestQueueCloses: the end waits for a reader that is behind, but not for ever, and what
// comes later is dropped.
func TestQueueCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dropped atomic.Uint64
		g := &gate{open: make(chan error)}
		q := newLineQueue(g, &dropped, nil)
		_, _ = io.WriteString(q, "a\n")
		_, _ = io.WriteString(q, "b\n")
		go func() {
			time.Sleep(flushTime / 2)
			close(g.open)
		}()
		q.close(flushTime)
		_, _ = io.WriteString(q, "c\n")
		if g.String() != "a\nb\n" || dropped.Load() != 1 {
			t.Errorf("written: %q, dropped: %d", &g.Buffer, dropped.Load())
		}

		stuck := &gate{open: make(chan error)}
		q = newLineQueue(stuck, &dropped, nil)
		_, _ = io.WriteString(q, "a\n")
		began := time.Now()
		q.close(flushTime)
		if waited := time.Since(began); waited != flushTime {
			t.Errorf("the end took %v, want %v", waited, flushTime)
		}
		close(stuck.open)
	})
}

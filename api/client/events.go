package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"time"

	"github.com/weirmedia/weir/pkg/event"
)

const (
	// silence is for how long the server may say nothing: it sends a sign of life
	// every 15 s.
	silence = 45 * time.Second
	// firstPause and maxPause are how long the client waits before it asks again:
	// twice as long each time, until an event has come.
	firstPause, maxPause = 250 * time.Millisecond, 10 * time.Second
)

// Events returns what happens, as it happens, from the moment of the first answer on.
// The filter has the names of the query's parameters: types and stream, both may be
// missing.
//
// When the connection ends, which it does every 15 minutes, the client asks again and
// misses nothing, or gets an event.EventsLost. The last error, after which there is
// no event, says why it does not: the context's, if that has ended, an *Error if the
// server says no, or that the server could not be reached the first time.
func (c *Client) Events(ctx context.Context, filter url.Values) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		s := &eventStream{client: c, path: "/events?" + filter.Encode(), pause: firstPause}
		for {
			wanted, err := s.read(ctx, func(e event.Event) bool { return yield(e, nil) })
			switch {
			case !wanted:
				return
			case ctx.Err() != nil:
				err = ctx.Err()
			case s.again(err):
				s.rest(ctx)
				continue
			}
			yield(event.Event{}, err)
			return
		}
	}
}

// eventStream is one reading of events, by as many requests as it takes.
type eventStream struct {
	client *Client
	path   string
	last   string // the id to come back with; empty before the first answer
	pause  time.Duration
}

// again reports whether another request may help after err.
func (s *eventStream) again(err error) bool {
	var no *Error
	if errors.As(err, &no) {
		return no.Status >= http.StatusInternalServerError && s.last != ""
	}
	var syntax *badEventError
	return s.last != "" && !errors.As(err, &syntax)
}

// rest waits before the next request.
func (s *eventStream) rest(ctx context.Context) {
	timer := time.NewTimer(s.pause)
	defer timer.Stop()
	s.pause = min(2*s.pause, maxPause)
	select {
	case <-timer.C:
	case <-ctx.Done(): // the next request fails with it
	}
}

// badEventError says that the server sends what is no event.
type badEventError struct{ err error }

func (e *badEventError) Error() string { return "no event of a weir: " + e.err.Error() }

func (e *badEventError) Unwrap() error { return e.err }

// read makes one request and hands over what it brings, until it ends or take does
// not want more.
func (s *eventStream) read(ctx context.Context, take func(event.Event) bool) (wanted bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watch := time.AfterFunc(silence, cancel)
	defer watch.Stop()
	request, err := s.client.request(ctx, http.MethodGet, s.path, nil)
	if err != nil {
		return true, err
	}
	if s.last != "" {
		request.Header.Set("Last-Event-ID", s.last)
	}
	endless := http.Client{Transport: s.client.http.Transport}
	response, err := endless.Do(request)
	if err != nil {
		return true, err
	}
	defer response.Body.Close()
	if err := s.client.refused(response, json.NewDecoder(io.LimitReader(response.Body, maxAnswer))); err != nil {
		return true, err
	}
	d := newDecoder(&watched{response.Body, watch})
	for {
		data, err := d.next()
		if d.last != "" {
			s.last = d.last
		}
		switch {
		case errors.Is(err, errLongMessage):
			return true, &badEventError{err}
		case err != nil:
			return true, fmt.Errorf("%s: %w", s.client.base, err)
		}
		var e event.Event
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			return true, &badEventError{err}
		}
		s.pause = firstPause
		if !take(e) {
			return false, nil
		}
	}
}

// watched is a body of which every part that comes puts off its end.
type watched struct {
	io.Reader
	end *time.Timer
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.Reader.Read(b)
	w.end.Reset(silence)
	return n, err
}

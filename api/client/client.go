// Package client speaks to a weir by its API, version 1.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/weirmedia/weir/api"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/httpserver"
)

// Client speaks to one server. Its methods are safe for concurrent use; they fail
// with an *Error if the server says no.
type Client struct {
	base  string
	token string
	http  *http.Client
}

// timeout bounds a request, maxAnswer an answer in bytes: 10,000 sessions make 5 MB.
const (
	timeout   = 30 * time.Second
	maxAnswer = 64 << 20
)

// New returns a client of the server at base, such as "http://127.0.0.1:8080". The
// token may be empty, which is enough on the machine itself.
func New(base, token string) (*Client, error) {
	if !config.WebURL(base).Valid() {
		return nil, fmt.Errorf("%q is no URL of a server, which is like http://127.0.0.1:8080", base)
	}
	return &Client{base: strings.TrimSuffix(base, "/") + "/api/v1", token: token, http: &http.Client{Timeout: timeout, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment}}}, nil
}

// Close closes connections that are kept for the next request.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Error is the answer no.
type Error struct {
	Status int // of HTTP
	// Code is a stable word, Field the part of the request that is wrong, or empty.
	Code, Message, Field string
	// RequestID is how the server's log calls the request.
	RequestID string
}

func (e *Error) Error() string { return e.Message }

// Info returns what the server says about itself.
func (c *Client) Info(ctx context.Context) (info api.Info, err error) {
	err = c.do(ctx, http.MethodGet, "/info", nil, &info)
	return info, err
}

// Streams returns all streams.
func (c *Client) Streams(ctx context.Context) ([]api.StreamInfo, error) {
	var answer struct{ Streams []api.StreamInfo }
	err := c.do(ctx, http.MethodGet, "/streams", nil, &answer)
	return answer.Streams, err
}

// Release closes the publisher of a stream.
func (c *Client) Release(ctx context.Context, stream string) error {
	return c.do(ctx, http.MethodDelete, "/streams/"+(&url.URL{Path: stream}).EscapedPath(), nil, nil)
}

// Sessions returns the sessions that a filter chooses, oldest first, and how many
// there are in all. The filter has the names of the query's parameters.
func (c *Client) Sessions(ctx context.Context, filter url.Values) (list []api.SessionInfo, total int, err error) {
	var answer struct {
		Sessions []api.SessionInfo
		Total    int
	}
	err = c.do(ctx, http.MethodGet, "/sessions?"+filter.Encode(), nil, &answer)
	return answer.Sessions, answer.Total, err
}

// Ended returns the sessions that have ended of late, newest first, that a filter
// chooses, with their timelines.
func (c *Client) Ended(ctx context.Context, filter url.Values) ([]api.EndedInfo, error) {
	var answer struct{ Sessions []api.EndedInfo }
	err := c.do(ctx, http.MethodGet, "/sessions/ended?"+filter.Encode(), nil, &answer)
	return answer.Sessions, err
}

// Session returns one session with its timeline.
func (c *Client) Session(ctx context.Context, id string) (s api.SessionInfo, err error) {
	err = c.do(ctx, http.MethodGet, "/sessions/"+url.PathEscape(id), nil, &s)
	return s, err
}

// Stats returns how the server has fared since a moment, in the last ten minutes at
// most; all of these with the zero Time.
func (c *Client) Stats(ctx context.Context, since time.Time) (answer api.StatsInfo, err error) {
	query := url.Values{}
	if !since.IsZero() {
		query.Set("since", since.Format(time.RFC3339Nano))
	}
	err = c.do(ctx, http.MethodGet, "/stats?"+query.Encode(), nil, &answer)
	return answer, err
}

// Recordings returns the recorded files that a filter chooses, by stream, then start,
// and whether there are more. The filter has the names of the query's parameters.
func (c *Client) Recordings(ctx context.Context, filter url.Values) (list []api.RecordingInfo, more bool, err error) {
	var answer struct {
		Recordings []api.RecordingInfo
		More       bool
	}
	err = c.do(ctx, http.MethodGet, "/recordings?"+filter.Encode(), nil, &answer)
	return answer.Recordings, answer.More, err
}

// Recorded returns what there is of each stream.
func (c *Client) Recorded(ctx context.Context) (answer api.RecordedInfo, err error) {
	err = c.do(ctx, http.MethodGet, "/recordings/streams", nil, &answer)
	return answer, err
}

// RemoveRecording removes a recorded file.
func (c *Client) RemoveRecording(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, "/recordings/"+url.PathEscape(id), nil, nil)
}

// Recorders returns the streams that are recorded, or should be, by name.
func (c *Client) Recorders(ctx context.Context) ([]api.RecorderInfo, error) {
	var answer struct{ Recorders []api.RecorderInfo }
	err := c.do(ctx, http.MethodGet, "/recorders", nil, &answer)
	return answer.Recorders, err
}

// StartRecorder records a stream until StopRecorder.
func (c *Client) StartRecorder(ctx context.Context, r api.RecorderRequest) error {
	return c.do(ctx, http.MethodPost, "/recorders/start", r, nil)
}

// StopRecorder records a stream no more.
func (c *Client) StopRecorder(ctx context.Context, stream string) error {
	return c.do(ctx, http.MethodPost, "/recorders/stop", map[string]string{"stream": stream}, nil)
}

// Kick closes a session.
func (c *Client) Kick(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, "/sessions/"+url.PathEscape(id), nil, nil)
}

// Explain tells whether a client would be allowed something.
func (c *Client) Explain(ctx context.Context, q api.Question) (answer api.Explanation, err error) {
	err = c.do(ctx, http.MethodPost, "/auth/explain", q, &answer)
	return answer, err
}

// ConfigKeys returns the configuration in force key by key.
func (c *Client) ConfigKeys(ctx context.Context) (keys api.ConfigKeys, err error) {
	err = c.do(ctx, http.MethodGet, "/config/keys", nil, &keys)
	return keys, err
}

// do sends a request and reads its answer into answer, unless that is nil.
func (c *Client) do(ctx context.Context, method, path string, body, answer any) error {
	request, err := c.request(ctx, method, path, body)
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	decoder := json.NewDecoder(io.LimitReader(response.Body, maxAnswer))
	if err := c.refused(response, decoder); err != nil || answer == nil {
		return err
	}
	if err := decoder.Decode(answer); err != nil {
		return fmt.Errorf("%s answered what cannot be read: %w", c.base, err)
	}
	return nil
}

// request returns a request with the token and, unless body is nil, with that as JSON.
func (c *Client) request(ctx context.Context, method, path string, body any) (*http.Request, error) {
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, reader)
	if err != nil {
		return nil, err
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return request, nil
}

// refused returns the error that a response tells of, nil if it is what was asked for.
func (c *Client) refused(response *http.Response, body *json.Decoder) error {
	if response.StatusCode < http.StatusMultipleChoices {
		return nil
	}
	var no struct{ Error httpserver.Error }
	if err := body.Decode(&no); err != nil || no.Error.Message == "" {
		return fmt.Errorf("%s answered %s, which is no answer of a weir", c.base, response.Status)
	}
	return &Error{response.StatusCode, no.Error.Code, no.Error.Message, no.Error.Field, no.Error.RequestID}
}

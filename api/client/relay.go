package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/weirmedia/weir/api"
)

// Pulls is what is fetched, and by which rules, in the order in which they are
// matched.
type Pulls struct {
	Pulls []api.RelayInfo `json:"pulls"`
	Rules []api.RelayRule `json:"rules"`
}

// Forwards is what is sent elsewhere, likewise.
type Forwards struct {
	Forwards []api.RelayInfo `json:"forwards"`
	Rules    []api.RelayRule `json:"rules"`
}

// Pulls returns what is fetched.
func (c *Client) Pulls(ctx context.Context) (list Pulls, err error) {
	err = c.do(ctx, http.MethodGet, "/pulls", nil, &list)
	return list, err
}

// AddPull adds a pull and returns it as it is matched.
func (c *Client) AddPull(ctx context.Context, p api.NewPull) (rule api.RelayRule, err error) {
	err = c.do(ctx, http.MethodPost, "/pulls", p, &rule)
	return rule, err
}

// RemovePull removes the pull of a pattern, if it was added.
func (c *Client) RemovePull(ctx context.Context, pattern string) error {
	return c.do(ctx, http.MethodDelete, "/pulls/"+(&url.URL{Path: pattern}).EscapedPath(), nil, nil)
}

// StopPull has a stream not fetched until StartPull.
func (c *Client) StopPull(ctx context.Context, stream string) error {
	return c.do(ctx, http.MethodPost, "/pulls/stop", api.StreamOfPull{Stream: stream}, nil)
}

// StartPull undoes StopPull.
func (c *Client) StartPull(ctx context.Context, stream string) error {
	return c.do(ctx, http.MethodPost, "/pulls/start", api.StreamOfPull{Stream: stream}, nil)
}

// Forwards returns what is sent elsewhere.
func (c *Client) Forwards(ctx context.Context) (list Forwards, err error) {
	err = c.do(ctx, http.MethodGet, "/forwards", nil, &list)
	return list, err
}

// AddForward adds a forward and returns it as it is matched.
func (c *Client) AddForward(ctx context.Context, f api.NewForward) (rule api.RelayRule, err error) {
	err = c.do(ctx, http.MethodPost, "/forwards", f, &rule)
	return rule, err
}

// RemoveForward removes the forward of a pattern, if it was added.
func (c *Client) RemoveForward(ctx context.Context, pattern string) error {
	return c.do(ctx, http.MethodDelete, "/forwards/"+(&url.URL{Path: pattern}).EscapedPath(), nil, nil)
}

// StopForward has a stream not sent to a target, as it is shown, or to none if that is
// empty, until StartForward.
func (c *Client) StopForward(ctx context.Context, stream, target string) error {
	return c.do(ctx, http.MethodPost, "/forwards/stop", api.StreamOfForward{Stream: stream, Target: target}, nil)
}

// StartForward undoes StopForward.
func (c *Client) StartForward(ctx context.Context, stream, target string) error {
	return c.do(ctx, http.MethodPost, "/forwards/start", api.StreamOfForward{Stream: stream, Target: target}, nil)
}

package client

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"testing"

	"github.com/weirmedia/weir/api"
	"github.com/weirmedia/weir/pkg/session"
)

// relays is an api.Relay that notes what it is asked.
type relays[New, Part any] struct{ asked []string }

func (r *relays[New, Part]) note(what string, v any) {
	r.asked = append(r.asked, fmt.Sprint(what, " ", v))
}

// List implements api.Relay.
func (r *relays[New, Part]) List() []api.RelayInfo { return []api.RelayInfo{{Stream: "a"}} }

// Rules implements api.Relay.
func (r *relays[New, Part]) Rules() []api.RelayRule {
	return []api.RelayRule{{Streams: []string{"{x}"}}}
}

// Add implements api.Relay.
func (r *relays[New, Part]) Add(_ string, rule New) (api.RelayRule, error) {
	r.note("add", rule)
	return api.RelayRule{Added: true}, nil
}

// Remove implements api.Relay.
func (r *relays[New, Part]) Remove(_, pattern string) error {
	r.note("remove", pattern)
	if pattern == "none" {
		return &api.ConfigError{Code: api.RuleNotFound, Err: errors.New("no")}
	}
	return nil
}

// Stop implements api.Relay.
func (r *relays[New, Part]) Stop(_ string, what Part) error {
	r.note("stop", what)
	return nil
}

// Start implements api.Relay.
func (r *relays[New, Part]) Start(_ string, what Part) error {
	r.note("start", what)
	return nil
}

// TestRelay: what the client asks for is what the API does, patterns included.
func TestRelay(t *testing.T) {
	pulls, forwards := &relays[api.NewPull, api.StreamOfPull]{}, &relays[api.NewForward, api.StreamOfForward]{}
	server := httptest.NewServer(api.New(api.Options{
		Loopback: func() bool { return true }, Sessions: session.NewRegistry(session.Options{}), Pulls: pulls, Forwards: forwards,
		Remote: func(r *http.Request) netip.AddrPort { return netip.MustParseAddrPort(r.RemoteAddr) },
	}))
	defer server.Close()
	c, err := New(server.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx := t.Context()
	if list, err := c.Pulls(ctx); err != nil || len(list.Pulls) != 1 || len(list.Rules) != 1 {
		t.Errorf("%+v %v", list, err)
	}
	if list, err := c.Forwards(ctx); err != nil || len(list.Forwards) != 1 || len(list.Rules) != 1 {
		t.Errorf("%+v %v", list, err)
	}
	if rule, err := c.AddPull(ctx, api.NewPull{Stream: "a", Sources: []string{"rtmp://h"}, Retry: 2}); err != nil || !rule.Added {
		t.Errorf("%+v %v", rule, err)
	}
	if rule, err := c.AddForward(ctx, api.NewForward{Stream: "b", Targets: []string{"rtmp://h"}, Audio: "aac"}); err != nil || !rule.Added {
		t.Errorf("%+v %v", rule, err)
	}
	for _, err := range []error{
		c.StopPull(ctx, "a"), c.StartPull(ctx, "a"), c.RemovePull(ctx, "cam é/{x}/**"),
		c.StopForward(ctx, "b", "rtmp://h/b"), c.StartForward(ctx, "b", ""), c.RemoveForward(ctx, "*"),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	var no *Error
	if err := c.RemovePull(ctx, "none"); !errors.As(err, &no) || no.Status != http.StatusNotFound || no.Code != api.RuleNotFound {
		t.Errorf("%v", err)
	}
	want := []string{"add {a [rtmp://h]      2 }", "stop {a}", "start {a}", "remove cam é/{x}/**", "remove none"}
	if !slices.Equal(pulls.asked, want) {
		t.Errorf("%q", pulls.asked)
	}
	want = []string{"add {b [rtmp://h] aac     }", "stop {b rtmp://h/b}", "start {b }", "remove *"}
	if !slices.Equal(forwards.asked, want) {
		t.Errorf("%q", forwards.asked)
	}
}

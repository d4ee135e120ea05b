package relay

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/streamname"
	"github.com/weirmedia/weir/pkg/transcode"
)

func pattern(t *testing.T, text string) streamname.Scope {
	t.Helper()
	p, err := streamname.ParsePattern(text)
	if err != nil {
		t.Fatal(err)
	}
	return streamname.Scope{Streams: []streamname.Pattern{p}}
}

// edited returns a copy of c with edits made, which must be valid.
func edited(t *testing.T, c *Config, e Edits) *Config {
	t.Helper()
	next := *c
	for key, text := range e {
		switch key {
		case "stopped_pulls":
			next.StoppedPulls = nil
			if err := yaml.Unmarshal([]byte(text), &next.StoppedPulls); err != nil {
				t.Fatal(err)
			}
		case "stopped_forwards":
			var texts []string
			if err := yaml.Unmarshal([]byte(text), &texts); err != nil {
				t.Fatal(err)
			}
			next.StoppedForwards = make([]StoppedForward, len(texts))
			for i, text := range texts {
				if err := next.StoppedForwards[i].UnmarshalText([]byte(text)); err != nil {
					t.Fatal(err)
				}
			}
		default:
			t.Fatalf("%s is edited", key)
		}
	}
	if err := next.Validate(); err != nil {
		t.Fatal(err)
	}
	return &next
}

// TestAddedRules: each comes before what would match its streams, and what is written
// has all that the rule sets, with secrets.
func TestAddedRules(t *testing.T) {
	c := New(Clients{"test": &upstream{}, "to": &downstream{}})().(*Config)
	rule := func(text string) Pull {
		return Pull{Scope: pattern(t, text), Sources: []URL{"test://u:secret@10.0.0.1/<a>&b?key=1"}}
	}
	c.AddedPulls = []Pull{rule("cam/*"), rule("**")}
	for _, test := range []struct{ add, want string }{
		{"cam/9", "cam/9 cam/* **"}, {"live/*", "cam/* live/* **"}, {"cam/**", "cam/* cam/** **"}, {"{a}/{b}", "cam/* {a}/{b} **"},
	} {
		e, err := c.AddPull(rule(test.add))
		var rules []struct {
			Streams, Sources []string
		}
		if err != nil || yaml.Unmarshal([]byte(e["added_pulls"]), &rules) != nil {
			t.Fatal(e, err)
		}
		var order []string
		for _, r := range rules {
			order = append(order, r.Streams...)
			if r.Sources[0] != "test://u:secret@10.0.0.1/<a>&b?key=1" {
				t.Errorf("%v", r.Sources)
			}
		}
		if got := strings.Join(order, " "); got != test.want {
			t.Errorf("%s: %s, want %s", test.add, got, test.want)
		}
	}
	full := Pull{
		Scope: pattern(t, "a"), Sources: []URL{"test://h"}, Mode: new(Always), CloseAfter: new(config.Duration(0)), Timeout: new(config.Duration(2 * time.Second)),
		MinDelay: new(config.Duration(time.Second)), MaxDelay: new(config.Duration(time.Minute)), Retry: 3, Transport: new(UDP),
	}
	e, err := (&Config{clients: c.clients, Timeout: c.Timeout, MinDelay: c.MinDelay, MaxDelay: c.MaxDelay}).AddPull(full)
	want := `[{"close_after":"0s","max_delay":"1m","min_delay":"1s","mode":"always","retry":3,"sources":["test://h"],"streams":["a"],"timeout":"2s","transport":"udp"}]`
	if err != nil || e["added_pulls"] != want {
		t.Errorf("%v %v", e, err)
	}
	e, err = c.AddForward(Forward{Scope: pattern(t, "a"), Targets: []URL{"to://u:secret@h"}, Audio: new(transcode.AsAAC), MaxLag: new(config.Duration(time.Second))})
	if want := `[{"audio":"aac","max_lag":"1s","streams":["a"],"targets":["to://u:secret@h"]}]`; err != nil || e["added_forwards"] != want {
		t.Errorf("%v %v", e, err)
	}
}

// TestBadAdditions: what is wrong is named by its key, without secrets, and nothing is
// added twice.
func TestBadAdditions(t *testing.T) {
	c := New(Clients{"test": &upstream{}, "to": &downstream{}})().(*Config)
	c.AddedPulls = []Pull{{Scope: pattern(t, "there"), Sources: []URL{"test://h"}}}
	for want, p := range map[string]Pull{
		"sources: must be 1..8 URLs, are 0":                    {Scope: pattern(t, "a")},
		"sources[1]: it has no host":                           {Scope: pattern(t, "a"), Sources: []URL{"test://h", "test:///secret"}},
		"sources[0]: the scheme is none of":                    {Scope: pattern(t, "a"), Sources: []URL{"gopher://u:secret@h"}},
		"sources[0]: holds ***":                                {Scope: pattern(t, "a"), Sources: []URL{"test://***@h/secret"}},
		"streams: a stream that is always fetched":             {Scope: pattern(t, "a/*"), Sources: []URL{"test://h"}, Mode: new(Always)},
		"timeout: must be at least 1s":                         {Scope: pattern(t, "a"), Sources: []URL{"test://h"}, Timeout: new(config.Duration(1))},
		"retry: must be at least 0":                            {Scope: pattern(t, "a"), Sources: []URL{"test://h"}, Retry: -1},
		ErrExists.Error():                                      {Scope: pattern(t, "there"), Sources: []URL{"test://h"}},
		"max_delay: must be at least min_delay":                {Scope: pattern(t, "a"), Sources: []URL{"test://h"}, MaxDelay: new(config.Duration(1))},
		"sources[0]: {what} is captured by no pattern":         {Scope: pattern(t, "a"), Sources: []URL{"test://h/{what}"}},
		"sources[0]: holds *** for what is not shown; that mu": {Scope: pattern(t, "a"), Sources: []URL{"test://h/a?***"}},
	} {
		if e, err := c.AddPull(p); err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "secret") || e != nil {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := c.AddForward(Forward{Scope: pattern(t, "a"), Targets: []URL{"test://h"}}); err == nil || !strings.HasPrefix(err.Error(), "targets[0]: streams cannot be sent") {
		t.Error(err)
	}
	many := make([]Pull, maxListed+1)
	for i := range many {
		many[i] = Pull{Scope: pattern(t, fmt.Sprint(i)), Sources: []URL{"test://h"}}
	}
	for want, change := range map[string]func(*Config){
		"added_pulls: must be at most 1000, are 1001":          func(c *Config) { c.AddedPulls = many },
		`added_pulls[1].streams: "1" is there twice`:           func(c *Config) { c.AddedPulls = []Pull{many[1], many[1]} },
		"added_pulls[0].streams: must be one pattern, are 2":   func(c *Config) { c.AddedPulls[0].Streams = append(many[1].Streams, many[2].Streams...) },
		"added_forwards[0].streams: must be one pattern":       func(c *Config) { c.AddedForwards = []Forward{{}} },
		"stopped_pulls[1]: stream name":                        func(c *Config) { c.StoppedPulls = []string{"a", "a//b"} },
		"stopped_pulls[0]: must be the name of a stream":       func(c *Config) { c.StoppedPulls = []string{"/a"} },
		"stopped_forwards: must be at most 1000, are 1001":     func(c *Config) { c.StoppedForwards = make([]StoppedForward, maxListed+1) },
		"added_forwards[0].targets: must be 1..8 URLs, are 0":  func(c *Config) { c.AddedForwards = []Forward{{Scope: pattern(t, "a")}} },
		"added_pulls[0].sources[0]: it has no scheme, such as": func(c *Config) { c.AddedPulls[0].Sources = []URL{"h"} },
	} {
		c := New(c.clients)().(*Config)
		c.AddedPulls = []Pull{{Scope: pattern(t, "a"), Sources: []URL{"test://h"}}}
		if change(c); c.Validate() == nil || !strings.HasPrefix(c.Validate().Error(), want) {
			t.Errorf("%v, want %s", c.Validate(), want)
		}
	}
}

// TestRemovedRules: only what was added can be removed, and what was stopped of it
// alone is forgotten.
func TestRemovedRules(t *testing.T) {
	c := New(Clients{"test": &upstream{}, "to": &downstream{}})().(*Config)
	c.Pulls = []Pull{{Scope: pattern(t, "cam/*"), Sources: []URL{"test://file"}}}
	c.AddedPulls = []Pull{{Scope: pattern(t, "cam/9"), Sources: []URL{"test://h"}}, {Scope: pattern(t, "x/{y}"), Sources: []URL{"test://h"}}}
	c.StoppedPulls = []string{"cam/9", "x/1", "elsewhere"}
	for wanted, text := range map[error]string{ErrNoRule: "cam/8", ErrFromFile: "cam/*"} {
		if _, err := c.RemovePull(text); !errors.Is(err, wanted) {
			t.Errorf("%s: %v", text, err)
		}
	}
	e, err := c.RemovePull("x/{y}")
	if err != nil || e["stopped_pulls"] != `["cam/9","elsewhere"]` || !strings.Contains(e["added_pulls"], "cam/9") || strings.Contains(e["added_pulls"], "x/") {
		t.Errorf("%v %v", e, err)
	}
	if e, err := c.RemovePull("cam/9"); err != nil || len(e) != 1 { // the file has a rule for it still
		t.Errorf("%v %v", e, err)
	}
	c.AddedForwards = []Forward{{Scope: pattern(t, "a"), Targets: []URL{"to://h"}}}
	c.StoppedForwards = []StoppedForward{{"a", "to://h"}, {"b", ""}}
	if e, err := c.RemoveForward("a"); err != nil || e["added_forwards"] != "[]" || e["stopped_forwards"] != `["b"]` {
		t.Errorf("%v %v", e, err)
	}
}

// TestStoppedForward: the text tells stream and target apart, whatever the name.
func TestStoppedForward(t *testing.T) {
	for text, want := range map[string]StoppedForward{
		"a": {"a", ""}, "a/b c": {"a/b c", ""}, "a rtmp://h/x": {"a", "rtmp://h/x"}, "a/b c rtsp://[::1]:5/x%20y": {"a/b c", "rtsp://[::1]:5/x%20y"},
	} {
		var s StoppedForward
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want || s.String() != text {
			t.Errorf("%q: %+v %v", text, s, err)
		}
	}
	for _, bad := range []string{"", "/a", "a//b", " rtmp://h", "a b rtmp://h/ x"} {
		if err := new(StoppedForward).UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// TestForwardsStopByTarget: which targets are stopped after several changes.
func TestForwardsStopByTarget(t *testing.T) {
	c := New(Clients{"to": &downstream{}})().(*Config)
	c.Forwards = []Forward{{Scope: pattern(t, "live/{x}"), Targets: []URL{"to://u:p@a/{x}", "to://b/{x}?key=1"}}}
	a, b, all := StoppedForward{"live/1", "to://a/1"}, StoppedForward{"live/1", "to://b/1"}, StoppedForward{Stream: "live/1"}
	for _, step := range []struct {
		do   func(StoppedForward) (Edits, error)
		what StoppedForward
		want string
	}{
		{c.StartForward, all, ""}, {c.StopForward, a, "live/1 to://a/1"}, {c.StopForward, a, "live/1 to://a/1"},
		{c.StopForward, all, "live/1"}, {c.StopForward, b, "live/1"}, {c.StartForward, b, "live/1 to://a/1"}, {c.StartForward, b, "live/1 to://a/1"},
		{c.StopForward, b, "live/1 to://a/1,live/1 to://b/1"}, {c.StartForward, all, ""},
	} {
		e, err := step.do(step.what)
		if err != nil {
			t.Fatal(err)
		}
		*c = *edited(t, c, e)
		var texts []string
		for _, s := range c.StoppedForwards {
			texts = append(texts, s.String())
		}
		if got := strings.Join(texts, ","); got != step.want {
			t.Errorf("%q, want %q", got, step.want)
		}
	}
	c.StoppedForwards = []StoppedForward{{Stream: "gone"}, {Stream: "live/1"}}
	for _, unknown := range []StoppedForward{{"other", ""}, {"live/1", "to://c/1"}, {"gone", "to://a/1"}} {
		for _, do := range []func(StoppedForward) (Edits, error){c.StopForward, c.StartForward} {
			if e, err := do(unknown); !errors.Is(err, ErrNoRule) {
				t.Errorf("%v: %v %v", unknown, e, err)
			}
		}
	}
}

// TestStopAndStart: what is stopped ends, those who wait are told at once, and nobody
// makes it begin; started, it begins for who is there.
func TestStopAndStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cameras("test://h/{id}"))
		defer r.watch("cam/1")()
		told := make(chan error, 1)
		go func() {
			_, err := r.host.Bus.Await(t.Context(), "cam/1")
			told <- err
		}()
		synctest.Wait()
		change := func(e Edits, err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			r.service.Reconfigure(edited(t, r.service.config, e))
			synctest.Wait()
		}
		change(r.service.config.StopPull("cam/1", false))
		if err := <-told; reason.Of(err, "") != reason.StreamNotFound || !strings.Contains(err.Error(), "stopped") {
			t.Error(err)
		}
		if e, err := (&Config{StoppedPulls: []string{"asked"}}).StopPull("asked", false); err != nil || len(e) != 0 {
			t.Errorf("stopped again: %v %v", e, err)
		}
		stopped := time.Now()
		time.Sleep(time.Minute)
		defer r.watch("cam/1")()
		synctest.Wait()
		if i := r.pull("cam/1"); i.State != Stopped || i.Peer != "test://h/1" || i.Mode != OnDemand || !i.Since.Equal(stopped) || r.count() != 0 || len(r.service.Pulls()) != 1 {
			t.Errorf("%+v, %d sources", i, r.count())
		}
		if r.service.Fetches("cam/1") || r.service.Fetch("cam/1", Pull{Sources: []URL{"test://h"}}) == nil {
			t.Error("it is fetched although it is stopped")
		}
		defer r.watch("cam/2")()
		synctest.Wait()
		r.now().send(0)
		change(r.service.config.StopPull("cam/2", false))
		if s := r.host.Bus.Stream("cam/2"); r.count() != 0 || s == nil || s.State() != bus.Grace || len(r.host.Sessions.List()) != 3 {
			t.Errorf("%d sources, %v", r.count(), s)
		}
		change(r.service.config.StartPull("cam/1"))
		r.now().send(0)
		synctest.Wait()
		if i := r.pull("cam/1"); i.State != Running || r.asked() != "test://h/1 test://h/2 test://h/1" {
			t.Errorf("%+v", i)
		}
		if e, err := r.service.config.StartPull("cam/1"); err != nil || len(e) != 0 {
			t.Errorf("%v %v", e, err)
		}
		for _, err := range []error{second(r.service.config.StartPull("x")), second(r.service.config.StopPull("x", false))} {
			if !errors.Is(err, ErrNoRule) {
				t.Error(err)
			}
		}
	})
}

func second(_ Edits, err error) error { return err }

// TestAddedPull: a rule that comes while players wait fetches for them, before that
// of the file; when it goes, that of the file counts again.
func TestAddedPull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cameras("test://file"))
		with := func(added ...Pull) {
			c := *r.service.config
			c.AddedPulls = added
			r.service.Reconfigure(&c)
			synctest.Wait()
		}
		defer r.watch("new/1")()
		defer r.watch("cam/1")()
		synctest.Wait()
		with(Pull{Scope: pattern(t, "new/1"), Sources: []URL{"test://new"}}, Pull{Scope: pattern(t, "cam/1"), Sources: []URL{"test://added"}})
		if got := r.asked(); !strings.HasPrefix(got, "test://file ") || !strings.Contains(got, "test://new") || !strings.Contains(got, "test://added") {
			t.Errorf("asked for %s", got)
		}
		with()
		if got := r.asked(); got != "test://file" || len(r.service.Pulls()) != 1 {
			t.Errorf("asked for %s", got)
		}
		with(Pull{Scope: pattern(t, "cam/2"), Sources: []URL{"test://always"}, Mode: new(Always)})
		if got := r.asked(); got != "test://always" {
			t.Errorf("asked for %s", got)
		}
		with()
		if n := r.count(); n != 1 {
			t.Errorf("%d sources", n)
		}
	})
}

// TestAskedPullIsForgotten: an answer that came when somebody else published the stream
// does not count for those who watch it another time.
func TestAskedPullIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cameras("test://h"))
		leave := r.watch("other")
		pub, err := r.host.Bus.Publish("other", bus.Claim{Owner: "me", Kill: func(reason.Reason) {}})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.service.Fetch("other", Pull{Sources: []URL{"test://asked"}}); err != nil {
			t.Fatal(err)
		}
		leave()
		pub.Close()
		synctest.Wait()
		defer r.watch("other")()
		synctest.Wait()
		if r.service.Fetches("other") || r.count() != 0 {
			t.Errorf("it is fetched as was asked for others: %+v", r.pull("other"))
		}
	})
}

// TestForwardStops: one target, and all, while the stream and its other target go on.
func TestForwardStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForwarding(t, "to://a", "to://b")
		f.publish()
		change := func(e Edits, err error) []string {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			f.service.Reconfigure(edited(t, f.service.config, e))
			f.run(2 * time.Second)
			var states []string
			for _, s := range f.service.Forwards() {
				states = append(states, s.Peer+" "+string(s.State))
			}
			slices.Sort(states)
			return states
		}
		f.run(time.Second)
		c := func() *Config { return f.service.config }
		a := StoppedForward{"live/a", "to://a"}
		for i, step := range []struct {
			do   func() (Edits, error)
			want string
		}{
			{func() (Edits, error) { return c().StopForward(a) }, "to://a stopped,to://b running"},
			{func() (Edits, error) { return c().StopForward(StoppedForward{Stream: "live/a"}) }, "to://a stopped,to://b stopped"},
			{func() (Edits, error) { return c().StartForward(a) }, "to://a running,to://b stopped"},
			{func() (Edits, error) { return c().StartForward(StoppedForward{Stream: "live/a"}) }, "to://a running,to://b running"},
		} {
			if got := strings.Join(change(step.do()), ","); got != step.want {
				t.Errorf("step %d: %s, want %s", i, got, step.want)
			}
		}
		open := 0
		for _, target := range f.down.all() {
			if !target.isClosed() {
				open++
			}
		}
		if open != 2 || len(f.down.all()) != 4 {
			t.Errorf("%d of %d connections are open", open, len(f.down.all()))
		}
		for _, s := range f.host.Sessions.List() {
			if s.Action != session.Forward {
				t.Errorf("%+v", s)
			}
		}
	})
}

// FuzzStoppedForward: what is read is written the same.
func FuzzStoppedForward(f *testing.F) {
	for _, text := range []string{"live/a", "live/a b rtmp://h:1935/x", "a ://"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var s StoppedForward
		if s.UnmarshalText([]byte(text)) == nil && s.String() != text {
			t.Errorf("%q is written as %q", text, s)
		}
	})
}

// TestRulesAreShown: in the order in which they are matched, without secrets.
func TestRulesAreShown(t *testing.T) {
	c := &Config{
		AddedPulls: []Pull{{Scope: pattern(t, "cam/{id}"), Sources: []URL{"rtsp://u:planted@10.0.0.{id}/main?k=planted"}}},
		Pulls:      []Pull{{Scope: pattern(t, "a"), Sources: []URL{"test://h"}, Mode: new(Always)}},
		Forwards:   []Forward{{Scope: pattern(t, "**"), Targets: []URL{"rtmp://h/{name}#planted"}}},
	}
	if got := fmt.Sprint(c.PullRules(), c.ForwardRules()); got != "[{[cam/{id}] [rtsp://10.0.0.{id}/main] on_demand true} {[a] [test://h] always false}] [{[**] [rtmp://h/{name}]  false}]" {
		t.Error(got)
	}
}

package relay

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/pkg/streamname"
	"github.com/weirmedia/weir/pkg/transcode"
)

// Config is the section "relay".
type Config struct {
	Pulls      []Pull          `yaml:"pulls" help:"Streams that are fetched from elsewhere; the first rule that matches a stream counts."`
	Forwards   []Forward       `yaml:"forwards" help:"Streams that are sent elsewhere while they are published; the first rule that matches a stream counts."`
	CloseAfter config.Duration `yaml:"close_after" help:"How long a stream without viewers is still fetched."`
	Timeout    config.Duration `yaml:"timeout" help:"How long a source may not answer or send nothing, and a target not answer or take nothing; at least '1s'."`
	MinDelay   config.Duration `yaml:"min_delay" help:"From a failure of all sources, or of a target, to the next try; more than '0s'. It doubles with each failure in a row."`
	MaxDelay   config.Duration `yaml:"max_delay" help:"The longest such time."`
	MaxLag     config.Duration `yaml:"max_lag" help:"A target further behind is sent on with the newest key frame; at least '500ms'."`

	AddedPulls      []Pull           `yaml:"added_pulls" help:"Pulls that the API added, each of one pattern; they come before 'relay.pulls'."`
	StoppedPulls    []string         `yaml:"stopped_pulls" help:"Names of streams that are not fetched now, whatever the rules say; the API stops and starts them."`
	AddedForwards   []Forward        `yaml:"added_forwards" help:"Forwards that the API added, each of one pattern; they come before 'relay.forwards'."`
	StoppedForwards []StoppedForward `yaml:"stopped_forwards" help:"Streams that are not sent on now: 'NAME' to no target, 'NAME URL' not to that one, whose URL is without credentials and query."`

	MaxPulls int `yaml:"max_pulls" help:"Streams that are fetched at once; at least 1. Whoever may play can begin as many as 'relay.pulls' has names for."`

	clients Clients
}

// Pull says where some streams come from. What is nil is as for all.
type Pull struct {
	streamname.Scope
	Sources    []URL            `yaml:"sources" help:"URLs in order of preference, 1 to 8: RTMP, RTSP, HTTP-FLV, or 'file:' of an FLV file. '{x}' is what a pattern captured, '{name}' the stream's name." example:"['rtsp://10.0.0.9/{name}', 'rtmp://example.org/live/{name}']"`
	Mode       *Mode            `yaml:"mode" help:"'on_demand' fetches while somebody watches, 'always' without viewers too." example:"on_demand"`
	CloseAfter *config.Duration `yaml:"close_after" help:"As 'relay.close_after'." example:"30s"`
	Timeout    *config.Duration `yaml:"timeout" help:"As 'relay.timeout'." example:"5s"`
	MinDelay   *config.Duration `yaml:"min_delay" help:"As 'relay.min_delay'." example:"2s"`
	MaxDelay   *config.Duration `yaml:"max_delay" help:"As 'relay.max_delay'." example:"1m"`
	Retry      int              `yaml:"retry" help:"After how many further rounds of failures it gives up until somebody asks again; '0' for never." example:"5"`
	Transport  *Transport       `yaml:"transport" help:"'tcp' or 'udp' for media by RTSP; 'auto' for TCP, and UDP if the source refuses that." example:"tcp"`
}

// Forward says where some streams go. What is nil is as for all.
type Forward struct {
	streamname.Scope
	Targets   []URL             `yaml:"targets" help:"URLs of RTMP or RTSP, 1 to 8, filled as those of 'relay.pulls'. All of them are sent to." example:"['rtmp://example.org/live/{name}']"`
	Audio     *transcode.Choice `yaml:"audio" help:"'copy', 'aac' or 'opus': what sound becomes on its way. Without it, 'aac' by RTMP and 'copy' by RTSP." example:"aac"`
	Timeout   *config.Duration  `yaml:"timeout" help:"As 'relay.timeout'." example:"5s"`
	MinDelay  *config.Duration  `yaml:"min_delay" help:"As 'relay.min_delay'." example:"2s"`
	MaxDelay  *config.Duration  `yaml:"max_delay" help:"As 'relay.max_delay'." example:"1m"`
	MaxLag    *config.Duration  `yaml:"max_lag" help:"As 'relay.max_lag'." example:"2s"`
	Transport *Transport        `yaml:"transport" help:"As that of a pull." example:"tcp"`
}

// Mode says when a stream is fetched.
type Mode string

// The modes.
const (
	OnDemand Mode = "on_demand" // while somebody watches; also if nothing is said
	Always   Mode = "always"
)

// MarshalText returns the mode's name.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m), nil }

// UnmarshalText sets m to one of the modes.
func (m *Mode) UnmarshalText(text []byte) error {
	if Mode(text) != OnDemand && Mode(text) != Always {
		return fmt.Errorf("must be on_demand or always, is %.32q", text)
	}
	*m = Mode(text)
	return nil
}

// Transport is what carries the media of RTSP.
type Transport string

// The transports.
const (
	Auto Transport = "auto" // also if nothing is said
	TCP  Transport = "tcp"
	UDP  Transport = "udp"
)

// MarshalText returns the transport's name.
func (t Transport) MarshalText() ([]byte, error) { return []byte(t), nil }

// UnmarshalText sets t to one of the transports.
func (t *Transport) UnmarshalText(text []byte) error {
	switch Transport(text) {
	case Auto, TCP, UDP:
		*t = Transport(text)
		return nil
	}
	return fmt.Errorf("must be auto, tcp or udp, is %.32q", text)
}

const (
	minTimeout = time.Second
	minLag     = 500 * time.Millisecond
	maxURLs    = 8
)

// New returns a function for a plugin's table: configurations of a relay that
// fetches by these clients.
func New(clients Clients) func() plugin.Config {
	return func() plugin.Config {
		return &Config{
			CloseAfter: config.Duration(10 * time.Second),
			Timeout:    config.Duration(10 * time.Second),
			MinDelay:   config.Duration(time.Second),
			MaxDelay:   config.Duration(30 * time.Second),
			MaxLag:     config.Duration(5 * time.Second),
			MaxPulls:   1000,
			clients:    clients,
		}
	}
}

// Live implements config.Live: what is no longer wanted ends, what is wanted begins.
func (c *Config) Live() []string { return []string{"*"} }

// Start implements plugin.Config.
func (c *Config) Start(h *plugin.Host) (plugin.Service, error) {
	return newService(c, c.clients, h), nil
}

// Validate implements plugin.Config.
func (c *Config) Validate() error {
	if err := c.patience(nil, nil, nil).validate(); err != nil {
		return err
	}
	if c.MaxLag < config.Duration(minLag) {
		return fmt.Errorf("max_lag: must be at least %v", minLag)
	}
	if c.MaxPulls < 1 {
		return fmt.Errorf("max_pulls: must be at least 1, is %d", c.MaxPulls)
	}
	return errors.Join(streamname.CheckRules("pulls", c.Pulls, c.checkPull), streamname.CheckRules("forwards", c.Forwards, c.checkForward),
		checkAdded("added_pulls", c.AddedPulls, c.checkPull), checkAdded("added_forwards", c.AddedForwards, c.checkForward), c.checkStopped())
}

// Warnings names rules that never apply.
func (c *Config) Warnings() []string {
	return slices.Concat(
		streamname.RuleWarnings("added_pulls", c.AddedPulls), streamname.RuleWarnings("pulls", c.Pulls),
		streamname.RuleWarnings("added_forwards", c.AddedForwards), streamname.RuleWarnings("forwards", c.Forwards))
}

func (c *Config) checkPull(p Pull) error {
	if p.Retry < 0 {
		return fmt.Errorf("retry: must be at least 0, is %d", p.Retry)
	}
	for _, pattern := range p.Streams {
		if _, literal := pattern.Example(); streamname.Or(p.Mode, OnDemand) == Always && (!literal || len(p.Streams) > 1) {
			return fmt.Errorf("streams: a stream that is always fetched is named alone and in full, not by %q", pattern)
		}
	}
	if _, err := c.check("sources", p.Sources, p.Streams); err != nil {
		return err
	}
	return c.patience(p.Timeout, p.MinDelay, p.MaxDelay).validate()
}

func (c *Config) checkForward(f Forward) error {
	if lag := streamname.Or(f.MaxLag, c.MaxLag); lag < config.Duration(minLag) {
		return fmt.Errorf("max_lag: must be at least %v", minLag)
	}
	clients, err := c.check("targets", f.Targets, f.Streams)
	if err != nil {
		return err
	}
	for i, client := range clients {
		if _, ok := client.(Sender); !ok {
			return fmt.Errorf("targets[%d]: streams cannot be sent by this scheme", i)
		}
	}
	return c.patience(f.Timeout, f.MinDelay, f.MaxDelay).validate()
}

// patience is how long is waited for a peer, and between two tries.
type patience struct{ timeout, minDelay, maxDelay time.Duration }

// patience returns what is in force if a rule sets this.
func (c *Config) patience(timeout, minDelay, maxDelay *config.Duration) patience {
	return patience{
		time.Duration(streamname.Or(timeout, c.Timeout)),
		time.Duration(streamname.Or(minDelay, c.MinDelay)),
		time.Duration(streamname.Or(maxDelay, c.MaxDelay)),
	}
}

func (p patience) validate() error {
	switch {
	case p.timeout < minTimeout:
		return fmt.Errorf("timeout: must be at least %v", minTimeout)
	case p.minDelay <= 0:
		return errors.New("min_delay: must be more than 0s")
	case p.maxDelay < p.minDelay:
		return errors.New("max_delay: must be at least min_delay")
	}
	return nil
}

// check fills the URLs for a name that each pattern matches, and returns the client
// of each.
func (c *Config) check(key string, urls []URL, patterns []streamname.Pattern) (clients []Client, err error) {
	if n := len(urls); n == 0 || n > maxURLs {
		return nil, fmt.Errorf("%s: must be 1..%d URLs, are %d", key, maxURLs, n)
	}
	for i, raw := range urls {
		var client Client
		for _, pattern := range patterns {
			if client, err = c.checkURL(raw, pattern); err != nil {
				return nil, fmt.Errorf("%s[%d]: %w", key, i, err)
			}
		}
		clients = append(clients, client)
	}
	return clients, nil
}

func (c *Config) checkURL(raw URL, pattern streamname.Pattern) (Client, error) {
	example, _ := pattern.Example()
	captures, _ := pattern.Match(example)
	return c.checkFilled(raw, example, captures)
}

// checkFilled fills a URL for a stream.
func (c *Config) checkFilled(raw URL, name string, captures map[string]string) (Client, error) {
	filled, err := fill(raw.Reveal(), name, captures)
	if err != nil {
		return nil, err
	}
	a, err := parseAddress(filled)
	if err != nil {
		return nil, err
	}
	client := c.clients[a.scheme]
	if client == nil {
		known := slices.Sorted(maps.Keys(c.clients))
		return nil, fmt.Errorf("the scheme is none of %s", strings.Join(known, ", "))
	}
	return client, client.Check(filled)
}

// pullOrder is how one stream is fetched.
type pullOrder struct {
	patience
	sources    []address
	mode       Mode
	closeAfter time.Duration
	retry      int
	options    Options
}

// pullOrder returns how the stream is fetched. ok is false if no rule says so; the
// error says why its rule does not fit its name.
func (c *Config) pullOrder(name string) (o pullOrder, ok bool, err error) {
	p, captures, ok := match(c.AddedPulls, c.Pulls, name)
	if !ok {
		return o, false, nil
	}
	o, err = c.orderOf(p, name, captures)
	return o, true, err
}

// orderOf returns how a stream is fetched by a rule.
func (c *Config) orderOf(p Pull, name string, captures map[string]string) (o pullOrder, err error) {
	o = pullOrder{
		patience: c.patience(p.Timeout, p.MinDelay, p.MaxDelay), mode: streamname.Or(p.Mode, OnDemand), retry: p.Retry,
		closeAfter: time.Duration(streamname.Or(p.CloseAfter, c.CloseAfter)),
	}
	o.options = Options{Transport: streamname.Or(p.Transport, Auto), Timeout: o.timeout}
	o.sources, err = expand(p.Sources, name, captures)
	return o, err
}

// checkAsked reports what is wrong with a rule for one stream.
func (c *Config) checkAsked(name string, p Pull) error {
	if n := len(p.Sources); n == 0 || n > maxURLs {
		return fmt.Errorf("sources: must be 1..%d URLs, are %d", maxURLs, n)
	}
	for i, raw := range p.Sources {
		if _, err := c.checkFilled(raw, name, nil); err != nil {
			return fmt.Errorf("sources[%d]: %w", i, err)
		}
	}
	return c.patience(p.Timeout, p.MinDelay, p.MaxDelay).validate()
}

// forwardOrder is how one stream is sent to a target.
type forwardOrder struct {
	patience
	audio     transcode.Choice
	maxLag    time.Duration
	transport Transport
}

// forwardOrders are those to send one stream to all its targets.
type forwardOrders struct {
	forwardOrder
	targets []address
}

// forwardOrders is to forwards what pullOrder is to pulls. Targets that are stopped
// are among them.
func (c *Config) forwardOrders(name string) (o forwardOrders, ok bool, err error) {
	f, captures, ok := match(c.AddedForwards, c.Forwards, name)
	if !ok {
		return o, false, nil
	}
	o.forwardOrder = forwardOrder{
		patience: c.patience(f.Timeout, f.MinDelay, f.MaxDelay), audio: streamname.Or(f.Audio, transcode.Unchosen),
		maxLag: time.Duration(streamname.Or(f.MaxLag, c.MaxLag)), transport: streamname.Or(f.Transport, Auto),
	}
	o.targets, err = expand(f.Targets, name, captures)
	return o, true, err
}

// forwardTo returns how a stream is sent to one target, if it is.
func (c *Config) forwardTo(key forwardKey) (o forwardOrder, ok bool) {
	all, _, err := c.forwardOrders(key.stream)
	ok = err == nil && slices.ContainsFunc(all.targets, func(a address) bool { return a.url == key.url && !c.stopsForward(key.stream, a) })
	return all.forwardOrder, ok
}

func expand(urls []URL, name string, captures map[string]string) (out []address, err error) {
	for i, raw := range urls {
		filled, err := fill(raw.Reveal(), name, captures)
		if err != nil {
			return nil, err
		}
		a, err := parseAddress(filled)
		if err != nil {
			return nil, fmt.Errorf("URL %d for %q: %w", i+1, name, err)
		}
		out = append(out, a)
	}
	return out, nil
}

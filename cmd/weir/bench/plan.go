package bench

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/weirmedia/weir/protocols/rtmp"
	"github.com/weirmedia/weir/protocols/rtsp"
)

// Mode says what the sessions of a run do.
type Mode string

// The modes.
const (
	Push Mode = "push"
	Play Mode = "play"
)

// HLSMode says how players of HLS play.
type HLSMode string

// The modes of HLS.
const (
	HLSAuto       HLSMode = "auto" // low latency if the playlist has parts
	HLSPlain      HLSMode = "plain"
	HLSLowLatency HLSMode = "ll" // a playlist without parts is an error
)

// Transport says what carries the media of RTSP.
type Transport string

// The transports.
const (
	TCP Transport = "tcp"
	UDP Transport = "udp"
)

// client returns the transport that a client of RTSP asks for.
func (t Transport) client() rtsp.ClientTransport {
	if t == UDP {
		return rtsp.UDP
	}
	return rtsp.TCP
}

// maxSessions is more than one address of one server can have, since a
// connection takes one of 65,535 ports here.
const maxSessions = 65535

// Options are what a user asks for. NewPlan checks them.
type Options struct {
	Mode Mode
	// URL is what the sessions publish or play. In it, %d stands for the number
	// of the session modulo Streams, unless a hexadecimal digit follows, which
	// makes it a percent-encoded byte.
	URL string
	// Protocol is what players speak; empty means "auto".
	Protocol Protocol
	// Sessions is how many there are, 1 to 65,535.
	Sessions int
	// Ramp is how many are started per second, more than 0.
	Ramp float64
	// Duration is how long the sessions are held once all were started.
	Duration time.Duration
	// Streams is how many different streams %d makes; 0 means one for each
	// session if there is a %d in URL.
	Streams int
	// Verify is how many players parse everything that they receive. Only they
	// find gaps, wrong timestamps and latency.
	Verify int
	// HLS says how players of HLS play; empty means HLSAuto.
	HLS HLSMode
	// Transport is what carries the media of RTSP; empty means TCP.
	Transport Transport
	// Mark puts a marker into every picture that is pushed (see Stamp).
	Mark bool
	// Publish lets a player publish what it plays, marked.
	Publish bool
	// PublishURL is where Publish publishes. Empty means URL itself if that is
	// RTMP, else the RTMP stream of the same name on the same host.
	PublishURL string
	// PID is the process of the server, whose CPU and memory are measured; 0
	// means that nothing is. Linux only.
	PID int
	// Clip is what is published.
	Clip *Clip
}

// OptionError is an option that makes no sense.
type OptionError struct {
	Option  string // as users type it
	Problem string
}

// Error returns option and problem.
func (e *OptionError) Error() string { return e.Option + ": " + e.Problem }

func wrong(option, format string, args ...any) error {
	return &OptionError{option, fmt.Sprintf(format, args...)}
}

// Plan is what a run does. It is made by NewPlan and immutable.
type Plan struct {
	Options
	server *process // nil without PID
}

// NewPlan checks o. Its errors are *OptionError.
func NewPlan(o Options) (*Plan, error) {
	p := &Plan{Options: o}
	for _, check := range []func() error{p.checkProtocol, p.checkNumbers, p.checkURL, p.checkStreams, p.checkClip, p.checkPublish} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	if o.PID != 0 {
		var err error
		if p.server, err = openProcess(o.PID); err != nil {
			return nil, wrong("--pid", "%v", err)
		}
	}
	return p, nil
}

func (p *Plan) checkNumbers() error {
	switch {
	case p.Mode != Push && p.Mode != Play:
		return wrong("mode", "%q is neither push nor play", p.Mode)
	case p.Sessions < 1 || p.Sessions > maxSessions:
		return wrong("--sessions", "%d is not in 1 to %d", p.Sessions, maxSessions)
	case !(p.Ramp > 0): // false for NaN too
		return wrong("--ramp", "%v sessions per second is not more than 0", p.Ramp)
	case p.Duration <= 0:
		return wrong("--duration", "%v is not more than 0", p.Duration)
	case p.HLS != "" && p.HLS != HLSAuto && p.HLS != HLSPlain && p.HLS != HLSLowLatency:
		return wrong("--hls", "%q is none of auto, plain, ll", p.HLS)
	case p.HLS != "" && p.HLS != HLSAuto && p.Protocol != protoHLS:
		return wrong("--hls", "the URL does not end in .m3u8")
	case p.Transport != "" && p.Transport != TCP && p.Transport != UDP:
		return wrong("--transport", "%q is neither tcp nor udp", p.Transport)
	case p.Transport == UDP && p.Protocol != protoRTSP && !isRTSP(p.PublishURL):
		return wrong("--transport", "only RTSP has a choice")
	case p.Verify < 0:
		return wrong("--verify", "%d is less than 0", p.Verify)
	case p.PID < 0:
		return wrong("--pid", "%d is no process", p.PID)
	}
	return nil
}

// checkURL tries the first stream's URL.
func (p *Plan) checkURL() error {
	first := expand(p.URL, 0)
	scheme, _, _ := strings.Cut(first, "://")
	switch scheme = strings.ToLower(scheme); scheme {
	case "rtmp", "rtmps":
		if _, err := rtmp.ParseURL(first); err != nil {
			return wrong("URL", "%v", err)
		}
		return nil
	case "rtsp", "rtsps":
		if err := rtsp.CheckURL(first); err != nil {
			return wrong("URL", "%v", err)
		}
		return nil
	case "http", "https", "ws", "wss":
		if p.Mode == Push {
			return wrong("URL", "push needs rtmp:// or rtsp://, what comes over HTTP can only be played")
		}
		if u, err := url.Parse(first); err != nil || u.Hostname() == "" {
			return wrong("URL", "it is not %s://HOST[:PORT]/NAME.flv", scheme) // the error would repeat credentials
		}
		if (p.Protocol == protoHLS || p.Protocol == protoWHEP) && strings.HasPrefix(scheme, "ws") {
			return wrong("URL", "%s does not come by WebSocket", strings.ToUpper(string(p.Protocol)))
		}
		return nil
	}
	return wrong("URL", "it begins with none of rtmp:// rtmps:// rtsp:// rtsps:// http:// https:// ws:// wss://")
}

func (p *Plan) checkStreams() error {
	numbered := expand(p.URL, 0) != p.URL
	switch {
	case p.Streams < 0:
		return wrong("--streams", "%d is less than 0", p.Streams)
	case p.Streams > 1 && !numbered:
		return wrong("--streams", "the URL needs a %%d, which stands for the stream's number")
	case p.Streams == 0 && numbered:
		p.Streams = p.Sessions
	case p.Streams == 0:
		p.Streams = 1
	}
	if p.Mode == Push && p.Streams < p.Sessions {
		if !numbered {
			return wrong("URL", "%d publishers need a %%d in it, since a stream has one publisher", p.Sessions)
		}
		return wrong("--streams", "%d are too few for %d publishers, since a stream has one publisher", p.Streams, p.Sessions)
	}
	p.Streams = min(p.Streams, p.Sessions) // no session would use the others
	return nil
}

func (p *Plan) checkClip() error {
	if p.Mode == Play && p.Mark {
		return wrong("--mark", "players do not publish; --publish lets them")
	}
	if p.PublishURL != "" {
		p.Publish = true
	}
	if p.Mode == Push && p.Publish {
		return wrong("--publish", "push publishes anyway")
	}
	if p.Mode != Push && !p.Publish {
		return nil
	}
	if p.Clip == nil {
		return wrong("--file", "there is nothing to publish")
	}
	if p.Mark || p.Publish {
		marked, err := p.Clip.marked()
		if err != nil {
			return wrong("--file", "%v", err)
		}
		p.Clip = marked
	}
	return nil
}

// checkPublish finds out where Publish publishes.
func (p *Plan) checkPublish() error {
	if !p.Publish {
		return nil
	}
	if p.PublishURL == "" {
		p.PublishURL = publishURL(p.URL)
	}
	if err := checkPublishURL(expand(p.PublishURL, 0)); err != nil {
		return wrong("--publish-to", "%v", err)
	}
	if p.Streams > 1 && expand(p.PublishURL, 0) == p.PublishURL {
		return wrong("--publish-to", "%d streams need a %%d in it", p.Streams)
	}
	return nil
}

func checkPublishURL(url string) error {
	if isRTSP(url) {
		return rtsp.CheckURL(url)
	}
	_, err := rtmp.ParseURL(url)
	return err
}

// publishURL returns where weir takes the stream that is played at playURL.
func publishURL(playURL string) string {
	scheme, rest, _ := strings.Cut(playURL, "://")
	if strings.HasPrefix(strings.ToLower(scheme), "rtmp") {
		return playURL
	}
	rest, _, _ = strings.Cut(rest, "?") // selection and credentials of the player
	host, name, _ := strings.Cut(rest, "/")
	host = host[strings.LastIndexByte(host, '@')+1:]
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
		if strings.Contains(h, ":") {
			host = "[" + h + "]"
		}
	}
	for _, ending := range []string{".flv", ".ts", ".mp4", "/index.m3u8", "/whep"} {
		name = strings.TrimSuffix(name, ending)
	}
	return "rtmp://" + host + "/" + name
}

// stream returns the number of the stream of a session.
func (p *Plan) stream(session int) int { return session % p.Streams }

// expand puts a number where %d is in a URL.
func expand(url string, number int) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(url, "%d")
		b.WriteString(before)
		switch {
		case !found:
			return b.String()
		case after != "" && strings.ContainsRune("0123456789abcdefABCDEF", rune(after[0])):
			b.WriteString("%d")
		default:
			b.WriteString(strconv.Itoa(number))
		}
		url = after
	}
}

// public returns a URL without what may be secret in it: credentials and query.
func public(url string) string {
	url, _, _ = strings.Cut(url, "?")
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		return url
	}
	host, path, _ := strings.Cut(rest, "/")
	return scheme + "://" + host[strings.LastIndexByte(host, '@')+1:] + "/" + path
}

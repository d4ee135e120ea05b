package api

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// RelayInfo is a stream that is fetched or sent elsewhere, as the API shows it.
type RelayInfo struct {
	Stream string `json:"stream"`
	// Mode is "on_demand" or "always" of what is fetched, and empty of what is sent.
	Mode  string `json:"mode"`
	State string `json:"state"` // connecting, running, waiting, failed or stopped
	// Peer is where the media comes from or goes to, without credentials and query.
	Peer     string    `json:"peer"`
	Session  string    `json:"session"` // while it is running, else empty
	Since    time.Time `json:"since"`
	Attempts uint64    `json:"attempts"` // connections begun
	Bitrate  float64   `json:"bitrate"`  // bit/s of the moment
	// Error is that of the newest failure since it was running, empty if there was
	// none; FailedAt is when that was.
	Error    string     `json:"error"`
	FailedAt *time.Time `json:"failed_at"`
	Next     *time.Time `json:"next"` // of the next try, while it is waiting
}

// RelayRule is a rule by which streams are fetched or sent elsewhere.
type RelayRule struct {
	Streams []string `json:"streams"` // patterns
	// Peers are URLs in which {x} is what a pattern captures and {name} the stream's
	// name, without credentials and query.
	Peers []string `json:"peers"`
	Mode  string   `json:"mode"`  // as that of RelayInfo
	Added bool     `json:"added"` // by the API, which can remove it
}

// NewPull is a pull to be added. What is empty or 0 is as for all.
type NewPull struct {
	Stream     string   `json:"stream"` // or a pattern
	Sources    []string `json:"sources"`
	Mode       string   `json:"mode,omitempty"`
	CloseAfter string   `json:"close_after,omitempty"` // this and the next as in "10s"
	Timeout    string   `json:"timeout,omitempty"`
	MinDelay   string   `json:"min_delay,omitempty"`
	MaxDelay   string   `json:"max_delay,omitempty"`
	Retry      int      `json:"retry,omitempty"`
	Transport  string   `json:"transport,omitempty"`
}

// NewForward is a forward to be added. What is empty is as for all.
type NewForward struct {
	Stream    string   `json:"stream"` // or a pattern
	Targets   []string `json:"targets"`
	Audio     string   `json:"audio,omitempty"`
	Timeout   string   `json:"timeout,omitempty"` // this and the next as in "10s"
	MinDelay  string   `json:"min_delay,omitempty"`
	MaxDelay  string   `json:"max_delay,omitempty"`
	MaxLag    string   `json:"max_lag,omitempty"`
	Transport string   `json:"transport,omitempty"`
}

// StreamOfPull names what is to be stopped or started.
type StreamOfPull struct {
	Stream string `json:"stream"`
}

// StreamOfForward names what is to be stopped or started.
type StreamOfForward struct {
	Stream string `json:"stream"`
	Target string `json:"target,omitempty"` // as it is shown; all if it is empty
}

// Relay is what is fetched, or what is sent elsewhere, and how that changes while the
// server runs, by a New rule or for a Part of it. Implementations are safe for
// concurrent use. Changes are kept; they come one after the other, and with those of
// the Configuration. Their errors are *ConfigError if the client can do something
// about them. By says in the log who asked.
type Relay[New, Part any] interface {
	// List returns what there is now, in no order.
	List() []RelayInfo
	// Rules returns the rules in the order in which they are matched.
	Rules() []RelayRule
	Add(by string, rule New) (RelayRule, error)
	// Remove removes the rule of a pattern, if it was added.
	Remove(by, pattern string) error
	// Stop and Start may be repeated.
	Stop(by string, what Part) error
	Start(by string, what Part) error
}

// Codes of errors about rules of the relay.
const (
	RuleNotFound = "rule_not_found"
	RuleExists   = "rule_exists"
	RuleFromFile = "rule_from_file"
)

// routeRelay adds the routes of pulls or forwards, as name says.
func routeRelay[New, Part any](a *api, e *gin.Engine, name string, r Relay[New, Part]) {
	path := "/api/v1/" + name
	list := func(c *gin.Context) {
		c.JSON(http.StatusOK, gin.H{name: ordered(r.List()), "rules": append([]RelayRule{}, r.Rules()...)})
	}
	e.GET(path, list)
	e.HEAD(path, list)
	e.POST(path, func(c *gin.Context) {
		var rule New
		if readBody(c, &rule) {
			added, err := r.Add(a.who(c), rule)
			a.answerRelay(c, http.StatusCreated, added, err)
		}
	})
	e.DELETE(path+"/*name", func(c *gin.Context) {
		err := r.Remove(a.who(c), strings.TrimPrefix(c.Param("name"), "/"))
		a.answerRelay(c, http.StatusNoContent, nil, err)
	})
	for last, change := range map[string]func(r Relay[New, Part], by string, what Part) error{
		"/stop": Relay[New, Part].Stop, "/start": Relay[New, Part].Start,
	} {
		e.POST(path+last, func(c *gin.Context) {
			var what Part
			if readBody(c, &what) {
				a.answerRelay(c, http.StatusNoContent, nil, change(r, a.who(c), what))
			}
		})
	}
}

func (a *api) answerRelay(c *gin.Context, status int, body any, err error) {
	switch {
	case err != nil:
		a.failChange(c, err)
	case body == nil:
		c.Status(status)
	default:
		c.JSON(status, body)
	}
}

// ordered orders by stream and peer; an empty list is [], not null.
func ordered(list []RelayInfo) []RelayInfo {
	slices.SortFunc(list, func(a, b RelayInfo) int {
		return cmp.Or(cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.Peer, b.Peer))
	})
	return append([]RelayInfo{}, list...)
}

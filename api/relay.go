package api

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"
)

// RelayInfo is a stream that is fetched or sent elsewhere, as the API shows it.
type RelayInfo struct {
	Stream string `json:"stream"`
	// Mode is "on_demand" or "always" of what is fetched, and empty of what is sent.
	Mode  string `json:"mode"`
	State string `json:"state"` // connecting, running, waiting or failed
	// Peer is where the media comes from or goes to, without credentials and query.
	Peer     string    `json:"peer"`
	Session  string    `json:"session"` // while it is running, else empty
	Since    time.Time `json:"since"`
	Attempts uint64    `json:"attempts"` // connections begun
	// Error is that of the newest failure since it was running, empty if there was
	// none; FailedAt is when that was.
	Error    string     `json:"error"`
	FailedAt *time.Time `json:"failed_at"`
	Next     *time.Time `json:"next"` // of the next try, while it is waiting
}

// Relay tells what is fetched and sent elsewhere now, in no order. It is safe for
// concurrent use.
type Relay interface {
	Pulls() []RelayInfo
	Forwards() []RelayInfo
}

func (a *api) listPulls(c *gin.Context) {
	c.JSON(http.StatusOK, gin.H{"pulls": ordered(a.Relay.Pulls())})
}

func (a *api) listForwards(c *gin.Context) {
	c.JSON(http.StatusOK, gin.H{"forwards": ordered(a.Relay.Forwards())})
}

// ordered orders by stream and peer; an empty list is [], not null.
func ordered(list []RelayInfo) []RelayInfo {
	slices.SortFunc(list, func(a, b RelayInfo) int {
		return cmp.Or(cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.Peer, b.Peer))
	})
	return append([]RelayInfo{}, list...)
}

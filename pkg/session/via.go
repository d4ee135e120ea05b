package session

import (
	"crypto/rand"
	"errors"
	"slices"
	"strings"

	"github.com/weirmedia/weir/pkg/reason"
)

const (
	// viaMark stands in what a server that fetches or sends a stream calls itself,
	// the only text that a client tells by every protocol. What follows up to the end
	// or ")" are the nodes that the stream is on its way through.
	viaMark = "; via "
	// nodeLength makes collisions of the few servers on a way unlikely (40 bits).
	nodeLength = 8
)

// newNode returns the name by which a server knows itself again.
func newNode() string { return strings.ToLower(rand.Text()[:nodeLength]) }

// Node returns the name of this server, which is another after each start.
func (r *Registry) Node() string { return r.node }

// Via returns the servers that a session is on its way through, as its peer tells.
func (i Info) Via() []string {
	_, list, found := strings.Cut(i.Agent, viaMark)
	if !found {
		return nil
	}
	list, _, _ = strings.Cut(list, ")")
	return strings.Fields(list)
}

// WithVia returns an agent's name that tells of these servers.
func WithVia(agent string, nodes []string) string {
	mark := viaMark + strings.Join(nodes, " ")
	if before, ok := strings.CutSuffix(agent, ")"); ok {
		return before + mark + ")"
	}
	return agent + " (relay" + mark + ")"
}

var errLoop = errors.New("the stream would lead back to this server")

// checkLoop refuses what comes from this server itself.
func (r *Registry) checkLoop(i Info) error {
	if slices.Contains(i.Via(), r.node) {
		return reason.Wrap(reason.Loop, errLoop)
	}
	return nil
}

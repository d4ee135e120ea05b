package session

import (
	"crypto/rand"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/weirmedia/weir/pkg/reason"
)

const (
	// viaMark stands in what a server that fetches or sends a stream calls itself,
	// the only text that a client tells by every protocol. What follows up to the end
	// or ")" are the marks of what it is on its way through.
	viaMark = "; via "
	// nodeLength makes collisions of the few servers on a way unlikely (40 bits).
	nodeLength = 8
)

// newNode returns the name by which a server knows itself again.
func newNode() string { return strings.ToLower(rand.Text()[:nodeLength]) }

// Mark returns what stands for a stream of this server, and for no other. It is
// another one after each start.
func (r *Registry) Mark(stream string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(stream)) // never fails
	return fmt.Sprintf("%s-%08x", r.node, h.Sum32())
}

// Via returns the marks of the streams, mostly of other servers, that a session's is
// made of or becomes, as its peer tells.
func (i Info) Via() []string {
	_, list, found := strings.Cut(i.Agent, viaMark)
	if !found {
		return nil
	}
	list, _, _ = strings.Cut(list, ")")
	return strings.Fields(list)
}

// WithVia returns an agent's name that tells of these marks; the name itself if there
// are none.
func WithVia(agent string, marks []string) string {
	if len(marks) == 0 {
		return agent
	}
	mark := viaMark + strings.Join(marks, " ")
	if before, ok := strings.CutSuffix(agent, ")"); ok {
		return before + mark + ")"
	}
	return agent + " (relay" + mark + ")"
}

var errLoop = errors.New("the stream would lead back to itself")

// checkLoop refuses to play a stream into itself. What is published here must not
// come from this server at all: else a rule that sends on every stream under another
// name would make new ones for ever.
func (r *Registry) checkLoop(i Info) error {
	via := i.Via()
	if via == nil {
		return nil
	}
	own := r.node + "-"
	if i.Action == Play {
		own = r.Mark(i.Stream)
	}
	if slices.ContainsFunc(via, func(mark string) bool { return strings.HasPrefix(mark, own) }) {
		return reason.Wrap(reason.Loop, errLoop)
	}
	return nil
}

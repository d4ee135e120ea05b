// Package auth answers the question that is asked for every publish, every play
// and every use of the API: may this one do that?
package auth

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
)

// Action is what somebody wants to do.
type Action string

// The actions.
const (
	Publish Action = "publish"
	Play    Action = "play"
	API     Action = "api"
	Metrics Action = "metrics"
	Pprof   Action = "pprof"
)

// Actions returns all actions.
func Actions() []Action { return []Action{Publish, Play, API, Metrics, Pprof} }

// OnStream reports whether the action concerns one stream, whose name then
// decides too.
func (a Action) OnStream() bool { return a == Publish || a == Play }

// MarshalText returns the action's name.
func (a Action) MarshalText() ([]byte, error) { return []byte(a), nil }

// UnmarshalText sets a to one of the actions.
func (a *Action) UnmarshalText(text []byte) error {
	if !slices.Contains(Actions(), Action(text)) {
		var names []string
		for _, known := range Actions() {
			names = append(names, string(known))
		}
		return fmt.Errorf("must be one of %s, is %.32q", strings.Join(names, ", "), text)
	}
	*a = Action(text)
	return nil
}

// Request is the question.
type Request struct {
	Action Action
	// Stream is the stream's name as streamname.Parse returns it. It is looked
	// at only if Action.OnStream.
	Stream string
	// Protocol is the plugin that asks, such as "rtmp".
	Protocol string
	// Remote is the peer's address, behind trusted proxies the client's.
	Remote netip.Addr
	// Credentials are what the client presented; zero if it presented none.
	Credentials Credentials
	// Query is the query of the URL or stream key that the client used. It may
	// be nil.
	Query url.Values

	// goesOn tells that what is asked for was granted before and runs: its
	// credentials are no guess.
	goesOn bool
}

// Credentials are what a client proves itself with. They print as nothing but
// which of them are there.
type Credentials struct {
	User, Password string
	// Token is a bearer token.
	Token string
	// Digest proves the password of User in place of Password; nil if the client
	// sent none.
	Digest *Digest
}

// Format writes which credentials are there, whatever the verb.
func (c Credentials) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(c.String())) }

// String tells which credentials are there, not what they are.
func (c Credentials) String() string {
	return fmt.Sprintf("{user: %t, password: %t, token: %t, digest: %t}", c.User != "", c.Password != "", c.Token != "", c.Digest != nil)
}

// LogValue returns String.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Identity tells clients apart for the takeover of a stream: a client with the
// identity of a stream's publisher may take the stream over.
type Identity struct {
	// User is the proven name; empty for an anonymous client.
	User string
	// Address and Query are set for anonymous clients only: the peer's address
	// without port, and the URL's query in a form that does not depend on the
	// order of its parameters. Query may hold a secret and must not be logged.
	Address, Query string
}

// Same reports whether both identities stand for the same client: the same
// user or, if anonymous, the same address and query. An identity without user
// and address is the same as none.
func (i Identity) Same(other Identity) bool {
	if i.User != "" || other.User != "" {
		return i.User == other.User
	}
	return i.Address != "" && i.Address == other.Address && i.Query == other.Query
}

// Key returns a text that two identities share exactly if they are the Same;
// empty for an identity without user and address. It may hold a secret.
func (i Identity) Key() string {
	switch {
	case i.User != "":
		return "user " + i.User
	case i.Address != "":
		return "address " + i.Address + " " + i.Query
	}
	return ""
}

// LogValue leaves the query out.
func (i Identity) LogValue() slog.Value {
	return slog.GroupValue(slog.String("user", i.User), slog.String("address", i.Address))
}

// Anonymous returns the identity of a client without proven name.
func Anonymous(remote netip.Addr, query url.Values) Identity {
	i := Identity{Query: query.Encode()}
	if remote.IsValid() {
		i.Address = remote.Unmap().WithZone("").String()
	}
	return i
}

// Grant is the answer yes.
type Grant struct {
	Identity Identity
	// User is the name for logs and lists; empty for an anonymous client.
	User string
	// Expires is when the answer does not count any more; zero if it lasts.
	Expires time.Time
	// Rule says what decided, as a place in the configuration.
	Rule string
	// Renew asks again. The answer no ends what was granted.
	Renew func(ctx context.Context) (Grant, error)
	// Outdated reports that who decided has been exchanged since, so that Renew may
	// have another answer. It does not wait. It may be nil.
	Outdated func() bool
}

// Authorizer decides. Implementations are safe for concurrent use; they may
// block, to compute or to ask somebody else, until the context ends.
type Authorizer interface {
	// Authorize returns a grant, or an error: a *Denied with
	// reason.Unauthorized around it if the answer is no, any other error if
	// there is no answer.
	Authorize(ctx context.Context, r Request) (Grant, error)
}

// Denied is the answer no.
type Denied struct {
	// Why is safe to show to the client: it holds no secret and does not tell
	// which users exist.
	Why string
	// Authenticate reports that other credentials might help, so that a
	// protocol that can ask for them (HTTP status 401) should.
	Authenticate bool
	// Digest reports that these may be a Digest.
	Digest bool
	// Rule says what decided, as a place in the configuration; not for the client.
	Rule string

	stranger bool // a name was given that no user has
}

// Error returns Why.
func (d *Denied) Error() string { return d.Why }

func deny(no Denied) error { return reason.Wrap(reason.Unauthorized, &no) }

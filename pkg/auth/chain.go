package auth

import (
	"context"
	"log/slog"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
)

// method is a way of deciding that knows by itself whether it is meant.
type method interface {
	// presented reports whether r comes with what the method looks at. Then it
	// decides, and nobody else is asked.
	presented(r Request) bool
	decide(ctx context.Context, r Request) (Grant, error)
}

// Chain decides by everything that a Config names, in this order:
//
//  1. the console's token;
//  2. the signature of the URL, if it has one;
//  3. a JSON Web Token, if the client presents one;
//  4. the users;
//  5. the operator's service, about what no user is allowed.
//
// 2 and 3 decide alone. Safe for concurrent use.
type Chain struct {
	users    *Static
	methods  []method
	tokens   *tokens   // one of methods; nil if there is none
	callback *callback // likewise
}

var _ Authorizer = (*Chain)(nil)

// Options are what a Chain needs besides its configuration.
type Options struct {
	Log *slog.Logger
	// ConsoleToken, unless empty, is good for the API, metrics and pprof.
	ConsoleToken string
	// Now tells the time; nil means time.Now.
	Now func() time.Time

	before *Chain // in whose place the chain comes; nil if it is the first
}

// NewChain returns an authorizer for c, which must not be changed any more. It
// fails as c.Validate does, and if a key file cannot be read.
func NewChain(c Config, o Options) (*Chain, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	users, err := New(c, WithConsoleToken(o.ConsoleToken))
	if err != nil {
		return nil, err
	}
	users.attempts.now = o.Now
	if o.before != nil {
		users.succeed(o.before.users)
	}
	chain := &Chain{users: users, methods: []method{signedURLs{c.URLKeys, o.Now}}}
	if c.hasJWT() {
		t, err := newTokens(&c, o.Log, o.Now)
		if err != nil {
			return nil, err
		}
		if o.before != nil {
			t.succeed(o.before.tokens)
		}
		chain.tokens, chain.methods = t, append(chain.methods, t)
	}
	if c.HTTPURL != "" {
		chain.callback = newCallback(&c, o.Log, o.Now)
	}
	return chain, nil
}

// Authorize implements Authorizer.
func (c *Chain) Authorize(ctx context.Context, r Request) (Grant, error) {
	g, err := c.decide(ctx, r)
	if err == nil && g.Renew == nil {
		r.goesOn = true
		g.Renew = func(ctx context.Context) (Grant, error) { return c.Authorize(ctx, r) }
	}
	return g, err
}

func (c *Chain) decide(ctx context.Context, r Request) (Grant, error) {
	if !c.users.tokenAllows(r) {
		for _, m := range c.methods {
			if m.presented(r) {
				return m.decide(ctx, r)
			}
		}
	}
	g, err := c.users.authorize(ctx, r)
	if c.callback != nil && reason.Of(err, "") == reason.Unauthorized {
		users := err
		if g, err = c.ask(ctx, r); reason.Of(err, "") == reason.Unauthorized {
			c.users.note(r, users)
		}
		return g, err
	}
	c.users.note(r, err)
	return g, err
}

// ask asks the callback. The users will not know better when its grant is renewed,
// and a password would be hashed again each time to find that out.
func (c *Chain) ask(ctx context.Context, r Request) (Grant, error) {
	g, err := c.callback.decide(ctx, r)
	g.Renew = func(ctx context.Context) (Grant, error) { return c.ask(ctx, r) }
	return g, err
}

// Close gives back what the chain holds. Nothing may be asked then.
func (c *Chain) Close() {
	if c.callback != nil {
		c.callback.close()
	}
}

package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/streamname"
)

// Config is the configuration section "auth". The zero Config lets anybody
// publish and play, and nobody else do anything.
type Config struct {
	// Users is who may do what. Once there is one, what no user is allowed is
	// denied.
	Users []User `yaml:"users" help:"Who may do what. Without users, everybody may publish and play."`
	// Loopback lets who sits at this machine use API, metrics and pprof without a
	// credential.
	Loopback bool `yaml:"loopback" help:"Who sits at this machine needs no credential for API, metrics and pprof. Switch it off behind a proxy on the same machine."`
	// TokenFile keeps the token of the console, for whoever may read the file;
	// LoadToken says how. Without it the token is another one with each start.
	TokenFile string `yaml:"token_file" help:"File with the token of console, API and metrics, made if it is missing; below 'data.dir' unless it is absolute. Empty for a new token with each start."`
	// URLKeys sign URLs that are good for a while, for publishing or playing one
	// stream. The first signs; all are accepted.
	URLKeys []config.Secret `yaml:"url_keys" help:"Keys of signed URLs, at least 16 bytes each. The first signs, all are accepted."`

	// JWTSecrets check JSON Web Tokens (RFC 7519) that are signed by HMAC: HS256,
	// HS384, HS512. JWTKeyFiles are files with public keys in PEM, for RS…, PS… and
	// ES…; JWKS is the URL of a set of such keys (RFC 7517).
	JWTSecrets  []config.Secret `yaml:"jwt_secrets" help:"Check JSON Web Tokens that are signed by HS256, HS384 or HS512; at least 16 bytes each."`
	JWTKeyFiles []string        `yaml:"jwt_key_files" help:"Files of public keys or certificates in PEM, for tokens by RS…, PS… and ES…."`
	JWKS        config.WebURL   `yaml:"jwks" help:"URL of a set of public keys (RFC 7517), for tokens by RS…, PS… and ES…."`
	// JWTIssuer and JWTAudience, unless empty, are what iss must be and aud must
	// hold. JWTClaim names the claim that holds the rules, a list as Allow of User.
	JWTIssuer   string `yaml:"jwt_issuer" help:"What 'iss' of a token must be; empty for anything."`
	JWTAudience string `yaml:"jwt_audience" help:"What 'aud' of a token must hold; empty for anything."`
	JWTClaim    string `yaml:"jwt_claim" help:"The claim that holds the rules, a list like 'allow' of a user."`

	// HTTPURL is a service of the operator's that is asked by POST about what no
	// user is allowed; empty for none. HTTPSecret signs what is posted.
	HTTPURL    config.WebURL `yaml:"http_url" help:"URL of a service of yours that is asked about what no user is allowed; empty for none."`
	HTTPSecret config.Secret `yaml:"http_secret" help:"Signs what 'auth.http_url' is asked."`
	// HTTPTimeout bounds the wait for an answer, HTTPCache is for how long one
	// without a ttl counts.
	HTTPTimeout config.Duration `yaml:"http_timeout" help:"For the answer of 'auth.http_url'; '100ms' to '30s'."`
	HTTPCache   config.Duration `yaml:"http_cache" help:"For how long an answer without a 'ttl' counts; up to '24h'."`
	// HTTPAllowOnFailure lets publishers and players in while the service gives no
	// answer.
	HTTPAllowOnFailure bool `yaml:"http_allow_on_failure" help:"Lets publishers and players in while 'auth.http_url' gives no answer."`
}

// NewConfig returns the defaults.
func NewConfig() *Config {
	return &Config{Loopback: true, JWTClaim: "weir", HTTPTimeout: config.Duration(3 * time.Second), HTTPCache: config.Duration(10 * time.Second)}
}

// NamesUsers reports whether there are users with passwords.
func (c *Config) NamesUsers() bool {
	return slices.ContainsFunc(c.Users, func(u User) bool { return !u.anonymous() })
}

// AnybodyMay reports whether everybody may do an action from anywhere, on some
// stream at least. What a service says is not known.
func (c *Config) AnybodyMay(a Action) bool {
	if c.open() {
		return a.OnStream()
	}
	return slices.ContainsFunc(c.Users, func(u User) bool {
		return u.anonymous() && len(u.Addresses) == 0 && slices.ContainsFunc(u.Allow, func(r Rule) bool {
			return slices.Contains(r.Actions, a) && (!a.OnStream() || len(r.Streams) > 0)
		})
	})
}

// Live names what changes while weir runs: all but the token's file.
func (c *Config) Live() []string {
	return []string{"users", "loopback", "url_keys", "jwt_secrets", "jwt_key_files", "jwks", "jwt_issuer", "jwt_audience", "jwt_claim",
		"http_url", "http_secret", "http_timeout", "http_cache", "http_allow_on_failure"}
}

// open reports whether everybody may publish and play: nobody says who may.
func (c *Config) open() bool {
	return len(c.Users) == 0 && len(c.URLKeys) == 0 && !c.hasJWT() && c.HTTPURL == ""
}

// User is one who may do something.
type User struct {
	// Name and the password of Password or Digest are what the user presents. A
	// user without any stands for anonymous clients; there may be several of them.
	// What an anonymous client may do, a client that proved its name may do as
	// well.
	Name     string       `yaml:"name" help:"What the user presents, up to 128 bytes, no colon. A user without name and password stands for everybody." example:"studio"`
	Password PasswordHash `yaml:"password" help:"As 'weir hash' prints it." example:"$argon2id$v=19$m=19456,t=2,p=1$5hnTGBBUexawe8+SwUs23g$7g8PG3GKTO8eXevgRhjzAh2p5rVitiuHY5a3zBx2DuU"`
	// Digest lets clients prove the password by Digest authentication. Where there
	// is no Password, it is used to check passwords as well.
	Digest HA1    `yaml:"digest" help:"As 'weir hash --digest NAME' prints it: lets RTSP clients use Digest authentication."`
	Allow  []Rule `yaml:"allow" help:"What the user may do."`
	// Addresses is where the user may come from; empty for anywhere.
	Addresses config.Prefixes `yaml:"addresses" help:"Where the user may come from, addresses and ranges; empty for anywhere." example:"[192.0.2.0/24]"`
}

// Rule allows each of Actions; publish and play on those streams only that one
// of the patterns matches. Captures match as "*" does.
type Rule struct {
	Actions []Action             `yaml:"actions" help:"Any of 'publish', 'play', 'api', 'metrics', 'pprof'." example:"[publish]"`
	Streams []streamname.Pattern `yaml:"streams" help:"For publish and play: which streams. '*' or '{x}' stands for one segment, '**' for all that follow." example:"['live/**']"`
}

// maxName bounds the bytes of a user's name; no more is looked at.
const maxName = 128

func (u *User) anonymous() bool { return u.Name == "" && u.Password.IsZero() && u.Digest.IsZero() }

// Validate reports users with only one of name and password, names that
// clients could not send, and names that are there twice.
func (c *Config) Validate() error {
	var errs []error
	seen := map[string]int{}
	for i := range c.Users {
		u := &c.Users[i]
		if u.anonymous() {
			continue
		}
		if problem := nameProblem(u.Name); problem != "" {
			errs = append(errs, fmt.Errorf("users[%d].name: %s", i, problem))
			continue
		}
		if err := digestNameError(u.Name); err != nil && !u.Digest.IsZero() {
			errs = append(errs, fmt.Errorf("users[%d].digest: %w", i, err))
		}
		if u.Password.IsZero() && u.Digest.IsZero() {
			errs = append(errs, fmt.Errorf(`users[%d].password: missing for user %q; run "weir hash" to make one`, i, u.Name))
		}
		if first, twice := seen[u.Name]; twice {
			errs = append(errs, fmt.Errorf("users[%d].name: %q is the name of users[%d] already", i, u.Name, first))
			continue
		}
		seen[u.Name] = i
	}
	for i, key := range c.URLKeys {
		if len(key.Reveal()) < minSecret {
			errs = append(errs, fmt.Errorf("url_keys[%d]: must have at least %d bytes", i, minSecret))
		}
	}
	errs = append(errs, c.validateJWT(), c.validateHTTP())
	return errors.Join(errs...)
}

func nameProblem(name string) string {
	switch {
	case name == "":
		return "missing for the password"
	case len(name) > maxName:
		return fmt.Sprintf("has %d bytes, at most %d are allowed", len(name), maxName)
	case strings.ContainsRune(name, ':') || strings.ContainsFunc(name, unicode.IsControl):
		// RFC 7617, 2: neither can be sent by HTTP's Basic scheme.
		return "must not hold a colon or control characters"
	}
	return ""
}

// Warnings reports what has no effect, and what is open to everybody but is
// better not. Each starts with the key below the section.
func (c *Config) Warnings() []string {
	var all []string
	for i := range c.Users {
		u := &c.Users[i]
		key := fmt.Sprintf("users[%d]", i)
		if len(u.Allow) == 0 {
			all = append(all, fmt.Sprintf("%s: %s is allowed nothing", key, u.label()))
		}
		for j, rule := range u.Allow {
			for _, warning := range u.ruleWarnings(j, rule) {
				all = append(all, fmt.Sprintf("%s.allow[%d]%s", key, j, warning))
			}
		}
	}
	return all
}

func (u *User) label() string {
	if u.anonymous() {
		return "the anonymous user"
	}
	return fmt.Sprintf("user %q", u.Name)
}

func (u *User) ruleWarnings(index int, rule Rule) []string {
	var all []string
	onStreams := false
	for _, action := range rule.Actions {
		onStreams = onStreams || action.OnStream()
		if u.anonymous() && !action.OnStream() && len(u.Addresses) == 0 {
			all = append(all, fmt.Sprintf(": anybody from anywhere may use %s; give addresses, or a name and a password", action))
		}
	}
	switch {
	case len(rule.Actions) == 0:
		all = append(all, ": has no actions, so it allows nothing")
	case onStreams && len(rule.Streams) == 0:
		all = append(all, `: has no streams, so nothing can be published or played by it; "**" stands for all`)
	case !onStreams && len(rule.Streams) > 0:
		all = append(all, ".streams: has no effect without publish or play")
	}
	if earlier, shadowed := u.shadow(index, rule); shadowed {
		all = append(all, fmt.Sprintf(": has no effect, allow[%d] and those before it allow all of this", earlier))
	}
	return all
}

// shadow reports whether the rules before index allow all that rule does, and
// the last of those that are needed for it.
func (u *User) shadow(index int, rule Rule) (last int, shadowed bool) {
	for _, action := range rule.Actions {
		targets := rule.Streams
		if !action.OnStream() {
			targets = []streamname.Pattern{{}} // covered by any rule with the action
		}
		for _, target := range targets {
			by, ok := coveredBy(u.Allow[:index], action, target)
			if !ok {
				return 0, false
			}
			last, shadowed = max(last, by), true
		}
	}
	return last, shadowed
}

func coveredBy(rules []Rule, action Action, target streamname.Pattern) (index int, ok bool) {
	for i, rule := range rules {
		if !rule.has(action) {
			continue
		}
		if !action.OnStream() {
			return i, true
		}
		for _, pattern := range rule.Streams {
			if pattern.Covers(target) {
				return i, true
			}
		}
	}
	return 0, false
}

func (r Rule) has(action Action) bool {
	for _, a := range r.Actions {
		if a == action {
			return true
		}
	}
	return false
}

func (r Rule) allows(action Action, stream string) bool {
	if !r.has(action) {
		return false
	}
	if !action.OnStream() {
		return true
	}
	for _, pattern := range r.Streams {
		if _, ok := pattern.Match(stream); ok {
			return true
		}
	}
	return false
}

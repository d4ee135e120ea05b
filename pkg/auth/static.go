package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
)

// maxHashing bounds the password checks that run at once, and with it their
// memory: each takes 19 MiB by default. A few are enough, for only the first
// login of each user and wrong passwords get that far.
const maxHashing = 2

// Static decides by the users of a Config. Who proved a password once is
// recognised without hashing it again. Safe for concurrent use.
type Static struct {
	users     map[string]*staticUser
	anonymous []*staticUser
	open      bool // no users configured
	token     []byte
	hashing   chan struct{}
	attempts  *attempts
	// decoy is checked for names that do not exist or have no hash, so that they
	// take as long as the others.
	decoy PasswordHash
	// decoyHA1 is the same for those who have no HA1.
	decoyHA1 HA1
	// cacheKey is random, so that fingerprints are of no use without it and
	// nobody can choose credentials whose fingerprints are alike.
	cacheKey [32]byte
}

var _ Authorizer = (*Static)(nil)

type staticUser struct {
	*User
	key string // in the configuration
	// proven is the fingerprint of the credentials that were right, nil before
	// the first login. A user has one password, so one is all there can be.
	proven atomic.Pointer[[sha256.Size]byte]
	// outdated is the fingerprint of credentials that were let in before and are
	// wrong: thousands of sessions may have the same.
	outdated atomic.Pointer[[sha256.Size]byte]
}

// hasProven reports whether the credentials with a fingerprint were right before; u
// may be nil.
func (u *staticUser) hasProven(fingerprint [sha256.Size]byte) bool {
	if u == nil {
		return false
	}
	proven := u.proven.Load()
	return proven != nil && hmac.Equal(proven[:], fingerprint[:])
}

// isOutdated reports whether the credentials with a fingerprint were right once and are
// not any more.
func (u *staticUser) isOutdated(fingerprint [sha256.Size]byte) bool {
	outdated := u.outdated.Load()
	return outdated != nil && hmac.Equal(outdated[:], fingerprint[:])
}

// Option changes a Static.
type Option func(*Static)

// WithConsoleToken makes token, presented as Credentials.Token, good for the
// API, metrics and pprof from anywhere. An empty token changes nothing.
func WithConsoleToken(token string) Option {
	return func(s *Static) { s.token = []byte(token) }
}

// NewConsoleToken returns a random token of at least 128 bits that can stand in
// a URL as it is.
func NewConsoleToken() string { return rand.Text() }

// New returns an authorizer for c, which must not be changed any more. It
// returns the error of c.Validate.
func New(c Config, options ...Option) (*Static, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("auth.%w", err)
	}
	s := &Static{
		users:   map[string]*staticUser{},
		open:    c.open(),
		hashing: make(chan struct{}, maxHashing),

		attempts: newAttempts(time.Now),

		decoyHA1: randomHA1(),
	}
	_, _ = rand.Read(s.cacheKey[:]) // never fails
	for i := range c.Users {
		u := &staticUser{User: &c.Users[i], key: fmt.Sprintf("auth.users[%d]", i)}
		if u.anonymous() {
			s.anonymous = append(s.anonymous, u)
			continue
		}
		s.users[u.Name] = u
		if s.decoy.IsZero() {
			s.decoy = u.Password
		}
	}
	for _, option := range options {
		option(s)
	}
	return s, nil
}

// succeed takes over failed attempts from s's predecessor, and who proved a password
// that is still the same: with thousands of users hashing all again takes minutes.
func (s *Static) succeed(before *Static) {
	s.attempts, s.cacheKey = before.attempts, before.cacheKey
	for name, u := range s.users {
		was := before.users[name]
		if was != nil && reflect.DeepEqual(was.Password, u.Password) && was.Digest == u.Digest {
			u.proven.Store(was.proven.Load())
		}
	}
}

// Authorize decides as Authorizer says. The context bounds how long a check of
// a password may wait for others.
func (s *Static) Authorize(ctx context.Context, r Request) (Grant, error) {
	g, err := s.authorize(ctx, r)
	s.note(r, err)
	return g, err
}

// note counts a name that no user has as a wrong password, if nobody else knows it:
// err is the answer to r.
func (s *Static) note(r Request, err error) {
	var denied *Denied
	if errors.As(err, &denied) && denied.stranger {
		s.wrong(r)
	}
}

// wrong counts a wrong password.
func (s *Static) wrong(r Request) {
	if !r.goesOn {
		s.attempts.wrong(r.Remote)
	}
}

// mayTry reports whether the address of r may try a password.
func (s *Static) mayTry(r Request) bool { return r.goesOn || s.attempts.may(r.Remote) }

// authorize is Authorize but for note.
func (s *Static) authorize(ctx context.Context, r Request) (Grant, error) {
	if s.tokenAllows(r) {
		return Grant{Identity: Identity{User: consoleUser}, User: consoleUser, Rule: "the console's token"}, nil
	}
	if s.open {
		if r.Action.OnStream() {
			return Grant{Identity: Anonymous(r.Remote, r.Query), Rule: "auth.users: nobody is named, so all may"}, nil
		}
		return Grant{}, deny(s.ask(r, "credentials are needed to "+describe(r)))
	}
	if r.Credentials.User == "" && r.Credentials.Password == "" && r.Credentials.Digest == nil {
		if rule := s.anonymousMay(r); rule != "" {
			return Grant{Identity: Anonymous(r.Remote, r.Query), Rule: rule}, nil
		}
		return Grant{}, deny(s.ask(r, "credentials are needed to "+describe(r)))
	}
	user, err := s.authenticate(ctx, r)
	switch {
	case err != nil:
		return Grant{}, err
	case user == nil:
		no := s.ask(r, "wrong user name or password")
		no.stranger = s.users[r.Credentials.User] == nil
		return Grant{}, deny(no)
	}
	rule := user.may(r)
	if rule == "" {
		rule = s.anonymousMay(r)
	}
	switch {
	case rule != "":
		return Grant{Identity: Identity{User: user.Name}, User: user.Name, Rule: rule}, nil
	case !user.mayComeFrom(r.Remote):
		return Grant{}, deny(Denied{Why: fmt.Sprintf("user %q may not come from this address", user.Name), Rule: user.key + ".addresses"})
	}
	return Grant{}, deny(Denied{Why: fmt.Sprintf("user %q may not %s", user.Name, describe(r)), Rule: user.key + ".allow"})
}

// ask returns the answer no to r, which other credentials might change; by Digest if
// anybody who may do it has a HA1.
func (s *Static) ask(r Request, why string) Denied {
	no := Denied{Why: why, Authenticate: true, Rule: "auth.users"}
	for _, u := range s.users {
		no.Digest = no.Digest || !u.Digest.IsZero() && u.may(r) != ""
	}
	return no
}

// consoleUser is the name of one who has the console token. The colon keeps it
// apart from the names that a configuration can give.
const consoleUser = "console:token"

func (s *Static) tokenAllows(r Request) bool {
	return len(s.token) > 0 && !r.Action.OnStream() && hmac.Equal([]byte(r.Credentials.Token), s.token)
}

// anonymousMay returns the rule by which everybody may do what r asks, empty if
// there is none.
func (s *Static) anonymousMay(r Request) (rule string) {
	for _, u := range s.anonymous {
		if rule := u.may(r); rule != "" {
			return rule
		}
	}
	return ""
}

// may returns the rule by which the user may do what r asks, empty if there is
// none.
func (u *staticUser) may(r Request) (rule string) {
	if !u.mayComeFrom(r.Remote) {
		return ""
	}
	for i, rule := range u.Allow {
		if rule.allows(r.Action, r.Stream) {
			return fmt.Sprintf("%s.allow[%d]", u.key, i)
		}
	}
	return ""
}

func (u *User) mayComeFrom(remote netip.Addr) bool {
	return len(u.Addresses) == 0 || u.Addresses.Contains(remote)
}

// errGuessing is the answer to an address that tried too many wrong passwords.
var errGuessing = reason.Wrap(reason.LimitReached, errors.New("too many wrong passwords came from this address; wait a minute"))

// authenticate returns the user that the credentials of r prove, nil if they prove
// none, and an error if the context ended first or the address has to wait.
func (s *Static) authenticate(ctx context.Context, r Request) (*staticUser, error) {
	c := r.Credentials
	if len(s.users) == 0 || len(c.User) > maxName || len(c.Password) > maxPassword {
		return nil, nil
	}
	if c.Digest != nil {
		if !s.mayTry(r) {
			return nil, errGuessing
		}
		user := s.authenticateDigest(c)
		if user == nil && s.users[c.User] != nil {
			s.wrong(r)
		}
		return user, nil
	}
	user, fingerprint := s.users[c.User], s.fingerprint(c)
	if user.hasProven(fingerprint) {
		return user, nil
	}
	if r.goesOn && (user == nil || user.isOutdated(fingerprint)) {
		return nil, nil // who goes on learns nothing by how long that takes
	}
	if !s.mayTry(r) {
		return nil, errGuessing
	}
	right, err := s.verify(ctx, r, user, fingerprint)
	if !right {
		return nil, err
	}
	return user, nil
}

// verify reports whether r, with this fingerprint, has the password of user, who is
// nil if the name is nobody's. Errors are those of authenticate.
func (s *Static) verify(ctx context.Context, r Request, user *staticUser, fingerprint [sha256.Size]byte) (right bool, err error) {
	select {
	case s.hashing <- struct{}{}:
	case <-ctx.Done():
		return false, fmt.Errorf("waiting to check a password: %w", ctx.Err())
	}
	defer func() { <-s.hashing }()
	switch { // what others did meanwhile
	case user.hasProven(fingerprint):
		return true, nil
	case r.goesOn && user.isOutdated(fingerprint):
		return false, nil
	case !s.mayTry(r):
		return false, errGuessing
	}
	hash, c := s.decoy, r.Credentials
	if user != nil && !user.Password.IsZero() {
		hash = user.Password
	}
	right = hash.Verify(c.Password) // the decoy's does not count
	if user == nil {
		return false, nil
	}
	if user.Password.IsZero() {
		right = user.Digest.Verify(c.User, c.Password)
	}
	switch {
	case right:
		user.proven.Store(&fingerprint)
	case r.goesOn:
		user.outdated.Store(&fingerprint)
	default:
		s.wrong(r)
	}
	return right, nil
}

// authenticateDigest returns the user whose password the Digest proves, nil if it
// proves none.
func (s *Static) authenticateDigest(c Credentials) *staticUser {
	user := s.users[c.User]
	if user == nil || user.Digest.IsZero() {
		_ = s.decoyHA1.Proven(c.Digest) // takes as long
		return nil
	}
	if !user.Digest.Proven(c.Digest) {
		return nil
	}
	return user
}

// fingerprint is HMAC-SHA256 over name and password, each with its length in
// front so that no two pairs give the same bytes.
func (s *Static) fingerprint(c Credentials) (sum [sha256.Size]byte) {
	mac := hmac.New(sha256.New, s.cacheKey[:])
	for _, part := range []string{c.User, c.Password} {
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		mac.Write([]byte(part))
	}
	mac.Sum(sum[:0])
	return sum
}

// describe words what the client wants for an answer to it.
func describe(r Request) string {
	if r.Action.OnStream() {
		return fmt.Sprintf("%s %q", r.Action, r.Stream)
	}
	return fmt.Sprintf("use %s", r.Action)
}

package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync/atomic"
)

// maxHashing bounds the password checks that run at once, and with it their
// memory: each takes 19 MiB by default. A few are enough, for only the first
// login of each user and wrong passwords get that far.
const maxHashing = 2

// Static decides by the users of a Config. Who proved a password once is
// recognised without hashing it again. Safe for concurrent use.
type Static struct {
	users     map[string]*staticUser
	anonymous []*User
	open      bool // no users configured
	token     []byte
	hashing   chan struct{}
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
	// proven is the fingerprint of the credentials that were right, nil before
	// the first login. A user has one password, so one is all there can be.
	proven atomic.Pointer[[sha256.Size]byte]
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
		open:    len(c.Users) == 0,
		hashing: make(chan struct{}, maxHashing),

		decoyHA1: randomHA1(),
	}
	_, _ = rand.Read(s.cacheKey[:]) // never fails
	for i := range c.Users {
		u := &c.Users[i]
		if u.anonymous() {
			s.anonymous = append(s.anonymous, u)
			continue
		}
		s.users[u.Name] = &staticUser{User: u}
		if s.decoy.IsZero() {
			s.decoy = u.Password
		}
	}
	for _, option := range options {
		option(s)
	}
	return s, nil
}

// Authorize decides as Authorizer says. The context bounds how long a check of
// a password may wait for others.
func (s *Static) Authorize(ctx context.Context, r Request) (Grant, error) {
	if s.tokenAllows(r) {
		return Grant{Identity: Identity{User: consoleUser}, User: consoleUser}, nil
	}
	anonymous := Grant{Identity: Anonymous(r.Remote, r.Query)}
	if s.open {
		if r.Action.OnStream() {
			return anonymous, nil
		}
		return Grant{}, s.ask(r, "credentials are needed to "+describe(r))
	}
	if r.Credentials.User == "" && r.Credentials.Password == "" && r.Credentials.Digest == nil {
		if s.anonymousMay(r) {
			return anonymous, nil
		}
		return Grant{}, s.ask(r, "credentials are needed to "+describe(r))
	}
	user, err := s.authenticate(ctx, r.Credentials)
	switch {
	case err != nil:
		return Grant{}, err
	case user == nil:
		return Grant{}, s.ask(r, "wrong user name or password")
	case user.may(r) || s.anonymousMay(r):
		return Grant{Identity: Identity{User: user.Name}, User: user.Name}, nil
	case !user.mayComeFrom(r.Remote):
		return Grant{}, deny(Denied{Why: fmt.Sprintf("user %q may not come from this address", user.Name)})
	}
	return Grant{}, deny(Denied{Why: fmt.Sprintf("user %q may not %s", user.Name, describe(r))})
}

// ask denies r as other credentials might not be; by Digest if anybody who may do
// it has a HA1.
func (s *Static) ask(r Request, why string) error {
	no := Denied{Why: why, Authenticate: true}
	for _, u := range s.users {
		no.Digest = no.Digest || !u.Digest.IsZero() && u.may(r)
	}
	return deny(no)
}

// consoleUser is the name of one who has the console token. The colon keeps it
// apart from the names that a configuration can give.
const consoleUser = "console:token"

func (s *Static) tokenAllows(r Request) bool {
	return len(s.token) > 0 && !r.Action.OnStream() && hmac.Equal([]byte(r.Credentials.Token), s.token)
}

func (s *Static) anonymousMay(r Request) bool {
	for _, u := range s.anonymous {
		if u.may(r) {
			return true
		}
	}
	return false
}

func (u *User) may(r Request) bool {
	if !u.mayComeFrom(r.Remote) {
		return false
	}
	for _, rule := range u.Allow {
		if rule.allows(r.Action, r.Stream) {
			return true
		}
	}
	return false
}

func (u *User) mayComeFrom(remote netip.Addr) bool {
	return len(u.Addresses) == 0 || u.Addresses.Contains(remote)
}

// authenticate returns the user that the credentials prove, nil if they prove
// none, and an error if the context ended first.
func (s *Static) authenticate(ctx context.Context, c Credentials) (*staticUser, error) {
	if len(s.users) == 0 || len(c.User) > maxName || len(c.Password) > maxPassword {
		return nil, nil
	}
	if c.Digest != nil {
		return s.authenticateDigest(c), nil
	}
	user, hash := s.users[c.User], s.decoy
	fingerprint := s.fingerprint(c)
	if user != nil {
		if !user.Password.IsZero() {
			hash = user.Password
		}
		if proven := user.proven.Load(); proven != nil && hmac.Equal(proven[:], fingerprint[:]) {
			return user, nil
		}
	}
	select {
	case s.hashing <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting to check a password: %w", ctx.Err())
	}
	defer func() { <-s.hashing }()
	right := hash.Verify(c.Password) // the decoy's does not count
	if user == nil {
		return nil, nil
	}
	if user.Password.IsZero() {
		right = user.Digest.Verify(c.User, c.Password)
	}
	if !right {
		return nil, nil
	}
	user.proven.Store(&fingerprint)
	return user, nil
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

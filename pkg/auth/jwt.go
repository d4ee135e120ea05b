package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// hasJWT reports whether tokens can be checked at all.
func (c *Config) hasJWT() bool {
	return len(c.JWTSecrets) > 0 || len(c.JWTKeyFiles) > 0 || c.JWKS != ""
}

// minSecret is the shortest secret in bytes: what is shorter can be guessed from
// one token (RFC 7518, 3.2, wants as many as the hash has).
const minSecret = 16

func (c *Config) validateJWT() error {
	var errs []error
	for i, s := range c.JWTSecrets {
		if len(s.Reveal()) < minSecret {
			errs = append(errs, fmt.Errorf("jwt_secrets[%d]: must have at least %d bytes", i, minSecret))
		}
	}
	if c.JWKS != "" && !c.JWKS.Valid() {
		errs = append(errs, errors.New("jwks: must be an http or https URL"))
	}
	if c.hasJWT() && c.JWTClaim == "" {
		errs = append(errs, errors.New("jwt_claim: must not be empty"))
	}
	return errors.Join(errs...)
}

// tokens decides about requests with a JSON Web Token.
type tokens struct {
	secrets []jwt.VerificationKey
	public  []jwt.VerificationKey
	set     *keySet // nil if there is none
	parser  *jwt.Parser
	claim   string
}

var _ method = (*tokens)(nil)

func newTokens(c *Config, log *slog.Logger, now func() time.Time) (*tokens, error) {
	t := &tokens{claim: c.JWTClaim}
	for _, s := range c.JWTSecrets {
		t.secrets = append(t.secrets, []byte(s.Reveal()))
	}
	for i, name := range c.JWTKeyFiles {
		key, err := readPublicKey(name)
		if err != nil {
			return nil, fmt.Errorf("auth.jwt_key_files[%d]: %w", i, err)
		}
		t.public = append(t.public, key)
	}
	if c.JWKS != "" {
		t.set = newKeySet(c.JWKS.Reveal(), log, now)
	}
	options := []jwt.ParserOption{
		jwt.WithExpirationRequired(), jwt.WithTimeFunc(now),
		jwt.WithValidMethods([]string{"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"}),
	}
	if c.JWTIssuer != "" {
		options = append(options, jwt.WithIssuer(c.JWTIssuer))
	}
	if c.JWTAudience != "" {
		options = append(options, jwt.WithAudience(c.JWTAudience))
	}
	t.parser = jwt.NewParser(options...)
	return t, nil
}

// succeed takes over the keys that t's predecessor, which may be nil, has fetched from
// the same place: they serve through outages.
func (t *tokens) succeed(before *tokens) {
	if before != nil && before.set != nil && t.set != nil && before.set.url == t.set.url {
		t.set = before.set
	}
}

// readPublicKey reads an RSA or ECDSA key, or a certificate with one.
func readPublicKey(name string) (jwt.VerificationKey, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	if key, err := jwt.ParseRSAPublicKeyFromPEM(text); err == nil {
		return key, nil
	}
	key, err := jwt.ParseECPublicKeyFromPEM(text)
	if err != nil {
		return nil, fmt.Errorf("%s has neither an RSA nor an ECDSA public key in PEM", name)
	}
	return key, nil
}

// presented implements method: a token of three parts is a JWT, which that of the
// console is not.
func (t *tokens) presented(r Request) bool { return strings.Count(r.Credentials.Token, ".") == 2 }

// maxToken bounds a token in bytes, as headers of HTTP usually are.
const maxToken = 8 << 10

// decide implements method.
func (t *tokens) decide(ctx context.Context, r Request) (Grant, error) {
	no := func(why string) (Grant, error) {
		return Grant{}, deny(Denied{Why: why, Authenticate: true, Rule: "auth.jwt_secrets, jwt_key_files or jwks"})
	}
	if len(r.Credentials.Token) > maxToken {
		return no(fmt.Sprintf("the token has %d bytes, at most %d can be", len(r.Credentials.Token), maxToken))
	}
	var unavailable error
	token, err := t.parser.Parse(r.Credentials.Token, func(token *jwt.Token) (any, error) {
		var keys jwt.VerificationKeySet
		keys, unavailable = t.keys(ctx, token)
		return keys, unavailable
	})
	switch {
	case unavailable != nil:
		return Grant{}, unavailable
	case errors.Is(err, jwt.ErrTokenExpired):
		return no("the token has expired")
	case err != nil:
		return no("the token is not good: " + tokenProblem(err))
	}
	rules, err := t.rules(token)
	if err != nil {
		return no(err.Error())
	}
	expires, _ := token.Claims.GetExpirationTime() // it was checked
	subject, _ := token.Claims.GetSubject()
	for i, rule := range rules {
		if rule.allows(r.Action, r.Stream) {
			return Grant{
				Identity: Identity{User: "jwt:" + subject}, User: subject, Expires: expires.Time,
				Rule: fmt.Sprintf("the token's %s[%d]", t.claim, i),
			}, nil
		}
	}
	return no("the token does not allow to " + describe(r))
}

// tokenProblem words an error of the library without what the token holds.
func tokenProblem(err error) string {
	for _, known := range []error{
		jwt.ErrTokenMalformed, jwt.ErrTokenSignatureInvalid, jwt.ErrTokenNotValidYet, jwt.ErrTokenInvalidIssuer,
		jwt.ErrTokenInvalidAudience, jwt.ErrTokenRequiredClaimMissing, jwt.ErrTokenUnverifiable,
	} {
		if errors.Is(err, known) {
			return strings.TrimPrefix(known.Error(), "token ")
		}
	}
	return "it cannot be checked"
}

// keys returns those with which a token may be signed. Which ones that are depends
// on its algorithm: a public key must never serve as a secret.
func (t *tokens) keys(ctx context.Context, token *jwt.Token) (set jwt.VerificationKeySet, err error) {
	algorithm := token.Method.Alg()
	if strings.HasPrefix(algorithm, "HS") {
		set.Keys = t.secrets
	} else {
		candidates := t.public
		if t.set != nil {
			kid, _ := token.Header["kid"].(string)
			more, err := t.set.find(ctx, kid)
			if err != nil {
				return set, err
			}
			candidates = append(candidates[:len(candidates):len(candidates)], more...)
		}
		for _, key := range candidates {
			switch key.(type) {
			case *rsa.PublicKey:
				if algorithm[0] != 'E' {
					set.Keys = append(set.Keys, key)
				}
			case *ecdsa.PublicKey:
				if algorithm[0] == 'E' {
					set.Keys = append(set.Keys, key)
				}
			}
		}
	}
	if len(set.Keys) == 0 {
		return set, deny(Denied{Why: fmt.Sprintf("there is no key for tokens signed by %s", algorithm), Authenticate: true, Rule: "auth.jwt_secrets, jwt_key_files or jwks"})
	}
	return set, nil
}

// rules reads the claim that says what the token is good for.
func (t *tokens) rules(token *jwt.Token) (rules []Rule, err error) {
	claims, _ := token.Claims.(jwt.MapClaims)
	text, err := json.Marshal(claims[t.claim])
	if err == nil {
		err = json.Unmarshal(text, &rules)
	}
	if err != nil {
		return nil, fmt.Errorf("the claim %q of the token must be a list of {actions, streams}", t.claim)
	}
	return rules, nil
}

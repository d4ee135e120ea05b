package auth

import (
	"crypto/md5" //nolint:gosec // RFC 2069 and the clients that know nothing else
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/weirmedia/weir/pkg/config"
)

// Realm is what clients are told that their password is for. It is a part of
// every HA1.
const Realm = "weir"

// Algorithm is a hash function of Digest authentication, as headers name it (RFC
// 7616, 6.1).
type Algorithm string

// The algorithms.
const (
	MD5    Algorithm = "MD5"
	SHA256 Algorithm = "SHA-256"
)

// Algorithms returns those that a HA1 has, in the order in which clients are
// offered them. Many clients believe the last they know, and know MD5 alone.
func Algorithms() []Algorithm { return []Algorithm{SHA256, MD5} }

// hash returns the hash of text in hexadecimal digits, "" for an algorithm that
// is none of Algorithms.
func (a Algorithm) hash(text string) string {
	switch a {
	case MD5:
		sum := md5.Sum([]byte(text)) //nolint:gosec // see the import
		return hex.EncodeToString(sum[:])
	case SHA256:
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:])
	}
	return ""
}

// Digest proves a password for one request without telling it, in the form
// without qop that clients of RTSP use (RFC 2069, 2.1.2; RFC 7616 3.4.1). Whoever
// fills it in has checked that Realm and Nonce are those of a challenge to this
// client, and that URI, which is as the client wrote it, is the request's.
type Digest struct {
	Algorithm             Algorithm
	Realm, Nonce          string
	Method, URI, Response string
}

// HA1 stands for a user's password where a client proves it by a Digest: hashes
// of "name:weir:password". In a configuration it is
//
//	$ha1$weir$<MD5, 32 hexadecimal digits>$<SHA-256, 64 of them>
//
// Who has it can log in by Digest, and guess the password much faster than by a
// PasswordHash. The zero HA1 matches nothing. It is immutable, and prints and
// marshals as config.Hidden.
type HA1 struct{ md5, sha256 string }

// NewHA1 returns the HA1 of a user whose name a Digest can carry and whose
// password has 1 to 1024 bytes.
func NewHA1(name, password string) (HA1, error) {
	if err := errors.Join(digestNameError(name), passwordError(password)); err != nil {
		return HA1{}, err
	}
	return newHA1(name, password), nil
}

func newHA1(name, password string) HA1 {
	text := name + ":" + Realm + ":" + password
	return HA1{md5: MD5.hash(text), sha256: SHA256.hash(text)}
}

// randomHA1 returns a HA1 that nobody has a password for.
func randomHA1() HA1 { return newHA1(rand.Text(), rand.Text()) }

// digestNameError reports what keeps name out of a Digest: clients differ in how
// they quote.
func digestNameError(name string) error {
	if problem := nameProblem(name); problem != "" {
		return fmt.Errorf("the name %s", problem)
	}
	if strings.ContainsAny(name, `"\`) {
		return errors.New("the name must not hold quotes or backslashes for Digest authentication")
	}
	return nil
}

// ParseHA1 returns the HA1 that s describes. Its errors do not repeat s.
func ParseHA1(s string) (HA1, error) {
	fields := strings.Split(s, "$")
	if len(fields) != 5 || fields[0] != "" || fields[1] != "ha1" || fields[2] != Realm {
		return HA1{}, errors.New(`must be what "weir hash --digest NAME" prints`)
	}
	h := HA1{md5: fields[3], sha256: fields[4]}
	for text, size := range map[string]int{h.md5: md5.Size, h.sha256: sha256.Size} {
		if b, err := hex.DecodeString(text); err != nil || len(b) != size || strings.ToLower(text) != text {
			return HA1{}, errors.New(`is malformed; run "weir hash --digest NAME" to make one`)
		}
	}
	return h, nil
}

// Text returns h as a configuration takes it.
func (h HA1) Text() string { return fmt.Sprintf("$ha1$%s$%s$%s", Realm, h.md5, h.sha256) }

// Verify reports whether h was made from name and password.
func (h HA1) Verify(name, password string) bool {
	got := newHA1(name, password)
	return !h.IsZero() && subtle.ConstantTimeCompare([]byte(got.sha256), []byte(h.sha256)) == 1
}

// Proven reports whether d was made with the name and the password of h.
func (h HA1) Proven(d *Digest) bool {
	own := map[Algorithm]string{MD5: h.md5, SHA256: h.sha256}[d.Algorithm]
	want := d.Algorithm.hash(own + ":" + d.Nonce + ":" + d.Algorithm.hash(d.Method+":"+d.URI))
	return own != "" && d.Realm == Realm &&
		subtle.ConstantTimeCompare([]byte(strings.ToLower(d.Response)), []byte(want)) == 1
}

// IsZero reports whether h is the zero HA1.
func (h HA1) IsZero() bool { return h == HA1{} }

// String returns config.Hidden, or "" for the zero HA1.
func (h HA1) String() string {
	if h.IsZero() {
		return ""
	}
	return config.Hidden
}

// Format writes String whatever the verb.
func (h HA1) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, h.String()) }

// ConfigType implements config.Typed.
func (HA1) ConfigType() config.Type { return config.TypeSecret }

// MarshalText returns String.
func (h HA1) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText sets h as ParseHA1 does.
func (h *HA1) UnmarshalText(text []byte) error {
	parsed, err := ParseHA1(string(text))
	if err != nil {
		return err
	}
	*h = parsed
	return nil
}

package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"

	"github.com/weirmedia/weir/pkg/config"
)

// Parameters of new hashes: OWASP's choice for argon2id with the least memory
// that still takes 19 MiB for every guess. RFC 9106's own (64 MiB, 3 passes, 4
// lanes) would make a wave of logins cost a small machine its memory.
const (
	newMemory  = 19 * 1024 // KiB
	newTime    = 2
	newThreads = 1
	newSalt    = 16 // bytes; RFC 9106, 3.1
	newKey     = 32 // bytes
)

// Bounds of hashes in a configuration, so that it cannot eat the machine: a
// check takes at most 128 MiB and the time of hashing 1 GiB once.
const (
	maxMemory  = 128 * 1024 // KiB
	maxTime    = 16
	maxThreads = 16
	maxWork    = 1024 * 1024 // KiB, memory times passes
	minSalt    = 8
	maxSalt    = 64
	minKey     = 16
	maxKey     = 64
)

// maxPassword bounds the bytes of a password, for hashing a long one costs time
// even where it is wrong.
const maxPassword = 1024

// PasswordHash is an argon2id hash (RFC 9106) in the PHC string format:
//
//	$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>
//
// with salt and hash in base64 without padding. The zero PasswordHash matches
// no password. It is immutable, and prints and marshals as config.Hidden.
type PasswordHash struct {
	memory, time uint32 // KiB, passes
	threads      uint8
	salt, key    []byte
}

// HashPassword returns the hash of a password of 1 to 1024 bytes with a random
// salt, as a configuration takes it. It needs 19 MiB of memory meanwhile.
func HashPassword(password string) (string, error) {
	if err := passwordError(password); err != nil {
		return "", err
	}
	h := PasswordHash{memory: newMemory, time: newTime, threads: newThreads, salt: make([]byte, newSalt)}
	_, _ = rand.Read(h.salt) // never fails
	h.key = h.derive(password, newKey)
	return h.phc(), nil
}

func passwordError(password string) error {
	switch {
	case password == "":
		return errors.New("the password is empty")
	case len(password) > maxPassword:
		return fmt.Errorf("the password has %d bytes, at most %d are allowed", len(password), maxPassword)
	}
	return nil
}

// ParsePasswordHash returns the hash that s describes. Its errors do not repeat
// s, which may be a password put there by mistake.
func ParsePasswordHash(s string) (PasswordHash, error) {
	fields := strings.Split(s, "$")
	if len(fields) < 2 || fields[0] != "" {
		return PasswordHash{}, errors.New(`must be a hash, not the password itself; run "weir hash" to make one`)
	}
	if fields[1] != "argon2id" || len(fields) != 6 || fields[2] != "v=19" {
		return PasswordHash{}, errors.New(`must be an argon2id hash of version 19; run "weir hash" to make one`)
	}
	var h PasswordHash
	if err := h.parseParameters(fields[3]); err != nil {
		return PasswordHash{}, err
	}
	var err error
	if h.salt, err = decodeBytes("salt", fields[4], minSalt, maxSalt); err != nil {
		return PasswordHash{}, err
	}
	if h.key, err = decodeBytes("hash", fields[5], minKey, maxKey); err != nil {
		return PasswordHash{}, err
	}
	return h, nil
}

func (h *PasswordHash) parseParameters(s string) error {
	fields := strings.Split(s, ",")
	if len(fields) != 3 {
		return errors.New("the hash must have the parameters m, t and p")
	}
	m, errM := parameter(fields[0], "m", 8, maxMemory)
	t, errT := parameter(fields[1], "t", 1, maxTime)
	p, errP := parameter(fields[2], "p", 1, maxThreads)
	if err := errors.Join(errM, errT, errP); err != nil {
		return err
	}
	if m < 8*p {
		return errors.New("the hash's parameter m must be at least 8 times p")
	}
	if m*t > maxWork {
		return fmt.Errorf("the hash's parameters m times t must be at most %d", maxWork)
	}
	h.memory, h.time, h.threads = m, t, uint8(p)
	return nil
}

func parameter(s, name string, lowest, highest uint32) (uint32, error) {
	digits, ok := strings.CutPrefix(s, name+"=")
	n, err := strconv.ParseUint(digits, 10, 32)
	// FormatUint refuses what ParseUint lets pass: leading zeros.
	if !ok || err != nil || strconv.FormatUint(n, 10) != digits || n < uint64(lowest) || n > uint64(highest) {
		return 0, fmt.Errorf("the hash's parameter %s must be %d..%d", name, lowest, highest)
	}
	return uint32(n), nil
}

func decodeBytes(what, s string, shortest, longest int) ([]byte, error) {
	if len(s) > base64.RawStdEncoding.EncodedLen(longest) || strings.ContainsAny(s, "\r\n") {
		return nil, fmt.Errorf("the hash's %s part is malformed", what)
	}
	b, err := base64.RawStdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) < shortest {
		return nil, fmt.Errorf("the hash's %s part is malformed", what)
	}
	return b, nil
}

// Verify reports whether password is the one that h was made from. It takes the
// time and memory that h asks for, whatever the password.
func (h PasswordHash) Verify(password string) bool {
	if h.IsZero() {
		return false
	}
	got := h.derive(password, uint32(len(h.key)))
	return subtle.ConstantTimeCompare(got, h.key) == 1
}

func (h PasswordHash) derive(password string, length uint32) []byte {
	return argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.threads, length)
}

// IsZero reports whether h is the zero PasswordHash.
func (h PasswordHash) IsZero() bool { return len(h.key) == 0 }

func (h PasswordHash) phc() string {
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.time, h.threads, encode(h.salt), encode(h.key))
}

// String returns config.Hidden, or "" for the zero PasswordHash.
func (h PasswordHash) String() string {
	if h.IsZero() {
		return ""
	}
	return config.Hidden
}

// Format writes String whatever the verb.
func (h PasswordHash) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, h.String()) }

// ConfigType implements config.Typed.
func (PasswordHash) ConfigType() config.Type { return config.TypeSecret }

// MarshalText returns String.
func (h PasswordHash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText sets h as ParsePasswordHash does.
func (h *PasswordHash) UnmarshalText(text []byte) error {
	parsed, err := ParsePasswordHash(string(text))
	if err != nil {
		return err
	}
	*h = parsed
	return nil
}

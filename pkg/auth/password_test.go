package auth

import (
	"strings"
	"testing"
)

// knownHash is of "password" with salt "somesalt", from the test vectors of
// argon2's reference implementation.
const knownHash = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"

func TestVerifyKnownHash(t *testing.T) {
	h, err := ParsePasswordHash(knownHash)
	if err != nil {
		t.Fatal(err)
	}
	for password, want := range map[string]bool{"password": true, "Password": false, "": false} {
		if got := h.Verify(password); got != want {
			t.Errorf("%q: got %v", password, got)
		}
	}
	if (PasswordHash{}).Verify("") {
		t.Error("the zero hash matches the empty password")
	}
}

func TestHashPassword(t *testing.T) {
	first, err := HashPassword("a pass:word")
	if err != nil {
		t.Fatal(err)
	}
	second, err := HashPassword("a pass:word")
	if err != nil || first == second {
		t.Errorf("two hashes are the same, %v", err)
	}
	h, err := ParsePasswordHash(first)
	if err != nil {
		t.Fatal(err)
	}
	if !h.Verify("a pass:word") || h.Verify("another") {
		t.Error("the hash does not verify")
	}
	for _, bad := range []string{"", strings.Repeat("x", maxPassword+1)} {
		if _, err := HashPassword(bad); err == nil {
			t.Errorf("a password of %d bytes was hashed", len(bad))
		}
	}
}

func TestParsePasswordHashErrors(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"plain text", "hunter2", "weir hash"},
		{"plain text with dollars", "hun$ter$2", "weir hash"},
		{"empty", "", "weir hash"},
		{"other algorithm", "$2y$10$hunter2", "argon2id"},
		{"argon2i", strings.Replace(knownHash, "2id", "2i", 1), "argon2id"},
		{"old version", strings.Replace(knownHash, "v=19", "v=16", 1), "version 19"},
		{"no version", strings.Replace(knownHash, "$v=19", "", 1), "version 19"},
		{"too much memory", strings.Replace(knownHash, "m=256", "m=131073", 1), "m must be 8..131072"},
		{"overflowing memory", strings.Replace(knownHash, "m=256", "m=4294967552", 1), "m must be"},
		{"little memory", strings.Replace(knownHash, "m=256", "m=7", 1), "m must be"},
		{"many passes", strings.Replace(knownHash, "t=2", "t=17", 1), "t must be 1..16"},
		{"no passes", strings.Replace(knownHash, "t=2", "t=0", 1), "t must be"},
		{"many lanes", strings.Replace(knownHash, "p=1", "p=17", 1), "p must be 1..16"},
		{"no lanes", strings.Replace(knownHash, "p=1", "p=0", 1), "p must be"},
		{"memory below lanes", strings.Replace(knownHash, "m=256,t=2,p=1", "m=8,t=2,p=2", 1), "8 times p"},
		{"much work", strings.Replace(knownHash, "m=256,t=2", "m=131072,t=9", 1), "m times t"},
		{"other order", strings.Replace(knownHash, "m=256,t=2", "t=2,m=256", 1), "m must be"},
		{"more parameters", strings.Replace(knownHash, "p=1", "p=1,keyid=x", 1), "m, t and p"},
		{"leading zero", strings.Replace(knownHash, "t=2", "t=02", 1), "t must be"},
		{"sign", strings.Replace(knownHash, "t=2", "t=+2", 1), "t must be"},
		{"bad salt", strings.Replace(knownHash, "c29tZXNhbHQ", "c29tZXN*bHQ", 1), "salt part"},
		{"short salt", strings.Replace(knownHash, "c29tZXNhbHQ", "c29t", 1), "salt part"},
		{"trailing bits", strings.Replace(knownHash, "c29tZXNhbHQ", "c29tZXNhbHR", 1), "salt part"},
		{"padding", knownHash + "=", "hash part"},
		{"line feed", knownHash[:len(knownHash)-3] + "\n" + knownHash[len(knownHash)-3:], "hash part"},
		{"short hash", knownHash[:len(knownHash)-30], "hash part"},
		{"long hash", knownHash + strings.Repeat("A", 100), "hash part"},
		{"one more part", knownHash + "$x", "argon2id"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := ParsePasswordHash(test.in)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			if strings.Contains(err.Error(), "hunter") || strings.Contains(err.Error(), "ter$2") {
				t.Errorf("the error repeats the password: %v", err)
			}
		})
	}
}

func FuzzParsePasswordHash(f *testing.F) {
	f.Fuzz(func(t *testing.T, s string) {
		h, err := ParsePasswordHash(s)
		if err != nil {
			if len(err.Error()) > 200 || !h.IsZero() {
				t.Fatalf("got %v with error %v", h, err)
			}
			return
		}
		if got := h.phc(); got != s {
			t.Fatalf("%q is written as %q", s, got)
		}
		if h.memory > maxMemory || h.time > maxTime || h.threads > maxThreads || h.memory*h.time > maxWork ||
			h.threads == 0 || h.time == 0 || len(h.salt) > maxSalt || len(h.key) > maxKey || h.IsZero() {
			t.Fatalf("%q is out of bounds", s)
		}
	})
}

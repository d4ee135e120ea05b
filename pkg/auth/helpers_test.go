package auth

import (
	"net/netip"
	"testing"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/streamname"
)

// cheapHash returns a hash of password with the least work there is.
func cheapHash(password string) PasswordHash {
	h := PasswordHash{memory: 8, time: 1, threads: 1, salt: []byte("saltsalt")}
	h.key = h.derive(password, newKey)
	return h
}

func patterns(t *testing.T, texts ...string) []streamname.Pattern {
	t.Helper()
	var all []streamname.Pattern
	for _, text := range texts {
		p, err := streamname.ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func prefixes(texts ...string) config.Prefixes {
	var all config.Prefixes
	for _, text := range texts {
		all = append(all, config.Prefix{Prefix: netip.MustParsePrefix(text)})
	}
	return all
}

func mustNew(t *testing.T, c Config, options ...Option) *Static {
	t.Helper()
	s, err := New(c, options...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

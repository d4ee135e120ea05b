//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

// requireContains checks that a text has all the given parts.
func requireContains(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s lacks %q:\n%s", what, part, tail(text, 3000))
		}
	}
}

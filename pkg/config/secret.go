package config

import (
	"fmt"
	"io"
	"log/slog"
)

// Hidden is what a Secret, and any other type that must not show its value,
// marshals to.
const Hidden = "***"

// Secret is a text that must not leak: printed, logged or marshalled it is
// Hidden, or empty if it is empty. Only Reveal returns it.
type Secret string

var (
	_ fmt.Formatter  = Secret("")
	_ slog.LogValuer = Secret("")
)

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String returns Hidden or "".
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return Hidden
}

// Format writes String whatever the verb: for a verb that does not fit a
// string, such as %d, package fmt would print the value without asking String.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue returns String.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText returns String.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText sets s to any text.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = Secret(text)
	return nil
}

// ConfigType implements Typed.
func (Secret) ConfigType() Type { return TypeSecret }

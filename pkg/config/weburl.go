package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
)

// WebURL is the URL of a service. Printed, logged or marshalled it shows neither
// user and password nor query, which may be secrets; only Reveal returns it whole.
type WebURL string

var (
	_ fmt.Formatter  = WebURL("")
	_ slog.LogValuer = WebURL("")
)

// Reveal returns the URL itself.
func (u WebURL) Reveal() string { return string(u) }

// String returns the URL with Hidden for what may be secret, or Hidden for what is
// no URL.
func (u WebURL) String() string {
	if u == "" {
		return ""
	}
	parsed, err := url.Parse(string(u))
	if err != nil || parsed.Opaque != "" {
		return Hidden
	}
	out := parsed.Scheme + "://"
	if parsed.User != nil {
		out += Hidden + "@"
	}
	out += parsed.Host + parsed.EscapedPath()
	if parsed.RawQuery != "" {
		out += "?" + Hidden
	}
	return out
}

// Format writes String whatever the verb.
func (u WebURL) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, u.String()) }

// LogValue returns String.
func (u WebURL) LogValue() slog.Value { return slog.StringValue(u.String()) }

// MarshalText returns String.
func (u WebURL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText sets u to any text; Valid tells whether it can be used.
func (u *WebURL) UnmarshalText(text []byte) error {
	*u = WebURL(text)
	return nil
}

// Valid reports whether u is an absolute URL of HTTP or HTTPS.
func (u WebURL) Valid() bool {
	parsed, err := url.Parse(string(u))
	return err == nil && parsed.Host != "" && (parsed.Scheme == "http" || parsed.Scheme == "https")
}

// WithoutURL returns the cause of an error of net/http's client or net/url without
// the URL, which may hold a secret.
func WithoutURL(err error) error {
	var text *url.Error
	if errors.As(err, &text) {
		return text.Err
	}
	return err
}

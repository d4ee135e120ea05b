package relay

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"

	"github.com/weirmedia/weir/pkg/config"
)

// URL is where streams come from or go to, with {x} to be filled. Printed, logged or
// marshalled it shows neither user and password nor query, which may be secrets; only
// Reveal returns it whole.
type URL string

var (
	_ fmt.Formatter  = URL("")
	_ slog.LogValuer = URL("")
)

// Reveal returns the URL itself.
func (u URL) Reveal() string { return string(u) }

// String returns the URL with config.Hidden for what may be secret.
func (u URL) String() string { return u.without(config.Hidden+"@", "?"+config.Hidden) }

// Shown returns the URL without what may be secret.
func (u URL) Shown() string { return u.without("", "") }

// masked reports whether u is what String returned of another URL.
func (u URL) masked() bool { return u.String() == string(u) && u.Shown() != string(u) }

// without returns the URL with other texts for user and query.
func (u URL) without(user, query string) string {
	scheme, rest, found := strings.Cut(string(u), "://")
	if !found {
		return string(u) // file:PATH
	}
	authority, path := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	if i := strings.LastIndex(authority, "@"); i >= 0 {
		authority = user + authority[i+1:]
	}
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path = path[:i] + query
	}
	return scheme + "://" + authority + path
}

// Format writes String whatever the verb.
func (u URL) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, u.String()) }

// LogValue returns String.
func (u URL) LogValue() slog.Value { return slog.StringValue(u.String()) }

// MarshalText returns String.
func (u URL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText sets u to any text.
func (u *URL) UnmarshalText(text []byte) error {
	*u = URL(text)
	return nil
}

// ConfigType tells that what is shown is not all.
func (URL) ConfigType() config.Type { return config.TypeSecret }

// address is where a stream comes from.
type address struct {
	url    string // with credentials
	shown  string // without, and without a query, which may hold a token
	scheme string
	host   string // host:port, or the file's name
}

// parseAddress takes apart what expanding a source led to. Errors repeat no
// credentials.
func parseAddress(raw string) (address, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return address{}, errors.New("it is no URL") // err repeats it
	}
	a := address{url: raw, scheme: strings.ToLower(u.Scheme), host: u.Host}
	switch {
	case a.scheme == "":
		return address{}, errors.New("it has no scheme, such as rtsp://")
	case a.scheme == fileScheme:
		a.shown, a.host = raw, raw
	case u.Hostname() == "":
		return address{}, errors.New("it has no host")
	default:
		a.shown = a.scheme + "://" + u.Host + u.EscapedPath()
	}
	return a, nil
}

// nameCapture is the name under which a source has the stream's whole name.
const nameCapture = "name"

// fill replaces {x} in a template by what the pattern captured, and {name} by the
// stream's name. What comes from a name, which strangers choose, can be neither
// another host nor another part of the URL: all but letters, digits and "-._~"
// is percent-encoded, except for the "/" of {name}.
func fill(template, name string, captures map[string]string) (string, error) {
	var b strings.Builder
	for rest := template; ; {
		before, after, found := strings.Cut(rest, "{")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		key, tail, closed := strings.Cut(after, "}")
		value, known := captures[key]
		switch {
		case !closed:
			return "", errors.New(`"{" without "}"`)
		case key == nameCapture:
			b.WriteString(escapeName(name))
		case !known:
			return "", fmt.Errorf("{%.32s} is captured by no pattern", key)
		default:
			b.WriteString(escape(value))
		}
		rest = tail
	}
}

func escapeName(name string) string {
	parts := strings.Split(name, "/")
	for i, part := range parts {
		parts[i] = escape(part)
	}
	return strings.Join(parts, "/")
}

// escape is strict: url.PathEscape leaves "@" and ":" alone, which end a host.
func escape(segment string) string {
	return strings.ReplaceAll(url.QueryEscape(segment), "+", "%20")
}

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
	p, ok := u.split()
	if !ok {
		return string(u) // file:PATH
	}
	if p.user == "" {
		user = ""
	}
	if i := strings.IndexAny(p.path, "?#"); i >= 0 {
		p.path = p.path[:i] + query
	}
	return p.scheme + "://" + user + p.host + p.path
}

// urlParts is a URL as it was typed: scheme://user@host/path, the marks between them
// with user and path.
type urlParts struct{ scheme, user, host, path string }

// split takes u apart, if it has a host.
func (u URL) split() (p urlParts, ok bool) {
	if p.scheme, p.host, ok = strings.Cut(string(u), "://"); !ok {
		return p, false
	}
	if i := strings.IndexAny(p.host, "/?#"); i >= 0 {
		p.host, p.path = p.host[:i], p.host[i:]
	}
	if i := strings.LastIndex(p.host, "@"); i >= 0 {
		p.user, p.host = p.host[:i+1], p.host[i+1:]
	}
	return p, true
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
	host   string   // host:port, or the file's name
	hide   []string // what may be secret in url, each followed by what stands for it
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
		a.hide = hide(raw)
	}
	return a, nil
}

// minSecret is how many bytes a secret has at least: shorter texts are in too many
// others.
const minSecret = 4

// hide returns what may be secret in a URL, as it was typed and decoded, each followed
// by what stands for it. The longest comes first.
func hide(raw string) (pairs []string) {
	parts, _ := URL(raw).split()
	_, query, _ := strings.Cut(parts.path, "?")
	query, _, _ = strings.Cut(query, "#")
	_, password, _ := strings.Cut(strings.TrimSuffix(parts.user, "@"), ":")
	secrets := []string{query, password}
	for pair := range strings.SplitSeq(query, "&") {
		_, value, _ := strings.Cut(pair, "=")
		secrets = append(secrets, value)
	}
	for _, secret := range secrets {
		decoded, err := url.QueryUnescape(secret)
		if secret == password {
			decoded, err = url.PathUnescape(secret)
		}
		for _, text := range []string{secret, decoded} {
			if err == nil && len(text) >= minSecret {
				pairs = append(pairs, text, config.Hidden)
			}
		}
	}
	return pairs
}

// maxTold bounds in bytes what is told of an error: a peer may have its part in it.
const maxTold = 500

// told returns err without what may be secret in the URL, which some peers repeat, and
// only so much of it.
func (a address) told(err error) error {
	if err == nil {
		return nil
	}
	text := strings.NewReplacer(a.hide...).Replace(err.Error())
	if len(text) > maxTold {
		text = strings.ToValidUTF8(text[:maxTold], "") + "…"
	}
	if text == err.Error() {
		return err
	}
	return retold{err, text}
}

// retold is an error in other words.
type retold struct {
	error
	text string
}

// Error returns the other words.
func (r retold) Error() string { return r.text }

// Unwrap returns the error.
func (r retold) Unwrap() error { return r.error }

// nameCapture is the name under which a source has the stream's whole name.
const nameCapture = "name"

// fill replaces {x} in a template by what the pattern captured, and {name} by the
// stream's name. What comes from a name, which strangers choose, can be neither
// another host nor another part of the URL: all but letters, digits and "-._~"
// is percent-encoded, except for the "/" of {name}, and a host keeps its dots, unless
// the template has nothing else there.
func fill(template, name string, captures map[string]string) (string, error) {
	var b strings.Builder
	for rest := template; ; {
		before, after, found := strings.Cut(rest, "{")
		b.WriteString(before)
		if !found {
			return b.String(), checkHost(template, b.String())
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

// checkHost reports whether filling a template has made another host than it means: with
// a dot more, 10.0.0.{id} is anybody's.
func checkHost(template, filled string) error {
	before, _ := URL(template).split()
	after, _ := URL(filled).split()
	host, _, _ := strings.Cut(before.host, ":")
	if whole := strings.HasPrefix(host, "{") && strings.Index(host, "}") == len(host)-1; whole {
		return nil
	}
	if strings.Count(before.host, ".") != strings.Count(after.host, ".") {
		return errors.New("the stream's name does not fit into the host")
	}
	return nil
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

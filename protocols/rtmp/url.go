package rtmp

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// The ports of RTMP (section 1) and, by custom, of RTMPS.
const (
	defaultPort    = "1935"
	defaultTLSPort = "443"
)

// URL says where a stream is: rtmp[s]://HOST[:PORT]/APP/KEY[?QUERY]. It is made
// by ParseURL. It may hold a secret in Key and should not be logged whole.
type URL struct {
	// TLS says that the scheme is rtmps.
	TLS bool
	// Host is the server's host and port, an IPv6 address in brackets.
	Host string
	// App is the path's first segment. It is empty if the path has only one.
	App string
	// Key is the rest of the path with the query, as it was typed.
	Key string
}

// URLError says why a URL cannot be used. It never repeats the key.
type URLError struct {
	Problem string
}

func (e *URLError) Error() string { return "rtmp url: " + e.Problem }

// Permanent returns true: trying again cannot help.
func (e *URLError) Permanent() bool { return true }

func urlError(format string, args ...any) *URLError { return &URLError{fmt.Sprintf(format, args...)} }

// ParseURL reads an RTMP URL. The path's first segment is the app, all that
// follows is the key, and a path of one segment is a key without app. Nothing
// is percent-decoded, since RTMP clients send what the user typed.
//
// The error is a *URLError.
func ParseURL(s string) (URL, error) {
	scheme, rest, ok := strings.Cut(s, "://")
	secure := strings.EqualFold(scheme, "rtmps")
	switch {
	case !ok:
		return URL{}, urlError("it does not begin with rtmp:// or rtmps://")
	case !secure && !strings.EqualFold(scheme, "rtmp"):
		return URL{}, urlError("scheme %q is not supported, only rtmp and rtmps are", scheme)
	}
	rest, query, _ := strings.Cut(rest, "?")
	host, path, _ := strings.Cut(rest, "/")
	host, err := parseHost(host, secure)
	if err != nil {
		return URL{}, err
	}
	path = strings.Trim(path, "/")
	if path == "" {
		return URL{}, urlError("no stream is named after the host %s", host)
	}
	app, key, ok := strings.Cut(path, "/")
	if !ok {
		app, key = "", path
	}
	if query != "" {
		key += "?" + query
	}
	return URL{TLS: secure, Host: host, App: app, Key: key}, nil
}

// parseHost adds the port if it is missing.
func parseHost(s string, secure bool) (string, error) {
	if strings.Contains(s, "@") {
		return "", urlError("credentials before the host are not supported; give them in the query, as ?user=NAME&pass=PASSWORD")
	}
	u, err := url.Parse("rtmp://" + s)
	// Colons belong in brackets, and a host that is escaped is none.
	if err != nil || u.Hostname() == "" || u.Host != s || (s[0] != '[' && strings.Count(s, ":") > 1) {
		return "", urlError("%q is not a host with or without port", s)
	}
	_, port := schemeOf(secure)
	return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), port)), nil
}

// schemeOf returns the scheme with or without TLS and its port.
func schemeOf(secure bool) (scheme, port string) {
	if secure {
		return "rtmps", defaultTLSPort
	}
	return "rtmp", defaultPort
}

// TCURL returns the URL that the connect command names: without the key, and
// without the port if it is the scheme's own (section 7.2.1.1).
func (u URL) TCURL() string {
	scheme, port := schemeOf(u.TLS)
	return strings.TrimSuffix(scheme+"://"+strings.TrimSuffix(u.Host, ":"+port)+"/"+u.App, "/")
}

// String returns the URL, with the key.
func (u URL) String() string { return u.TCURL() + "/" + u.Key }

// elsewhere returns where the stream is according to a server that was reached
// by u and names another tcUrl, which may lack its scheme (//HOST/APP) or host
// too (/APP) and may have the stream's name at its end. A step from TLS to
// plain RTMP, which would expose the key, is an error.
func (u URL) elsewhere(tcURL string) (URL, error) {
	scheme, _ := schemeOf(u.TLS)
	switch {
	case strings.HasPrefix(tcURL, "//"):
		tcURL = scheme + ":" + tcURL
	case strings.HasPrefix(tcURL, "/"):
		tcURL = scheme + "://" + u.Host + tcURL
	}
	base, more, _ := strings.Cut(tcURL, "?")
	name, query, _ := strings.Cut(u.Key, "?")
	target := strings.TrimSuffix(strings.TrimRight(base, "/"), "/"+name) + "/" + name
	if query != "" && more != "" {
		query += "&"
	}
	if query += more; query != "" {
		target += "?" + query
	}
	other, err := ParseURL(target)
	if err == nil && u.TLS && !other.TLS {
		return URL{}, urlError("the server leads from rtmps to rtmp")
	}
	return other, err
}

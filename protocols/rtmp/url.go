package rtmp

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// defaultPort is the port of RTMP (section 1).
const defaultPort = "1935"

// URL says where a stream is: rtmp://HOST[:PORT]/APP/KEY[?QUERY]. It is made by
// ParseURL. It may hold a secret in Key and should not be logged whole.
type URL struct {
	// Host is the server's host and port, an IPv6 address in brackets.
	Host string
	// App is the path's first segment. It is empty if the path has only one.
	App string
	// Key is the rest of the path with the query, as it was typed.
	Key string
}

// ParseURL reads an RTMP URL. The path's first segment is the app, all that
// follows is the key, and a path of one segment is a key without app. Nothing
// is percent-decoded, since RTMP clients send what the user typed.
//
// The error says what is wrong and never repeats the key.
func ParseURL(s string) (URL, error) {
	scheme, rest, ok := strings.Cut(s, "://")
	switch {
	case !ok:
		return URL{}, fmt.Errorf("rtmp url: it does not begin with rtmp://")
	case !strings.EqualFold(scheme, "rtmp"):
		return URL{}, fmt.Errorf("rtmp url: scheme %q is not supported, only rtmp is", scheme)
	}
	rest, query, _ := strings.Cut(rest, "?")
	host, path, _ := strings.Cut(rest, "/")
	host, err := parseHost(host)
	if err != nil {
		return URL{}, err
	}
	path = strings.Trim(path, "/")
	if path == "" {
		return URL{}, fmt.Errorf("rtmp url: no stream is named after the host %s", host)
	}
	app, key, ok := strings.Cut(path, "/")
	if !ok {
		app, key = "", path
	}
	if query != "" {
		key += "?" + query
	}
	return URL{Host: host, App: app, Key: key}, nil
}

// parseHost adds the port if it is missing.
func parseHost(s string) (string, error) {
	if strings.Contains(s, "@") {
		return "", fmt.Errorf("rtmp url: credentials before the host are not supported; give them in the query, as ?user=NAME&pass=PASSWORD")
	}
	u, err := url.Parse("rtmp://" + s)
	// Colons belong in brackets, and a host that is escaped is none.
	if err != nil || u.Hostname() == "" || u.Host != s || (s[0] != '[' && strings.Count(s, ":") > 1) {
		return "", fmt.Errorf("rtmp url: %q is not a host with or without port", s)
	}
	port := u.Port()
	if port == "" {
		port = defaultPort
	}
	return net.JoinHostPort(u.Hostname(), port), nil
}

// TCURL returns the URL that the connect command names: without the key, and
// without the port if it is 1935 (section 7.2.1.1).
func (u URL) TCURL() string {
	return strings.TrimSuffix("rtmp://"+strings.TrimSuffix(u.Host, ":"+defaultPort)+"/"+u.App, "/")
}

// String returns the URL, with the key.
func (u URL) String() string { return u.TCURL() + "/" + u.Key }

package config

import "net/url"

// IsWebURL reports whether text is an absolute URL of HTTP or HTTPS.
func IsWebURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

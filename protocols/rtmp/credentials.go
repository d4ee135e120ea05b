package rtmp

import (
	"net/url"
	"strings"

	"github.com/weirmedia/weir/pkg/auth"
)

// credentials finds what a client proves itself with: user, pass and token in
// the query of its stream key or app, else the user:pass@ in tcUrl.
//
// The fields for user and password that OBS, ffmpeg and GStreamer have are of
// no use here. They answer a challenge (authmod=adobe or llnw) with hashes of
// the password that only a server which knows the password itself can check;
// weir keeps Argon2id hashes. Unless challenged, these clients do not send them.
func credentials(query url.Values, tcURL string) auth.Credentials {
	found := auth.Credentials{User: query.Get("user"), Password: query.Get("pass"), Token: query.Get("token")}
	if found == (auth.Credentials{}) {
		found.User, found.Password = userinfo(tcURL)
	}
	return found
}

// userinfo returns the decoded user and password before the host of rawURL.
// What is not percent-encoded correctly is taken as it is: users type it.
func userinfo(rawURL string) (user, password string) {
	_, rest, _ := strings.Cut(rawURL, "://")
	if end := strings.IndexAny(rest, "/?"); end >= 0 {
		rest = rest[:end]
	}
	at := strings.LastIndexByte(rest, '@')
	if at < 0 {
		return "", ""
	}
	user, password, _ = strings.Cut(rest[:at], ":")
	return unescape(user), unescape(password)
}

func unescape(s string) string {
	if decoded, err := url.PathUnescape(s); err == nil {
		return decoded
	}
	return s
}

// vhostMark stands before a virtual host in an app or key where "?" cannot be
// typed: some hardware encoders take no query.
const vhostMark = "...vhost..."

// vhostToQuery returns app or key with its virtual host in the query, which is
// no part of the stream's name, whichever way it was written.
func vhostToQuery(s string) string {
	path, query, _ := strings.Cut(s, "?")
	name, vhost, ok := strings.Cut(path, vhostMark)
	if !ok {
		return s
	}
	s = name + "?vhost=" + url.QueryEscape(vhost)
	if query != "" {
		s += "&" + query
	}
	return s
}

package streamname

import (
	"net/url"
	"strings"
)

// defaultInstance is what some encoders put between app and stream key where
// they name the instance of an application. Here there is only one.
const defaultInstance = "_definst_"

// Join returns the stream name that RTMP's app and stream key stand for, and
// the query that either of them carries. app is the "app" of the connect
// command, key the name given to publish or play.
//
// The two are joined by "/". RTMP clients send both as the user typed them, so
// they are percent-decoded here. Slashes around either are dropped, and so is
// the segment "_definst_" at the end of app or the start of key. One of the two
// may be empty. For a query parameter that both carry, the key's values come
// first. query is nil if there is none.
//
// Errors name the rule, never repeat the query, which may hold a secret, and
// carry reason.BadName.
func Join(app, key string) (name string, query url.Values, err error) {
	app, appQuery, _ := strings.Cut(app, "?")
	key, keyQuery, _ := strings.Cut(key, "?")
	for _, raw := range []string{keyQuery, appQuery} {
		if query, err = addQuery(query, raw); err != nil {
			return "", nil, err
		}
	}

	app = strings.Trim(app, "/")
	if app == defaultInstance {
		app = ""
	}
	app = strings.TrimSuffix(app, "/"+defaultInstance)
	key = strings.TrimPrefix(strings.Trim(key, "/"), defaultInstance+"/")

	joined := strings.Trim(app+"/"+key, "/")
	// Three bytes encode one, so that anything longer is too long for Parse too.
	if len(joined) > 3*MaxBytes {
		return "", nil, badName("the stream name is longer than %d bytes", MaxBytes)
	}
	decoded, err := url.PathUnescape(joined)
	if err != nil {
		return "", nil, badName("stream name %q is not percent-encoded correctly", joined)
	}
	if name, err = Parse(decoded); err != nil {
		return "", nil, err
	}
	return name, query, nil
}

func addQuery(query url.Values, raw string) (url.Values, error) {
	if raw == "" {
		return query, nil
	}
	more, err := url.ParseQuery(raw)
	if err != nil {
		// The cause quotes a part of the query, so it is left out.
		return nil, badName("the query after the stream name is not percent-encoded correctly")
	}
	if query == nil {
		return more, nil
	}
	for name, values := range more {
		query[name] = append(query[name], values...)
	}
	return query, nil
}

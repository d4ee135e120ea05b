package httplive

import (
	"errors"
	"net/http"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/httpserver"
	"github.com/weirmedia/weir/pkg/reason"
)

// Credentials takes what the client presented: HTTP authentication first, then
// the query, which is all that <video> tags and many players can send.
func Credentials(r *http.Request) auth.Credentials {
	var c auth.Credentials
	if user, password, ok := r.BasicAuth(); ok {
		return auth.Credentials{User: user, Password: password}
	}
	const bearer = "Bearer "
	if h := r.Header.Get("Authorization"); len(h) > len(bearer) && h[:len(bearer)] == bearer {
		return auth.Credentials{Token: h[len(bearer):]}
	}
	q := r.URL.Query()
	c.User, c.Password, c.Token = q.Get("user"), q.Get("pass"), q.Get("token")
	return c
}

// WriteError answers with the status that err's reason means.
func WriteError(w http.ResponseWriter, err error) {
	why := reason.Of(err, reason.InternalError)
	status := http.StatusInternalServerError
	switch why {
	case reason.BadRequest, reason.BadName:
		status = http.StatusBadRequest
	case reason.StreamNotFound, reason.StreamEnded:
		status = http.StatusNotFound
	case reason.StreamBusy:
		status = http.StatusConflict
	case reason.LimitReached, reason.Overloaded, reason.Shutdown, reason.Kicked:
		status = http.StatusServiceUnavailable
	case reason.Unsupported:
		status = http.StatusUnsupportedMediaType
	case reason.Loop:
		status = http.StatusLoopDetected
	case reason.Revoked:
		status = http.StatusForbidden
	case reason.Unauthorized:
		status = http.StatusForbidden
		var denied *auth.Denied
		if errors.As(err, &denied) && denied.Authenticate {
			status = http.StatusUnauthorized
			w.Header().Set("WWW-Authenticate", `Basic realm="weir"`)
		}
	}
	httpserver.WriteError(w, status, httpserver.Error{Code: string(why), Message: err.Error()})
}

package api

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/weirmedia/weir/pkg/httpserver"
)

const (
	// maxRequestID bounds the id that a client may give its request, in bytes.
	maxRequestID = 64
	// maxLoggedPath bounds what is logged of a path, in bytes: names of streams
	// have up to 255.
	maxLoggedPath = 512
	// explainPath is that of the request which is a question though it is a POST.
	explainPath = "/api/v1/auth/explain"
)

// identify gives every request an id, the client's if that is short printable ASCII,
// and says it in the answer.
func identify(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(httpserver.RequestID)
		if !isRequestID(id) {
			id = strings.ToLower(rand.Text()[:12])
		}
		w.Header().Set(httpserver.RequestID, id)
		h.ServeHTTP(w, r)
	})
}

func isRequestID(id string) bool {
	printable := func(r rune) bool { return '!' <= r && r <= '~' }
	return id != "" && len(id) <= maxRequestID && strings.TrimLeftFunc(id, printable) == ""
}

// userKey is that of the context value which says who the guard let in.
type userKey struct{}

func withUser(r *http.Request, user string) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), userKey{}, user))
}

// codeKey is that of gin's value with the code of the error that was answered.
const codeKey = "code"

// audit writes a line for every request that may change something: who, from where,
// what, and what came of it. The query is left out, it may hold a token.
func (a *api) audit(c *gin.Context) {
	c.Next()
	switch r := c.Request; {
	case r.Method == http.MethodGet, r.Method == http.MethodHead, c.FullPath() == "", c.FullPath() == explainPath:
	default:
		path := strings.ToValidUTF8(r.URL.Path[:min(len(r.URL.Path), maxLoggedPath)], "?")
		attrs := []slog.Attr{
			slog.String("request_id", c.Writer.Header().Get(httpserver.RequestID)),
			slog.String("remote", a.Remote(r).String()),
			slog.String("method", r.Method), slog.String("path", path), slog.Int("status", c.Writer.Status()),
		}
		if user, _ := r.Context().Value(userKey{}).(string); user != "" {
			attrs = append(attrs, slog.String("user", user))
		}
		if code := c.GetString(codeKey); code != "" {
			attrs = append(attrs, slog.String("code", code))
		}
		a.Logger.LogAttrs(r.Context(), slog.LevelInfo, "API request", attrs...)
	}
}

package api

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// FuzzBodies: whatever the body of a request is, the answer is JSON, and an error
// names its code.
func FuzzBodies(f *testing.F) {
	f.Fuzz(func(t *testing.T, body string) {
		h := New(fixture(t))
		for path, method := range map[string]string{
			"/api/v1/auth/explain": http.MethodPost, "/api/v1/log": http.MethodPut,
			"/api/v1/recorders/start": http.MethodPost, "/api/v1/recorders/stop": http.MethodPost,
		} {
			w := ask(h, method, path, func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(body)) })
			if w.Body.Len() == 0 && (w.Code == http.StatusCreated || w.Code == http.StatusNoContent) {
				continue
			}
			var got struct{ Error struct{ Code string } }
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Errorf("%s: %v: %s", path, err, w.Body)
			}
			switch {
			case w.Code == http.StatusOK && got.Error.Code == "":
			case w.Code == http.StatusBadRequest && got.Error.Code == "bad_request":
			case strings.Contains(path, "recorders") && w.Code < http.StatusInternalServerError && got.Error.Code != "":
			case w.Code == http.StatusServiceUnavailable && strings.Contains(body, "fault"): // what the fixture's authorizer fails for
			default:
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
	})
}

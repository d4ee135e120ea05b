package api

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/weirmedia/weir/pkg/httpserver"
)

// TestWrongBodies: what is wrong with a body is said in the words of JSON, not in
// those of Go, and the field is named.
func TestWrongBodies(t *testing.T) {
	h := New(fixture(t))
	for _, tt := range []struct{ path, body, message, field string }{
		{"/api/v1/pulls", ``, "the body is empty; it must be JSON", ""},
		{"/api/v1/pulls", `{"stream"`, "the body is not JSON: it ends too soon", ""},
		{"/api/v1/pulls", `stream=a`, "the body is not JSON: invalid character 's' looking for beginning of value", ""},
		{"/api/v1/pulls", `[]`, "the body must be an object, is array", ""},
		{"/api/v1/pulls", `{"stream": "a", "sources": "rtsp://a/b"}`, "sources must be a list, is string", "sources"},
		{"/api/v1/pulls", `{"stream": "a", "sources": [7]}`, "sources must be text, is number", "sources"},
		{"/api/v1/pulls", `{"stream": "a", "sources": [], "retry": "2"}`, "retry must be a number, is string", "retry"},
		{"/api/v1/pulls", `{"streams": ["a"]}`, "streams is no field of the body", "streams"},
		{"/api/v1/recorders/start", `{"stream": "a", "before": 10}`, "before must be text, is number", "before"},
		{"/api/v1/recorders/start", `{"stream": "a", "before": "ten"}`, `the body: must be a duration with its unit, such as "350ms", "15s" or "168h", is "ten"`, ""},
	} {
		w := post(h, tt.path, tt.body)
		var got struct{ Error httpserver.Error }
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusBadRequest || got.Error.Message != tt.message || got.Error.Field != tt.field {
			t.Errorf("%s: %d %s", tt.body, w.Code, w.Body)
		}
	}
}

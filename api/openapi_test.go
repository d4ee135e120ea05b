package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/event"
)

// document is openapi.yaml as plain values.
type document map[string]any

func loadDocument(t *testing.T) document {
	t.Helper()
	data, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := yaml.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// at follows keys downwards, and $ref at each step.
func (d document) at(from any, keys ...string) any {
	from = d.resolve(from)
	for _, key := range keys {
		m, _ := from.(map[string]any)
		from = d.resolve(m[key])
	}
	return from
}

func (d document) resolve(v any) any {
	m, _ := v.(map[string]any)
	if ref, ok := m["$ref"].(string); ok {
		return d.at(map[string]any(d), strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
	}
	return v
}

// check returns how value differs from schema. Every property of a value must
// be described, so that the file cannot fall behind the code.
func (d document) check(where string, schema, value any) []string {
	s, ok := d.resolve(schema).(map[string]any)
	if !ok {
		return []string{where + ": no schema"}
	}
	if choices, ok := s["oneOf"].([]any); ok {
		return d.checkOneOf(where, choices, value)
	}
	if enum, ok := s["enum"].([]any); ok && !slices.Contains(enum, value) {
		return []string{fmt.Sprintf("%s: %v is none of %v", where, value, enum)}
	}
	switch v := value.(type) {
	case map[string]any:
		return append(wantType(where, s, "object"), d.checkObject(where, s, v)...)
	case []any:
		out := wantType(where, s, "array")
		for i, x := range v {
			out = append(out, d.check(fmt.Sprintf("%s[%d]", where, i), s["items"], x)...)
		}
		return out
	case string:
		return wantType(where, s, "string")
	case bool:
		return wantType(where, s, "boolean")
	case float64:
		if v == float64(int64(v)) {
			return wantType(where, s, "integer", "number")
		}
		return wantType(where, s, "number")
	}
	return wantType(where, s, "null")
}

// expectBody checks an answer of JSON.
func (d document) expectBody(t *testing.T, w *httptest.ResponseRecorder, path, method string) {
	t.Helper()
	var body any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	schema := d.at(map[string]any(d), "paths", path, method, "responses", fmt.Sprint(w.Code), "content", "application/json", "schema")
	for _, problem := range d.check("body", schema, body) {
		t.Errorf("%s %s %d: %s", method, path, w.Code, problem)
	}
}

func wantType(where string, schema map[string]any, types ...string) []string {
	if name, _ := schema["type"].(string); !slices.Contains(types, name) {
		return []string{fmt.Sprintf("%s: is of type %v, described as %v", where, types, schema["type"])}
	}
	return nil
}

func (d document) checkOneOf(where string, choices []any, value any) (out []string) {
	for _, c := range choices {
		problems := d.check(where, c, value)
		if len(problems) == 0 {
			return nil
		}
		out = append(out, problems...)
	}
	return out
}

func (d document) checkObject(where string, schema, value map[string]any) (out []string) {
	properties, _ := schema["properties"].(map[string]any)
	required, _ := schema["required"].([]any)
	for _, key := range required {
		if _, ok := value[key.(string)]; !ok {
			out = append(out, fmt.Sprintf("%s: lacks %v", where, key))
		}
	}
	for key, v := range value {
		described, ok := properties[key]
		if !ok {
			described, ok = schema["additionalProperties"]
		}
		if !ok {
			out = append(out, fmt.Sprintf("%s: %s is not described", where, key))
			continue
		}
		out = append(out, d.check(where+"."+key, described, v)...)
	}
	return out
}

func TestOpenAPINamesAllRoutes(t *testing.T) {
	var routes, described []string
	for _, r := range newEngine(fixture(t)).Routes() {
		if r.Method != http.MethodHead { // implied by GET
			routes = append(routes, r.Method+" "+strings.NewReplacer("*name", "{name}", ":id", "{id}").Replace(r.Path))
		}
	}
	d := loadDocument(t)
	for path, item := range d.at(map[string]any(d), "paths").(map[string]any) {
		for method := range item.(map[string]any) {
			described = append(described, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(routes)
	slices.Sort(described)
	if !slices.Equal(routes, described) {
		t.Errorf("routes    %v\ndescribed %v", routes, described)
	}
}

func TestOpenAPIDescribesAnswers(t *testing.T) {
	d := loadDocument(t)
	h := New(fixture(t))
	for _, c := range []struct{ name, method, path, target, remote string }{
		{"info", "get", "/api/v1/info", "/api/v1/info", ""},
		{"streams", "get", "/api/v1/streams", "/api/v1/streams", ""},
		{"stream", "get", "/api/v1/streams/{name}", "/api/v1/streams/live/test", ""},
		{"sessions", "get", "/api/v1/sessions", "/api/v1/sessions", ""},
		{"no session", "get", "/api/v1/sessions/{id}", "/api/v1/sessions/x", ""},
		{"no session to kick", "delete", "/api/v1/sessions/{id}", "/api/v1/sessions/x", ""},
		{"no stream to release", "delete", "/api/v1/streams/{name}", "/api/v1/streams/x", ""},
		{"nobody to release", "delete", "/api/v1/streams/{name}", "/api/v1/streams/live/gone", ""},
		{"log", "get", "/api/v1/log", "/api/v1/log", ""},
		{"keys", "get", "/api/v1/config/keys", "/api/v1/config/keys", ""},
		{"no level", "put", "/api/v1/log", "/api/v1/log", ""},
		{"no question", "post", "/api/v1/auth/explain", "/api/v1/auth/explain", ""},
		{"ended sessions", "get", "/api/v1/sessions/ended", "/api/v1/sessions/ended", ""},
		{"bad name", "get", "/api/v1/streams/{name}", "/api/v1/streams/a//b", ""},
		{"no stream", "get", "/api/v1/streams/{name}", "/api/v1/streams/x", ""},
		{"bad filter", "get", "/api/v1/sessions", "/api/v1/sessions?action=x", ""},
		{"no such event", "get", "/api/v1/events", "/api/v1/events?types=x", ""},
		{"no pattern", "get", "/api/v1/events", "/api/v1/events?stream=a/**/b", ""},
		{"no credential", "get", "/api/v1/info", "/api/v1/info", "192.0.2.9:1"},
		{"no answer", "get", "/api/v1/info", "/api/v1/info?token=fault", "192.0.2.9:1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := ask(h, strings.ToUpper(c.method), c.target, func(r *http.Request) {
				if c.remote != "" {
					r.RemoteAddr = c.remote
				}
			})
			d.expectBody(t, w, c.path, c.method)
		})
	}
}

// TestOpenAPIKnowsEveryField also covers what an answer may leave out.
func TestOpenAPIKnowsEveryField(t *testing.T) {
	d := loadDocument(t)
	for schema, value := range map[string]any{
		"Info": Info{}, "Stream": StreamInfo{}, "Publisher": PublisherInfo{}, "Track": TrackInfo{}, "Session": SessionInfo{}, "EndedSession": EndedInfo{},
		"Network": NetworkInfo{}, "Question": Question{}, "LogSettings": LogSettings{}, "ConfigKeys": ConfigKeys{}, "ConfigKey": config.Key{}, "ConfigChange": ConfigChange{}, "ConfigChanges": ConfigChanges{}, "Explanation": Explanation{}, "Omission": OmissionInfo{}, "Lack": LackInfo{}, "WebRTC": WebRTCInfo{},
		"Event": event.Event{}, "Server": ServerInfo{}, "Client": ClientInfo{}, "Lost": event.Lost{},
	} {
		var fields []string
		for _, f := range reflect.VisibleFields(reflect.TypeOf(value)) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			fields = append(fields, name)
		}
		var described []string
		for name := range d.at(map[string]any(d), "components", "schemas", schema, "properties").(map[string]any) {
			described = append(described, name)
		}
		slices.Sort(fields)
		slices.Sort(described)
		if !slices.Equal(fields, described) {
			t.Errorf("%s has    %v\ndescribed %v", schema, fields, described)
		}
	}
}

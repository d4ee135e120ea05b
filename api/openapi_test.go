package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/goccy/go-yaml"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/event"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/stats"
)

// loadDocument reads openapi.yaml. The library knows OpenAPI 3.0, so what 3.1 writes
// in another way is put so; and no value may have a property that is not described.
func loadDocument(t *testing.T) *openapi3.T {
	t.Helper()
	data, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err := yaml.Unmarshal(data, &tree); err != nil {
		t.Fatal(err)
	}
	tree["openapi"] = "3.0.3"
	delete(tree["info"].(map[string]any)["license"].(map[string]any), "identifier")
	older(tree)
	text, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	d, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Validate(t.Context(), openapi3.AllowExtraSiblingFields("description")); err != nil {
		t.Fatal(err)
	}
	return d
}

// older turns the schemas below v into those of OpenAPI 3.0.
func older(v any) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			older(x)
		}
	case map[string]any:
		delete(v, "examples")
		if v["type"] == "null" {
			delete(v, "type")
			v["nullable"], v["enum"] = true, []any{nil}
		}
		if _, open := v["additionalProperties"]; !open && v["type"] == "object" {
			v["additionalProperties"] = false
		}
		for _, x := range v {
			older(x)
		}
	}
}

// routeOf returns how the document calls a path of the router's.
func routeOf(path string) string {
	return regexp.MustCompile(`[:*](\w+)`).ReplaceAllString(path, "{$1}")
}

func TestOpenAPINamesAllRoutes(t *testing.T) {
	var routes, described []string
	for _, r := range newEngine(fixture(t)).Routes() {
		if r.Method != http.MethodHead { // implied by GET
			routes = append(routes, r.Method+" "+routeOf(r.Path))
		}
	}
	for path, item := range loadDocument(t).Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+path)
		}
	}
	slices.Sort(routes)
	slices.Sort(described)
	if !slices.Equal(routes, described) {
		t.Errorf("routes    %v\ndescribed %v", routes, described)
	}
}

// conversation is a running API whose answers are held against the document.
type conversation struct {
	document *openapi3.T
	server   *httptest.Server
	options  Options
	got      map[string]bool // "METHOD PATH STATUS" that was answered
}

func newConversation(t *testing.T) *conversation {
	t.Helper()
	c := &conversation{document: loadDocument(t), options: fixture(t), got: make(map[string]bool)}
	c.server = httptest.NewServer(New(c.options))
	t.Cleanup(c.server.Close)
	return c
}

// call is a request and the status that it shall be answered with.
type call struct {
	method, path string // as the document has them
	target       string // below the server; the path if it is empty
	body         string
	status       int
	header       map[string]string
}

// ask sends a request and validates it, unless it is to be refused, and its answer.
func (c *conversation) ask(t *testing.T, q call) {
	t.Helper()
	target := q.target
	if target == "" {
		target = q.path
	}
	r, err := http.NewRequestWithContext(t.Context(), q.method, c.server.URL+target, strings.NewReader(q.body))
	if err != nil {
		t.Fatal(err)
	}
	if q.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range q.header {
		r.Header.Set(name, value)
	}
	r.Host = r.Header.Get("Host")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var body []byte
	if answer.Header.Get("Content-Type") == "text/event-stream" {
		body = make([]byte, 1) // it has no end
		_, err = io.ReadFull(answer.Body, body)
	} else {
		body, err = io.ReadAll(answer.Body)
	}
	if err != nil || answer.StatusCode != q.status {
		t.Fatalf("%s %s: %d, want %d: %s %v", q.method, target, answer.StatusCode, q.status, body, err)
	}
	if answer.Header.Get("X-Request-Id") == "" {
		t.Errorf("%s %s %d: no X-Request-Id", q.method, target, q.status)
	}
	c.validate(t, q, r, answer, body)
}

func (c *conversation) validate(t *testing.T, q call, r *http.Request, answer *http.Response, body []byte) {
	t.Helper()
	item := c.document.Paths.Value(q.path)
	method := q.method
	if q.status == http.StatusMethodNotAllowed { // which each operation of the path describes
		method = slices.Min(slices.Collect(maps.Keys(item.Operations())))
	}
	input := &openapi3filter.RequestValidationInput{
		Request: r, QueryParams: r.URL.Query(),
		PathParams: map[string]string{"name": "x", "id": "x", "file": "x"},
		Route:      &routers.Route{Spec: c.document, Path: q.path, PathItem: item, Method: method, Operation: item.GetOperation(method)},
		Options: &openapi3filter.Options{
			IncludeResponseStatus: true, MultiError: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
		},
	}
	if q.status < http.StatusBadRequest {
		r.Body = io.NopCloser(strings.NewReader(q.body))
		if err := openapi3filter.ValidateRequest(t.Context(), input); err != nil {
			t.Errorf("%s %s: the request: %v", q.method, r.URL, err)
		}
	}
	output := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: answer.StatusCode, Header: answer.Header, Body: io.NopCloser(bytes.NewReader(body)),
		Options: input.Options,
	}
	media, _, _ := strings.Cut(answer.Header.Get("Content-Type"), ";")
	if slices.Contains([]string{"application/yaml", "application/vnd.apple.mpegurl", "text/event-stream", "video/mp4"}, media) {
		output.Options.ExcludeResponseBody = true // the schema is of what it holds
	}
	if err := openapi3filter.ValidateResponse(t.Context(), output); err != nil {
		t.Errorf("%s %s %d: %v\n%s", q.method, r.URL, q.status, err, body)
	}
	for _, of := range item.Operations() {
		if q.status == http.StatusMethodNotAllowed && of.Responses.Status(q.status) == nil {
			t.Errorf("%s does not describe 405", of.OperationID)
		}
	}
	c.got[fmt.Sprint(method, " ", q.path, " ", q.status)] = true
}

// TestOpenAPIDescribesAnswers: every status that the document names of a route is
// answered, and every answer is as it says.
func TestOpenAPIDescribesAnswers(t *testing.T) {
	c := newConversation(t)
	live := c.options.Streams()[0].Publisher.Session
	elsewhere := func(token string) map[string]string {
		return map[string]string{"Host": "weir.example", "Authorization": "Bearer " + token}
	}
	notAllowed := map[string]string{"Host": "weir.example", "Authorization": "Basic Ym9iOng="} // bob:x
	for path, item := range c.document.Paths.Map() {
		target := strings.NewReplacer("{name}", "live/test", "{id}", live, "{file}", "file").Replace(path)
		for method := range item.Operations() {
			c.ask(t, call{method: method, path: path, target: target, status: 401, header: elsewhere("bad")})
			c.ask(t, call{method: method, path: path, target: target, status: 403, header: notAllowed})
			c.ask(t, call{method: method, path: path, target: target, status: 503, header: elsewhere("fault")})
		}
		c.ask(t, call{method: "PROPFIND", path: path, target: target, status: 405})
	}
	const streams, sessions, recordings, recorders = "/api/v1/streams", "/api/v1/sessions", "/api/v1/recordings", "/api/v1/recorders"
	stream, one, file := streams+"/{name}", sessions+"/{id}", recordings+"/{id}/{file}"
	match := map[string]string{"If-Match": "*"}
	for _, q := range []call{
		{method: "GET", path: "/api/v1/info", status: 200, header: elsewhere("good")},
		{method: "GET", path: streams, status: 200},
		{method: "GET", path: stream, target: streams + "/live/test", status: 200},
		{method: "GET", path: stream, target: streams + "/live/gone", status: 200},
		{method: "GET", path: stream, target: streams + "/x", status: 404},
		{method: "GET", path: stream, target: streams + "/a//b", status: 400},
		{method: "DELETE", path: stream, target: streams + "/live/test", status: 204},
		{method: "DELETE", path: stream, target: streams + "/live/gone", status: 409},
		{method: "DELETE", path: stream, target: streams + "/x", status: 404},
		{method: "DELETE", path: stream, target: streams + "/a//b", status: 400},
		{method: "GET", path: sessions, status: 200},
		{method: "GET", path: sessions, target: sessions + "?action=play&state=active&offset=1&limit=1&remote=192", status: 200},
		{method: "GET", path: sessions, target: sessions + "?action=x", status: 400},
		{method: "GET", path: sessions + "/ended", status: 200},
		{method: "GET", path: sessions + "/ended", target: sessions + "/ended?limit=0", status: 400},
		{method: "GET", path: one, target: sessions + "/" + live, status: 200},
		{method: "GET", path: one, target: sessions + "/x", status: 404},
		{method: "DELETE", path: one, target: sessions + "/" + live, status: 204},
		{method: "DELETE", path: one, target: sessions + "/x", status: 404},
		{method: "GET", path: "/api/v1/events", status: 200},
		{method: "GET", path: "/api/v1/events", target: "/api/v1/events?types=x", status: 400},
		{method: "GET", path: "/api/v1/events", target: "/api/v1/events?stream=a/**/b", status: 400},
		{method: "POST", path: explainPath, body: `{"stream":"live/test","token":"good","address":"192.0.2.1"}`, status: 200},
		{method: "POST", path: explainPath, body: `{"stream":"live/test","action":"publish"}`, status: 200},
		{method: "POST", path: explainPath, body: `{"stream":7}`, status: 400},
		{method: "GET", path: "/api/v1/config", status: 200},
		{method: "GET", path: "/api/v1/config/keys", status: 200},
		{method: "PATCH", path: "/api/v1/config", body: `{"changes":{"log.level":"warn"}}`, header: match, status: 200},
		{method: "PATCH", path: "/api/v1/config", body: `{"changes":7}`, header: match, status: 400},
		{method: "PATCH", path: "/api/v1/config", body: `{"changes":{"log.level":"warn"}}`, status: 428},
		{method: "PATCH", path: "/api/v1/config", body: `{"changes":{"log.level":"warn"}}`, header: map[string]string{"If-Match": `"old"`}, status: 412},
		{method: "POST", path: "/api/v1/config/reload", status: 200},
		{method: "GET", path: recordings, status: 200},
		{method: "GET", path: recordings, target: recordings + "?stream=live/test&from=2026-01-02T15:04:05Z&to=2026-01-02T15:04:06Z&limit=2&after=x", status: 200},
		{method: "GET", path: recordings, target: recordings + "?from=x", status: 400},
		{method: "GET", path: recordings, target: recordings + "?after=gone", status: 404},
		{method: "GET", path: recordings + "/streams", status: 200},
		{method: "GET", path: recordings + "/playlist.m3u8", target: recordings + "/playlist.m3u8?stream=live/a&to=2026-01-02T15:04:05Z", status: 200},
		{method: "GET", path: recordings + "/playlist.m3u8", status: 400},
		{method: "GET", path: recordings + "/playlist.m3u8", target: recordings + "/playlist.m3u8?stream=live/none", status: 404},
		{method: "GET", path: recordings + "/playlist.m3u8", target: recordings + "/playlist.m3u8?stream=live/flv", status: 415},
		{method: "GET", path: recordings + "/{id}", target: recordings + "/done", status: 200},
		{method: "GET", path: recordings + "/{id}", target: recordings + "/x", status: 404},
		{method: "DELETE", path: recordings + "/{id}", target: recordings + "/done", status: 204},
		{method: "DELETE", path: recordings + "/{id}", target: recordings + "/x", status: 404},
		{method: "DELETE", path: recordings + "/{id}", target: recordings + "/open", status: 409},
		{method: "GET", path: file, target: recordings + "/done/file.mp4?hold=1-2", status: 200},
		{method: "GET", path: file, target: recordings + "/done/file", header: map[string]string{"Range": "bytes=2-4"}, status: 206},
		{method: "GET", path: file, target: recordings + "/done/file", header: map[string]string{"If-None-Match": "*"}, status: 304},
		{method: "GET", path: file, target: recordings + "/done/file", header: map[string]string{"Range": "bytes=99-"}, status: 416},
		{method: "GET", path: file, target: recordings + "/x/file", status: 404},
		{method: "GET", path: recorders, status: 200},
		{method: "POST", path: recorders + "/start", body: `{"stream":"live/x","format":"ts","before":"10s","segment_duration":"1m"}`, status: 201},
		{method: "POST", path: recorders + "/start", body: `{"stream":"a//b"}`, status: 400},
		{method: "POST", path: recorders + "/start", body: `{"stream":"live/none"}`, status: 404},
		{method: "POST", path: recorders + "/start", body: `{"stream":"live/a"}`, status: 409},
		{method: "POST", path: recorders + "/stop", body: `{"stream":"live/a"}`, status: 204},
		{method: "POST", path: recorders + "/stop", body: `{}`, status: 400},
		{method: "POST", path: recorders + "/stop", body: `{"stream":"live/x"}`, status: 409},
		{method: "GET", path: "/api/v1/stats", status: 200},
		{method: "GET", path: "/api/v1/stats", target: "/api/v1/stats?since=x", status: 400},
		{method: "GET", path: "/api/v1/log", status: 200},
		{method: "PUT", path: "/api/v1/log", body: `{"level":"warn"}`, status: 200},
		{method: "PUT", path: "/api/v1/log", body: `{"level":"loud"}`, status: 400},
	} {
		c.ask(t, q)
	}
	c.askRelay(t, "/api/v1/pulls", `{"stream":"cam/9","sources":["rtsp://10.0.0.9/main"],"mode":"always","close_after":"10s","retry":3}`, `{"stream":"cam/9"}`)
	c.askRelay(t, "/api/v1/forwards", `{"stream":"live/{x}","targets":["rtmp://a.example/app/{x}"],"audio":"aac","max_lag":"2s"}`, `{"stream":"live/a","target":"rtmp://a.example/app/a"}`)
	broken := newConversation(t)
	f := broken.options.Configuration.(*configuration)
	f.err = io.ErrUnexpectedEOF
	broken.ask(t, call{method: "GET", path: "/api/v1/config", status: 500})
	broken.ask(t, call{method: "GET", path: "/api/v1/config/keys", status: 500})
	broken.ask(t, call{method: "PATCH", path: "/api/v1/config", body: `{"changes":{"log.level":"warn"}}`, header: match, status: 500})
	f.err = &ConfigError{Code: NeedsRestart, Field: "log.level", Err: io.ErrUnexpectedEOF}
	broken.ask(t, call{method: "PATCH", path: "/api/v1/config", body: `{"changes":{"log.level":"warn"}}`, header: match, status: 409})
	f.err = &ConfigError{Code: InvalidConfig, Field: "log.level", Err: io.ErrUnexpectedEOF}
	broken.ask(t, call{method: "POST", path: "/api/v1/config/reload", status: 400})
	maps.Copy(c.got, broken.got)
	c.expectAll(t)
}

// askRelay asks for everything about pulls or forwards.
func (c *conversation) askRelay(t *testing.T, path, rule, part string) {
	t.Helper()
	one := path + "/{name}"
	for _, q := range []call{
		{method: "GET", path: path, status: 200},
		{method: "POST", path: path, body: rule, status: 201},
		{method: "POST", path: path, body: rule, status: 409},
		{method: "POST", path: path, body: `{"streams":7}`, status: 400},
		{method: "POST", path: path + "/stop", body: part, status: 204},
		{method: "POST", path: path + "/stop", body: `{"stream":"none"}`, status: 404},
		{method: "POST", path: path + "/stop", body: `{"stream":"a//b"}`, status: 400},
		{method: "POST", path: path + "/start", body: part, status: 204},
		{method: "POST", path: path + "/start", body: `{"stream":"none"}`, status: 404},
		{method: "POST", path: path + "/start", body: `[`, status: 400},
		{method: "DELETE", path: one, target: path + "/file/%7Bx%7D", status: 409},
		{method: "DELETE", path: one, target: path + "/cam/9", status: 204},
		{method: "DELETE", path: one, target: path + "/none", status: 404},
	} {
		c.ask(t, q)
	}
	for status, err := range map[int]error{500: io.ErrUnexpectedEOF, 409: &ConfigError{Code: SetByEnvironment, Err: io.ErrUnexpectedEOF}} {
		c.options.Pulls.(*relays[NewPull, StreamOfPull]).err = err
		c.options.Forwards.(*relays[NewForward, StreamOfForward]).err = err
		c.ask(t, call{method: "POST", path: path, body: rule, status: status})
		c.ask(t, call{method: "POST", path: path + "/stop", body: part, status: status})
		c.ask(t, call{method: "POST", path: path + "/start", body: part, status: status})
		c.ask(t, call{method: "DELETE", path: one, target: path + "/cam/9", status: status})
	}
	c.options.Pulls.(*relays[NewPull, StreamOfPull]).err = nil
	c.options.Forwards.(*relays[NewForward, StreamOfForward]).err = nil
}

// expectAll fails for every status that is described and was not answered.
func (c *conversation) expectAll(t *testing.T) {
	t.Helper()
	for path, item := range c.document.Paths.Map() {
		for method, operation := range item.Operations() {
			for status := range operation.Responses.Map() {
				of := method
				if status == "405" { // one answer for all operations of the path
					of = slices.Min(slices.Collect(maps.Keys(item.Operations())))
				}
				if !c.got[of+" "+path+" "+status] {
					t.Errorf("%s %s was never answered with %s", method, path, status)
				}
			}
		}
	}
}

// TestOpenAPIDescribesEvents holds events of each kind of data against the document.
func TestOpenAPIDescribesEvents(t *testing.T) {
	schema := loadDocument(t).Components.Schemas["Event"].Value
	o := fixture(t)
	sessions := o.Sessions.List()
	reader := o.Events.Subscribe(event.ReaderOptions{Queue: 1, After: "x"})
	defer reader.Close()
	all := o.Events.Subscribe(event.ReaderOptions{Queue: 100})
	defer all.Close()
	for _, s := range CompleteStreams(o.Streams(), o.Sessions) {
		o.Events.Publish(event.StreamPublished, s.Name, "", s)
	}
	o.Events.Publish(event.SessionOpened, sessions[0].Stream, sessions[0].ID, DescribeSession(sessions[0]))
	o.Events.Publish(event.SessionClosed, sessions[0].Stream, sessions[0].ID, DescribeEnd(session.End{Snapshot: sessions[0], Reason: reason.Kicked, Duration: 1500}))
	o.Events.Publish(event.ServerHeartbeat, "", "", ServerInfo{})
	o.Events.Publish(event.StreamNotFound, "live/x", "", ClientInfo{})
	o.Events.Close()
	n := 0
	for _, r := range []*event.Reader{reader, all} {
		for e, err := r.Next(t.Context()); err == nil; e, err = r.Next(t.Context()) {
			text, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			var body any
			if err := json.Unmarshal(text, &body); err != nil {
				t.Fatal(err)
			}
			if err := schema.VisitJSON(body, openapi3.MultiErrors()); err != nil {
				t.Errorf("%s: %v", e.Type, err)
			}
			n++
		}
	}
	if n < 7 {
		t.Errorf("%d events", n)
	}
	var described, types []string
	for _, word := range schema.Properties["type"].Value.Enum {
		described = append(described, word.(string))
	}
	for _, known := range event.Types() {
		types = append(types, string(known))
	}
	slices.Sort(described)
	slices.Sort(types)
	if !slices.Equal(described, types) {
		t.Errorf("types %q\ndescribed %q", types, described)
	}
}

// TestOpenAPIKnowsEveryField also covers what an answer may leave out.
func TestOpenAPIKnowsEveryField(t *testing.T) {
	schemas := loadDocument(t).Components.Schemas
	for schema, value := range map[string]any{
		"Info": Info{}, "RecordFailure": RecordFailureInfo{}, "Stream": StreamInfo{}, "Publisher": PublisherInfo{}, "Track": TrackInfo{}, "Session": SessionInfo{}, "EndedSession": EndedInfo{},
		"Network": NetworkInfo{}, "Question": Question{}, "LogSettings": LogSettings{}, "ConfigKeys": ConfigKeys{}, "ConfigKey": config.Key{}, "ConfigChange": ConfigChange{}, "ConfigChanges": ConfigChanges{}, "Explanation": Explanation{}, "Omission": OmissionInfo{}, "Lack": LackInfo{}, "WebRTC": WebRTCInfo{},
		"Stats": StatsInfo{}, "Sample": stats.Sample{}, "Lag": stats.Lag{},
		"Event": event.Event{}, "Server": ServerInfo{}, "Client": ClientInfo{}, "Refusal": RefusalInfo{}, "Lost": event.Lost{}, "Step": StepInfo{}, "Relay": RelayInfo{}, "RelayRule": RelayRule{},
		"NewPull": NewPull{}, "NewForward": NewForward{}, "StreamOfPull": StreamOfPull{}, "StreamOfForward": StreamOfForward{},
		"Recording": RecordingInfo{}, "Recorded": RecordedInfo{}, "RecordedStream": RecordedStreamInfo{}, "Recorder": RecorderInfo{}, "RecorderRequest": RecorderRequest{},
	} {
		var fields []string
		for _, f := range reflect.VisibleFields(reflect.TypeOf(value)) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			fields = append(fields, name)
		}
		described := slices.Sorted(maps.Keys(schemas[schema].Value.Properties))
		slices.Sort(fields)
		if !slices.Equal(fields, described) {
			t.Errorf("%s has    %v\ndescribed %v", schema, fields, described)
		}
	}
}

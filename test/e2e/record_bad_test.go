//go:build e2e

package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirmedia/weir/api"
)

// TestFullRecordTemplates: weir check refuses templates that leave the folder of
// recordings, or by which files have the same name, and says which key it is.
func TestFullRecordTemplates(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, config, want string }{
		{"leaves the folder", "name: '../{name}/{unix}'", "record.name"},
		{"leaves it later", "name: '{name}/../../{unix}'", "record.name"},
		{"from the root", "name: '/{name}/{unix}'", "record.name"},
		{"empty part", "name: '{name}//{unix}'", "record.name"},
		{"backslash", `name: '{name}\{unix}'`, "record.name"},
		{"all streams collide", "name: '{date}/{time}'", "record.name"},
		{"all segments collide", "name: '{name}'", "record.name"},
		{"one segment a day", "name: '{name}/{date}'", "record.name"},
		{"unknown word", "name: '{name}/{nobody}/{unix}'", "record.name"},
		{"open brace", "name: '{name}/{unix'", "record.name"},
		{"streams of a rule collide", "streams: [{streams: ['cam/*'], name: 'cam/{unix}'}]", "record.streams"},
		{"a capture is left out", "streams: [{streams: ['{a}/{b}'], name: '{a}/{unix}'}]", "record.streams"},
		{"captures run together", "streams: [{streams: ['{a}/{b}'], name: '{a}-{b}/{unix}'}]", "record.streams"},
		{"a rule's segments collide", "streams: [{streams: ['cam/*'], name: '{name}'}]", "record.streams"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := runWeir(t, t.TempDir(), "record:\n  "+tt.config+"\n", 20*time.Second, "check")
			p.mustFail(t)
			requireContains(t, "the message", p.out.String(), tt.want, "name: ")
		})
	}
}

// TestFullRecordBadRequests asks for what cannot be: each is refused with its own code,
// and the recording goes on.
func TestFullRecordBadRequests(t *testing.T) {
	t.Parallel()
	s := startServer(t, settings{"record.segment_duration": "1s", "record.streams": `[{streams: ["live/**"], mode: manual}]`})
	s.publish(t, shortGroupsClip, "live/a", publishOptions{loop: true})
	const from, to = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
	s.requireAnswers(t, []badRequest{
		{"POST", "recorders/stop", `{"stream": "live/a"}`, 409, "not_recording"},
		{"POST", "recorders/stop", `{"stream": "nobody/here"}`, 409, "not_recording"},
		{"POST", "recorders/start", `{"stream": "nobody/here"}`, 404, "stream_not_found"},
		{"POST", "recorders/start", `{"stream": "../a"}`, 400, "bad_name"},
		{"POST", "recorders/start", `{"stream": ""}`, 400, "bad_name"},
		{"POST", "recorders/start", `{"stream": "live/a", "format": "avi"}`, 400, "bad_request"},
		{"POST", "recorders/start", `{"stream": "live/a", "segment_duration": "1ms"}`, 400, "bad_request"},
		{"POST", "recorders/start", `{"stream": "live/a", "before": "-5s"}`, 400, "bad_request"},
		{"POST", "recorders/start", `{"stream": "live/a", "folder": "/"}`, 400, "bad_request"},
		{"POST", "recorders/start", `not JSON`, 400, "bad_request"},
		{"GET", "recordings?from=" + to + "&to=" + from, "", 400, "bad_request"},
		{"GET", "recordings?from=" + to + "&to=" + to, "", 400, "bad_request"},
		{"GET", "recordings?from=yesterday", "", 400, "bad_request"},
		{"GET", "recordings?limit=-1", "", 400, "bad_request"},
		{"GET", "recordings?after=nothing", "", 404, "recording_not_found"},
		{"GET", "recordings?stream=..%2Fa", "", 400, "bad_name"},
		{"GET", "recordings/nothing", "", 404, "recording_not_found"},
		{"GET", "recordings/..%2Frecordings.db/file", "", 404, ""},
		{"GET", "recordings/nothing/file", "", 404, "recording_not_found"},
		{"DELETE", "recordings/nothing", "", 404, "recording_not_found"},
		{"GET", "recordings/playlist.m3u8", "", 400, "bad_request"},
		{"GET", "recordings/playlist.m3u8?stream=live/a", "", 404, "recording_not_found"},
		{"GET", "recordings/playlist.m3u8?stream=live/a&from=" + to + "&to=" + from, "", 400, "bad_request"},
	})
	s.startOften(t, "live/a")
	eventually(t, 15*time.Second, "two files have ended", func() bool { return len(s.recordingsOf(t, "live/a")) > 2 })
	all := s.recordingsOf(t, "live/a")
	first, newest := all[0], all[len(all)-1]
	if first.Writing || !newest.Writing {
		t.Errorf("the first file is %+v, the newest %+v", first, newest)
	}
	s.requireAnswers(t, []badRequest{
		{"POST", "recorders/start", `{"stream": "live/a"}`, 409, "recording"},
		{"GET", "recordings/playlist.m3u8?stream=live/a&from=" + from + "&to=" + to, "", 404, "recording_not_found"},
		{"GET", "recordings/" + first.ID + "/other", "", 404, "not_found"},
		{"DELETE", "recordings/" + first.ID, "", 204, ""},
		{"DELETE", "recordings/" + first.ID, "", 404, "recording_not_found"},
	})
	eventually(t, 5*time.Second, "what is written is not removed", func() bool {
		all := s.recordingsOf(t, "live/a")
		status, code := s.ask(t, "DELETE", "recordings/"+all[len(all)-1].ID, "")
		return status == http.StatusConflict && code == "being_written" // else it has ended meanwhile
	})
	s.requireAnswers(t, []badRequest{
		{"POST", "recorders/stop", `{"stream": "live/a"}`, 204, ""},
		{"POST", "recorders/stop", `{"stream": "live/a"}`, 409, "not_recording"},
	})
}

// badRequest is a request to the API and its answer: a status and the code of an error.
type badRequest struct {
	method, path, body string
	status             int
	code               string
}

func (s *server) requireAnswers(t *testing.T, all []badRequest) {
	t.Helper()
	for _, a := range all {
		if status, code := s.ask(t, a.method, a.path, a.body); status != a.status || a.code != "" && code != a.code {
			t.Errorf("%s %s %s: %d %s, want %d %s", a.method, a.path, a.body, status, code, a.status, a.code)
		}
	}
}

// ask returns the status of an answer of the API, and the code of its error.
func (s *server) ask(t *testing.T, method, path, body string) (status int, code string) {
	t.Helper()
	request, err := http.NewRequest(method, s.httpURL("api/v1/"+path), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct{ Error struct{ Code string } }
	_ = json.NewDecoder(resp.Body).Decode(&answer) // other answers have no code
	return resp.StatusCode, answer.Error.Code
}

// startOften tells the server ten times at once to record a stream: it begins once.
func (s *server) startOften(t *testing.T, name string) {
	t.Helper()
	var wait sync.WaitGroup
	statuses := make([]int, 10)
	for i := range statuses {
		wait.Go(func() { statuses[i], _ = s.ask(t, "POST", "recorders/start", `{"stream": "`+name+`"}`) })
	}
	wait.Wait()
	slices.Sort(statuses)
	if statuses[0] != http.StatusCreated || statuses[1] != http.StatusConflict || statuses[9] != http.StatusConflict {
		t.Errorf("started ten times at once: %v, want 201 once and 409", statuses)
	}
}

// TestFullRecordNames records streams with odd names: each file is below the folder, is
// found by the name, and plays as a file and from a playlist. The streams are published
// under their names in percent encoding.
func TestFullRecordNames(t *testing.T) {
	t.Parallel()
	s := startServer(t, settings{"record.streams": `[{streams: ["**"]}]`})
	long := strings.Repeat("é", 120)
	names := []string{"odd/a b", `odd/q"uo'te`, "odd/c:o*lo<n>|", "odd/ünï/✓", "odd/a&b=c;d+e,f", "odd/CON", "odd/{name}", "odd/a", "odd/A", "odd/" + long}
	var publishers []*process
	for _, name := range names {
		path := strings.ReplaceAll(url.PathEscape(name), "%2F", "/")
		publishers = append(publishers, startPublish(t, shortGroupsClip, s.rtmpURL(path), publishOptions{out: []string{"-t", "2"}}))
	}
	for _, p := range publishers {
		p.mustSucceed(t)
	}
	seen := map[string]bool{}
	for _, name := range names {
		var all []api.RecordingInfo
		eventually(t, 10*time.Second, name+" was recorded", func() bool {
			all = s.recordingsOf(t, name)
			return len(all) > 0 && !all[0].Writing
		})
		file := all[0].File
		if seen[strings.ToLower(filepath.Dir(file))] && name != "odd/A" || !filepath.IsLocal(file) || strings.ContainsAny(file, `\<>:"|?*`) {
			t.Errorf("%s is recorded in %s", name, file)
		}
		seen[strings.ToLower(filepath.Dir(file))] = true
		for _, path := range []string{filepath.Join(s.dir, "data", "recordings", file), s.httpURL("api/v1/recordings/" + all[0].ID + "/file")} {
			if err := decodeQuietly(path); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		query := url.Values{"stream": {name}}.Encode()
		list, err := fetchRange(s.httpURL("api/v1/recordings/playlist.m3u8?"+query), "")
		if err != nil || !strings.Contains(string(list), all[0].ID) {
			t.Errorf("the playlist of %s: %v\n%s", name, err, list)
		}
		found := s.get(t, "api/v1/recordings?"+query)
		requireContains(t, "the list of "+name, found, all[0].ID)
		if n := strings.Count(found, `"id"`); n != len(all) {
			t.Errorf("%d recordings of %s, want %d", n, name, len(all))
		}
	}
	var bad []string
	for _, name := range []string{"odd/%2e%2e/a", "%2e%2e/a", "odd/%00", "odd/a%5cb%0a"} {
		p := startPublish(t, shortGroupsClip, s.rtmpURL(name), publishOptions{})
		if err := p.wait(); err == nil {
			bad = append(bad, name)
		}
	}
	if len(bad) > 0 {
		t.Errorf("published were %q", bad)
	}
}

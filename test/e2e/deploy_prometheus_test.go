//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/weirmedia/weir/test/freeport"
)

const (
	alertsFile    = "../../deploy/prometheus/alerts.yml"
	dashboardFile = "../../deploy/grafana/dashboards/weir.json"
	// scrapes is the interval of the configuration, which rates need several of.
	scrapes = 5 * time.Second
)

// prometheus is a running Prometheus with the configuration that is shipped.
type prometheus struct{ address string }

// startPrometheus starts it. Only the server's address and the place of the token are
// others than those that are shipped.
func startPrometheus(t *testing.T, target, token string) *prometheus {
	t.Helper()
	dir := t.TempDir()
	for file, places := range map[string]*strings.Replacer{
		"prometheus.yml": strings.NewReplacer("weir:8080", target, "/run/weir/token", token),
		"alerts.yml":     strings.NewReplacer(),
	} {
		text := readFile(t, filepath.Join("../../deploy/prometheus", file))
		if err := os.WriteFile(filepath.Join(dir, file), []byte(places.Replace(text)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(dir, "prometheus.yml")
	if text := readFile(t, config); !strings.Contains(text, target) || !strings.Contains(text, token) {
		t.Fatalf("the configuration names neither server nor token:\n%s", text)
	}
	start(t, time.Minute, nil, "promtool", "check", "config", config).mustSucceed(t)
	p := &prometheus{address: freeport.Address(t)}
	start(t, 5*time.Minute, nil, "prometheus", "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+p.address)
	eventually(t, 30*time.Second, "Prometheus is ready", func() bool {
		resp, err := http.Get("http://" + p.address + "/-/ready")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return p
}

// get asks the API of Prometheus.
func (p *prometheus) get(t *testing.T, path string, data any) error {
	t.Helper()
	got := fetch(t, http.MethodGet, "http://"+p.address+"/api/v1/"+path)
	var envelope struct {
		Error string
		Data  json.RawMessage
	}
	if err := json.Unmarshal(got.body, &envelope); err != nil {
		t.Fatal(err)
	}
	if got.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", got.Status, envelope.Error)
	}
	return json.Unmarshal(envelope.Data, data)
}

// query returns the values of a query now, by the labels of its series.
func (p *prometheus) query(t *testing.T, expression string) (map[string]string, error) {
	t.Helper()
	var data struct {
		Result []struct {
			Metric map[string]string
			Value  [2]any
		}
	}
	if err := p.get(t, "query?query="+url.QueryEscape(expression), &data); err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, r := range data.Result {
		all[fmt.Sprint(r.Metric)] = fmt.Sprint(r.Value[1])
	}
	return all, nil
}

// TestFullPrometheus: Prometheus with the configuration that is shipped scrapes weir
// with streams and viewers of each kind, and what every panel and alert asks has an
// answer.
func TestFullPrometheus(t *testing.T) {
	t.Parallel()
	token := filepath.Join(t.TempDir(), "token")
	s := startRTSPServerWith(t, settings{"auth.token_file": token, "auth.loopback": "false", "webrtc.listen": "127.0.0.1:0"})
	p := startPrometheus(t, s.http, token)
	startPublish(t, simpleClip, s.rtmpURL("live/test"), publishOptions{loop: true})
	bench := func(duration, address, protocol string) *process {
		return start(t, 2*time.Minute, nil, weirBinary(t), "bench", "play", address, "-n", "2", "--duration", duration, "--protocol", protocol)
	}
	bench("2s", s.rtmpURL("live/test"), "rtmp").mustSucceed(t)
	for protocol, address := range map[string]string{
		"rtmp": s.rtmpURL("live/test"), "flv": s.httpURL("live/test.flv"), "hls": s.httpURL("live/test/index.m3u8"), "rtsp": s.url("live/test"), "whep": s.httpURL("live/test/whep"),
	} {
		bench("80s", address, protocol)
	}
	eventually(t, time.Minute, "the target is up and the viewers are seen", func() bool {
		up, err := p.query(t, `up{job="weir"} == 1`)
		viewers, viewersErr := p.query(t, `count(weir_sessions{action="play",state="active"} == 2) == 5`)
		return err == nil && viewersErr == nil && len(up) == 1 && len(viewers) == 1
	})
	time.Sleep(5 * scrapes) // for rates

	exposed := string(fetch(t, http.MethodGet, s.httpURL("metrics"), "Authorization", "Bearer "+strings.TrimSpace(readFile(t, token))).body)
	t.Run("panels", func(t *testing.T) { checkDashboard(t, p, exposed) })
	t.Run("alerts", func(t *testing.T) { checkAlerts(t, p, exposed) })
}

// dashboard is what the tests read of a dashboard of Grafana.
type dashboard struct {
	UID        string
	Panels     []panel
	Templating struct {
		List []struct {
			Name, Type string
			Query      any
		}
	}
	Annotations struct{ List []struct{ Expr string } }
}

type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               struct{ UID string }
	GridPos                  struct{ X, Y, W, H int }
	Targets                  []struct {
		RefID, Expr string
		Datasource  struct{ UID string }
	}
}

// TestQuickDashboard: the dashboard is in the form that Grafana reads.
func TestQuickDashboard(t *testing.T) {
	d := readDashboard(t)
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.ID == 0 || p.Title == "" {
			t.Errorf("the panel %d %q: its number is missing or taken, or its title is missing", p.ID, p.Title)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%q is outside, or lies on %q", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if len(p.Targets) == 0 || p.Datasource.UID != "${datasource}" {
			t.Errorf("%q has no query, or another source", p.Title)
		}
		refs := map[string]bool{}
		for _, target := range p.Targets {
			if target.Datasource.UID != "${datasource}" || refs[target.RefID] {
				t.Errorf("%q: the query %s has another source, or the name of another", p.Title, target.RefID)
			}
			refs[target.RefID] = true
		}
	}
	variables := map[string]string{}
	for _, v := range d.Templating.List {
		variables[v.Name] = v.Type
	}
	if want := map[string]string{"datasource": "datasource", "instance": "query"}; !maps.Equal(variables, want) {
		t.Errorf("the variables are %v, want %v", variables, want)
	}
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	if err := json.Unmarshal([]byte(readFile(t, dashboardFile)), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// filled puts in place of Grafana's variables what Grafana would.
func filled(expression string) string {
	return strings.NewReplacer("$__rate_interval", fmt.Sprintf("%.0fs", (4*scrapes).Seconds()), "$instance", ".+").Replace(expression)
}

// checkDashboard asks what the panels ask. One may have no answer only if it says when.
func checkDashboard(t *testing.T, p *prometheus, exposed string) {
	d := readDashboard(t)
	queries := 0
	for _, panel := range d.Panels {
		for _, target := range panel.Targets {
			queries++
			got, err := p.query(t, filled(target.Expr))
			mayBeEmpty := strings.Contains(strings.ToLower(panel.Description), "empty")
			switch {
			case err != nil:
				t.Errorf("%q: %v\n%s", panel.Title, err, target.Expr)
			case len(got) == 0 && !mayBeEmpty:
				t.Errorf("%q has no answer, and its description says nothing of that:\n%s", panel.Title, target.Expr)
			}
			checkNames(t, panel.Title, target.Expr, exposed)
		}
	}
	for _, a := range d.Annotations.List {
		if _, err := p.query(t, filled(a.Expr)); err != nil {
			t.Errorf("an annotation: %v\n%s", err, a.Expr)
		}
		checkNames(t, "an annotation", a.Expr, exposed)
	}
	if queries < 40 {
		t.Errorf("%d queries, that is too few", queries)
	}
}

var (
	metricName   = regexp.MustCompile(`\b(weir|go|process)_[a-z0-9_]+`)
	seriesSuffix = regexp.MustCompile(`_(bucket|sum|count)$`)
)

// checkNames: metrics that a query names are there, or documented as coming with their
// first event.
func checkNames(t *testing.T, where, expression, exposed string) {
	t.Helper()
	for _, name := range metricName.FindAllString(expression, -1) {
		base := seriesSuffix.ReplaceAllString(name, "")
		if !strings.Contains(exposed, "# TYPE "+base+" ") && !strings.Contains(metricDocuments(t), "`"+base+"`") {
			t.Errorf("%s names %s, which is no metric", where, name)
		}
	}
}

func metricDocuments(t *testing.T) string {
	t.Helper()
	all := ""
	for _, name := range []string{"metrics", "rtsp", "webrtc", "hooks", "configuration", "relay", "hls", "record", "security"} {
		all += readFile(t, "../../docs/"+name+".md")
	}
	return all
}

// checkAlerts: Prometheus has evaluated each rule, and none of a server that is well
// fires.
func checkAlerts(t *testing.T, p *prometheus, exposed string) {
	type rule struct{ Name, Query, Health, State, LastError string }
	var data struct{ Groups []struct{ Rules []rule } }
	evaluated := func() (all []rule) {
		if err := p.get(t, "rules", &data); err != nil {
			t.Fatal(err)
		}
		for _, g := range data.Groups {
			all = append(all, g.Rules...)
		}
		return all
	}
	eventually(t, time.Minute, "all alerts are evaluated", func() bool {
		all := evaluated()
		return len(all) > 0 && !slices.ContainsFunc(all, func(r rule) bool { return r.Health == "unknown" })
	})
	for _, r := range evaluated() {
		if r.Health != "ok" || r.State == "firing" {
			t.Errorf("%s: %s, %s %s", r.Name, r.State, r.Health, r.LastError)
		}
		if _, err := p.query(t, r.Query); err != nil {
			t.Errorf("%s: %v", r.Name, err)
		}
		checkNames(t, r.Name, r.Query, exposed)
	}
}

// TestFullAlerts: promtool finds nothing wrong with the alerts, each of which has a test
// in which it fires and one in which it does not.
func TestFullAlerts(t *testing.T) {
	t.Parallel()
	start(t, time.Minute, nil, "promtool", "check", "rules", alertsFile).mustSucceed(t)
	const tests = "../../deploy/prometheus/alerts_test.yml"
	start(t, time.Minute, nil, "promtool", "test", "rules", tests).mustSucceed(t)

	var rules struct {
		Groups []struct {
			Rules []struct{ Alert string }
		}
	}
	var cases struct {
		Tests []struct {
			Alerts []struct {
				Name string `yaml:"alertname"`
				Want []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	decodeYAML(t, alertsFile, &rules)
	decodeYAML(t, tests, &cases)
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, c := range cases.Tests {
		for _, a := range c.Alerts {
			if len(a.Want) > 0 {
				fires[a.Name] = true
			} else {
				quiet[a.Name] = true
			}
		}
	}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if !fires[r.Alert] || !quiet[r.Alert] {
				t.Errorf("%s: has a test in which it fires: %t, and one in which it does not: %t", r.Alert, fires[r.Alert], quiet[r.Alert])
			}
		}
	}
	if len(fires) == 0 {
		t.Error("no alerts")
	}
}

func decodeYAML(t *testing.T, file string, into any, options ...yaml.DecodeOption) {
	t.Helper()
	if err := yaml.UnmarshalWithOptions([]byte(readFile(t, file)), into, options...); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

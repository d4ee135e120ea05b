//go:build e2e

package e2e

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

const composeDir = "../../deploy/compose"

// compose is what the tests read of docker-compose.yml, as docker-compose writes it
// once it has checked it against its schema and filled in variables.
type compose struct {
	Services map[string]composeService
	Networks map[string]struct {
		IPAM struct {
			Config []struct{ Subnet netip.Prefix }
		}
	}
}

type composeService struct {
	Image       string
	Command     []string
	Environment map[string]string
	Ports       []any // groups, or texts if they have an address
	Volumes     []string
	Networks    map[string]struct {
		Address string `yaml:"ipv4_address"`
	}
	Healthcheck struct{ Test []string }
	Restart     string
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	SecurityOpt []string `yaml:"security_opt"`
}

// readCompose lets docker-compose read the file with the .env that is shipped.
func readCompose(t *testing.T) (c compose) {
	t.Helper()
	file, err := filepath.Abs(composeDir + "/docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	setup := func(cmd *exec.Cmd) {
		cmd.Stdout, cmd.Env = &out, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	}
	words := []string{"-f", file, "--env-file"}
	empty := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	without := start(t, time.Minute, nil, "docker-compose", append(words, empty, "config")...)
	without.mustFail(t)
	requireContains(t, "without an address, it", without.out.String(), "set it in .env")
	start(t, time.Minute, setup, "docker-compose", append(words, filepath.Join(filepath.Dir(file), ".env.example"), "--profile", "demo", "--profile", "tls", "config")...).mustSucceed(t)
	if err := yaml.Unmarshal([]byte(out.String()), &c); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	return c
}

// TestFullCompose: the file is valid, every service has no more rights than it needs,
// and what the services and their files say of one another is true.
func TestFullCompose(t *testing.T) {
	t.Parallel()
	c := readCompose(t)
	for _, name := range []string{"weir", "prometheus", "grafana", "demo", "nginx"} {
		if _, ok := c.Services[name]; !ok {
			t.Fatalf("there is no service %s", name)
		}
	}
	for name, s := range c.Services {
		t.Run(name, func(t *testing.T) { s.check(t) })
	}
	weir, prometheus, nginx := c.Services["weir"], c.Services["prometheus"], c.Services["nginx"]
	checkEnvironment(t, weir.Environment)

	var inside []string
	for _, p := range weir.Ports {
		inside = append(inside, containerPort(t, p))
	}
	slices.Sort(inside)
	if want := plainPorts(t); !slices.Equal(inside, want) {
		t.Errorf("weir's ports are %q, it listens without a certificate on %q", inside, want)
	}
	proxy := nginx.Networks["default"].Address
	if weir.Environment["WEIR_HTTP_TRUSTED_PROXIES"] != proxy {
		t.Errorf("weir trusts %s, nginx is at %q", weir.Environment["WEIR_HTTP_TRUSTED_PROXIES"], proxy)
	}
	if ip, err := netip.ParseAddr(proxy); err != nil || !c.Networks["default"].IPAM.Config[0].Subnet.Contains(ip) {
		t.Errorf("nginx' address %q is outside of the network: %v", proxy, err)
	}
	requireContains(t, "nginx' upstream", readFile(t, composeDir+"/upstream.conf"), "upstream weir {", "server weir:8080;")

	token := weir.Environment["WEIR_AUTH_TOKEN_FILE"]
	requireContains(t, "Prometheus' configuration", readFile(t, "../../deploy/prometheus/prometheus.yml"), "credentials_file: "+token+" ", `targets: ["weir:8080"]`)
	for name, s := range map[string]composeService{"weir": weir, "prometheus": prometheus} {
		if !slices.ContainsFunc(s.Volumes, func(v string) bool { return strings.HasPrefix(v, "token:"+filepath.Dir(token)+":") }) {
			t.Errorf("%s has no volume with the token: %q", name, s.Volumes)
		}
	}
	requireContains(t, "Grafana's source", readFile(t, "../../deploy/grafana/provisioning/datasources/prometheus.yml"), "url: http://prometheus:9090")
	dashboards := "/var/lib/dashboards"
	requireContains(t, "Grafana's provider", readFile(t, "../../deploy/grafana/provisioning/dashboards/weir.yml"), "path: "+dashboards)
	if got := c.Services["grafana"].Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]; got != dashboards+"/weir.json" {
		t.Errorf("Grafana's first page is %s", got)
	}
}

// check looks at the rights of a service, and at the files that it is given.
func (s *composeService) check(t *testing.T) {
	if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"}) || s.Restart == "" {
		t.Errorf("it has more rights than it needs, or is not started again: %+v", s)
	}
	if len(s.Healthcheck.Test) == 0 && !strings.HasPrefix(s.Image, "weir:") {
		t.Error("nobody looks after its health")
	}
	if _, tag, _ := strings.Cut(s.Image, ":"); tag == "" || tag == "latest" && !strings.HasPrefix(s.Image, "weir:") {
		t.Errorf("the image %q may be another one tomorrow", s.Image)
	}
	for _, v := range s.Volumes {
		source, _, _ := strings.Cut(v, ":")
		if !strings.HasPrefix(source, "/") || strings.Contains(source, "/tls/") {
			continue // a volume, or what the operator has
		}
		if _, err := os.Stat(source); err != nil {
			t.Error(err)
		}
		if !strings.HasSuffix(v, ":ro") {
			t.Errorf("%s could be written to", v)
		}
	}
}

// containerPort returns the port of a mapping inside of the container, as defaultPorts
// writes it.
func containerPort(t *testing.T, mapping any) string {
	t.Helper()
	text, err := yaml.Marshal(mapping)
	if err != nil {
		t.Fatal(err)
	}
	var p struct{ Target, Protocol string }
	if err := yaml.Unmarshal(text, &p); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	switch {
	case p.Protocol == "udp":
		return p.Target + "/udp"
	case p.Target == "8189":
		return p.Target + "/tcp"
	}
	return p.Target
}

// plainPorts are defaultPorts without those that need a certificate.
func plainPorts(t *testing.T) []string {
	t.Helper()
	return slices.DeleteFunc(defaultPorts(t), func(p string) bool { return slices.Contains([]string{"1936", "8322", "8443"}, p) })
}

// checkEnvironment: weir takes variables as they are, and warns of none.
func checkEnvironment(t *testing.T, environment map[string]string) {
	t.Helper()
	n := 0
	setup := func(c *exec.Cmd) {
		c.Dir, c.Env = t.TempDir(), nil
		for name, value := range environment {
			if strings.HasPrefix(name, "WEIR_") {
				n++
				c.Env = append(c.Env, name+"="+value)
			}
		}
	}
	p := start(t, time.Minute, setup, weirBinary(t), "check")
	p.mustSucceed(t)
	if out := p.out.String(); strings.Contains(out, "no key has") || strings.Contains(strings.ToLower(out), "warning") || n == 0 {
		t.Errorf("weir check says of %d variables:\n%s", n, out)
	}
}

// TestQuickComposeVariables: .env.example names what docker-compose.yml uses, and
// nothing else.
func TestQuickComposeVariables(t *testing.T) {
	names := func(file, pattern string) (all []string) {
		for _, found := range regexp.MustCompile(pattern).FindAllStringSubmatch(readFile(t, composeDir+"/"+file), -1) {
			all = append(all, found[1])
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	used := append(names("docker-compose.yml", `\$\{([A-Z_]+)`), "COMPOSE_PROJECT_NAME")
	slices.Sort(used)
	if told := names(".env.example", `(?m)^#?([A-Z_]+)=`); !slices.Equal(told, used) {
		t.Errorf(".env.example has %q, docker-compose.yml uses %q", told, used)
	}
}

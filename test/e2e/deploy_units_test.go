//go:build e2e

package e2e

import (
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// TestFullSystemd: systemd finds nothing wrong with the unit, and few rights that it
// could do without.
func TestFullSystemd(t *testing.T) {
	t.Parallel()
	// As systemd-analyze security counts, from 0 to 10; what is left are the network
	// and the sockets that a media server is made of.
	const maxExposure = 1.5
	text := readFile(t, "../../deploy/systemd/weir.service")
	unit := filepath.Join(t.TempDir(), "weir.service")
	if err := os.WriteFile(unit, []byte(strings.ReplaceAll(text, "ExecStart=/usr/local/bin/weir", "ExecStart="+weirBinary(t))), 0o600); err != nil {
		t.Fatal(err)
	}
	verify := start(t, time.Minute, nil, "systemd-analyze", "verify", unit)
	verify.mustSucceed(t)
	if out := verify.out.String(); strings.Contains(out, "weir.service") {
		t.Errorf("systemd-analyze verify says\n%s", out)
	}
	security := start(t, time.Minute, nil, "systemd-analyze", "security", "--offline=true", "--no-pager", unit)
	_ = security.wait() // what it prints tells
	found := regexp.MustCompile(`exposure level for weir.service: ([0-9.]+)`).FindStringSubmatch(security.out.String())
	if found == nil {
		t.Fatalf("no score:\n%s", security.out.String())
	}
	if score, err := strconv.ParseFloat(found[1], 64); err != nil || score > maxExposure {
		t.Errorf("its exposure is %s, at most %v is wanted:\n%s", found[1], maxExposure, security.out.String())
	}
	environment := map[string]string{}
	for _, v := range regexp.MustCompile(`(?m)^Environment=(\w+)=(.*)$`).FindAllStringSubmatch(text, -1) {
		environment[v[1]] = strings.ReplaceAll(v[2], "%S", "/var/lib")
	}
	checkEnvironment(t, environment)
	if environment["WEIR_DATA_DIR"] != "/var/lib/weir" || !strings.Contains(text, "\nStateDirectory=weir\n") {
		t.Errorf("weir writes to %q", environment["WEIR_DATA_DIR"])
	}
}

// manifest is what our manifests of Kubernetes say, whatever their kind: a field that
// is not here is a mistake, or wants a line here.
type manifest struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   struct {
		Name   string            `yaml:"name"`
		Labels map[string]string `yaml:"labels"`
	} `yaml:"metadata"`
	Spec manifestSpec `yaml:"spec"`
}

type labelled struct {
	MatchLabels map[string]string `yaml:"matchLabels"`
}

type manifestSpec struct {
	// Deployment
	Replicas int `yaml:"replicas"`
	Strategy struct {
		Type string `yaml:"type"`
	} `yaml:"strategy"`
	Template struct {
		Metadata struct {
			Labels map[string]string `yaml:"labels"`
		} `yaml:"metadata"`
		Spec pod `yaml:"spec"`
	} `yaml:"template"`
	// Service has a map here, the others matchLabels.
	Selector any `yaml:"selector"`
	// Service
	Type                  string `yaml:"type"`
	ExternalTrafficPolicy string `yaml:"externalTrafficPolicy"`
	Ports                 []struct {
		Name       string `yaml:"name"`
		Port       int    `yaml:"port"`
		TargetPort string `yaml:"targetPort"`
		Protocol   string `yaml:"protocol"`
	} `yaml:"ports"`
	// PodMonitor
	JobLabel  string `yaml:"jobLabel"`
	Endpoints []struct {
		Port          string `yaml:"port"`
		Path          string `yaml:"path"`
		Interval      string `yaml:"interval"`
		Authorization struct {
			Type        string `yaml:"type"`
			Credentials struct {
				Name string `yaml:"name"`
				Key  string `yaml:"key"`
			} `yaml:"credentials"`
		} `yaml:"authorization"`
	} `yaml:"podMetricsEndpoints"`
	// PersistentVolumeClaim
	AccessModes []string                     `yaml:"accessModes"`
	Resources   map[string]map[string]string `yaml:"resources"`
}

type pod struct {
	AutomountServiceAccountToken  bool  `yaml:"automountServiceAccountToken"`
	EnableServiceLinks            *bool `yaml:"enableServiceLinks"`
	TerminationGracePeriodSeconds int   `yaml:"terminationGracePeriodSeconds"`
	SecurityContext               struct {
		RunAsNonRoot   bool              `yaml:"runAsNonRoot"`
		RunAsUser      int               `yaml:"runAsUser"`
		RunAsGroup     int               `yaml:"runAsGroup"`
		FSGroup        int               `yaml:"fsGroup"`
		SeccompProfile map[string]string `yaml:"seccompProfile"`
	} `yaml:"securityContext"`
	Containers []podContainer `yaml:"containers"`
	Volumes    []struct {
		Name     string    `yaml:"name"`
		EmptyDir *struct{} `yaml:"emptyDir"`
		Secret   struct {
			SecretName  string `yaml:"secretName"`
			DefaultMode int    `yaml:"defaultMode"`
		} `yaml:"secret"`
	} `yaml:"volumes"`
}

type podContainer struct {
	Name  string `yaml:"name"`
	Image string `yaml:"image"`
	Env   []struct {
		Name  string `yaml:"name"`
		Value string `yaml:"value"`
	} `yaml:"env"`
	Ports []struct {
		Name          string `yaml:"name"`
		ContainerPort int    `yaml:"containerPort"`
		Protocol      string `yaml:"protocol"`
	} `yaml:"ports"`
	StartupProbe    probe                        `yaml:"startupProbe"`
	ReadinessProbe  probe                        `yaml:"readinessProbe"`
	LivenessProbe   probe                        `yaml:"livenessProbe"`
	Resources       map[string]map[string]string `yaml:"resources"`
	SecurityContext struct {
		AllowPrivilegeEscalation *bool               `yaml:"allowPrivilegeEscalation"`
		ReadOnlyRootFilesystem   bool                `yaml:"readOnlyRootFilesystem"`
		Capabilities             map[string][]string `yaml:"capabilities"`
	} `yaml:"securityContext"`
	VolumeMounts []struct {
		Name      string `yaml:"name"`
		MountPath string `yaml:"mountPath"`
		ReadOnly  bool   `yaml:"readOnly"`
	} `yaml:"volumeMounts"`
}

type probe struct {
	HTTPGet struct {
		Path string `yaml:"path"`
		Port string `yaml:"port"`
	} `yaml:"httpGet"`
	PeriodSeconds    int `yaml:"periodSeconds"`
	TimeoutSeconds   int `yaml:"timeoutSeconds"`
	FailureThreshold int `yaml:"failureThreshold"`
}

// readManifests returns all manifests by kind and name.
func readManifests(t *testing.T) map[string]manifest {
	t.Helper()
	files, err := filepath.Glob("../../deploy/kubernetes/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests: %v", err)
	}
	all := map[string]manifest{}
	for _, file := range files {
		decoder := yaml.NewDecoder(strings.NewReader(readFile(t, file)), yaml.Strict())
		for {
			var m manifest
			err := decoder.Decode(&m)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			all[m.Kind+" "+m.Metadata.Name] = m
		}
	}
	return all
}

// TestFullKubernetes: the manifests are of one server whose ports, probes, labels and
// secrets fit one another.
func TestFullKubernetes(t *testing.T) {
	t.Parallel()
	all := readManifests(t)
	versions := map[string]string{}
	for name, m := range all {
		versions[name] = m.APIVersion
	}
	if want := map[string]string{
		"Deployment weir": "apps/v1", "Service weir": "v1", "Service weir-udp": "v1",
		"PodMonitor weir": "monitoring.coreos.com/v1", "PersistentVolumeClaim weir": "v1",
	}; !maps.Equal(versions, want) {
		t.Fatalf("there are %v, want %v", versions, want)
	}
	d := all["Deployment weir"].Spec
	p := d.Template.Spec
	c := p.Containers[0]
	labels := d.Template.Metadata.Labels

	ports := map[string]string{} // by name, as defaultPorts writes them
	for _, port := range c.Ports {
		number := strconv.Itoa(port.ContainerPort)
		if port.Protocol == "UDP" {
			number += "/udp"
		} else if port.ContainerPort == 8189 {
			number += "/tcp"
		}
		ports[port.Name] = number
	}
	if got := slices.Sorted(maps.Values(ports)); !slices.Equal(got, plainPorts(t)) {
		t.Errorf("the pod's ports are %q, weir listens without a certificate on %q", got, plainPorts(t))
	}
	served := map[string]bool{}
	for _, name := range []string{"Service weir", "Service weir-udp"} {
		s := all[name].Spec
		requireLabels(t, name, s.Selector, labels)
		for _, port := range s.Ports {
			number, _, _ := strings.Cut(ports[port.TargetPort], "/")
			if port.Name != port.TargetPort || strconv.Itoa(port.Port) != number || (port.Protocol == "UDP") != strings.HasSuffix(ports[port.TargetPort], "/udp") {
				t.Errorf("%s: the port %+v leads to %q of the pod", name, port, ports[port.TargetPort])
			}
			if (port.Protocol == "UDP") != (name == "Service weir-udp") {
				t.Errorf("%s has the port %+v", name, port)
			}
			served[port.Name] = true
		}
	}
	if len(served) != len(ports) {
		t.Errorf("services have %v of the ports %v", served, ports)
	}
	requireLabels(t, "Deployment", d.Selector, labels)

	for path, probe := range map[string]probe{"/readyz": c.ReadinessProbe, "/healthz": c.LivenessProbe} {
		if probe.HTTPGet.Path != path || ports[probe.HTTPGet.Port] != "8080" {
			t.Errorf("the probe %+v, want one of %s", probe, path)
		}
	}
	if c.StartupProbe.HTTPGet != c.ReadinessProbe.HTTPGet {
		t.Errorf("the start is probed by %+v", c.StartupProbe)
	}
	if p.EnableServiceLinks == nil || *p.EnableServiceLinks {
		t.Error("Kubernetes adds variables WEIR_…, for Services of that name")
	}
	p.checkRights(t)
	p.checkVolumes(t)
	if d.Replicas != 1 || d.Strategy.Type != "Recreate" {
		t.Errorf("%d replicas, %s", d.Replicas, d.Strategy.Type)
	}

	m := all["PodMonitor weir"].Spec
	requireLabels(t, "PodMonitor", m.Selector, labels)
	if len(m.Endpoints) != 1 || m.Endpoints[0].Path != "/metrics" || ports[m.Endpoints[0].Port] != "8080" || labels[m.JobLabel] != "weir" {
		t.Errorf("Prometheus asks %+v, job %q", m.Endpoints, labels[m.JobLabel])
	}
	if s := m.Endpoints[0].Authorization.Credentials; s.Name != p.Volumes[1].Secret.SecretName || s.Key != "token" {
		t.Errorf("Prometheus has the token from %+v", s)
	}
}

// checkRights: the pod runs as the image does, with no right that it does not need.
func (p *pod) checkRights(t *testing.T) {
	t.Helper()
	s, c := p.SecurityContext, p.Containers[0].SecurityContext
	if !s.RunAsNonRoot || s.RunAsUser != nobody || s.RunAsGroup != nobody || s.FSGroup != nobody || s.SeccompProfile["type"] != "RuntimeDefault" || p.AutomountServiceAccountToken {
		t.Errorf("the pod's rights are %+v", s)
	}
	if c.AllowPrivilegeEscalation == nil || *c.AllowPrivilegeEscalation || !c.ReadOnlyRootFilesystem || !slices.Equal(c.Capabilities["drop"], []string{"ALL"}) {
		t.Errorf("the container's rights are %+v", c)
	}
}

// checkVolumes: what weir writes, and the token that it reads, have places.
func (p *pod) checkVolumes(t *testing.T) {
	t.Helper()
	c := p.Containers[0]
	environment := map[string]string{}
	for _, v := range c.Env {
		environment[v.Name] = v.Value
	}
	checkEnvironment(t, environment)
	var mounted []string
	for _, m := range c.VolumeMounts {
		mounted = append(mounted, m.Name+" "+m.MountPath)
	}
	if want := []string{"data /var/lib/weir", "token " + filepath.Dir(environment["WEIR_AUTH_TOKEN_FILE"])}; !slices.Equal(mounted, want) {
		t.Errorf("mounted are %q, want %q", mounted, want)
	}
	if len(p.Volumes) != 2 || p.Volumes[0].Name != "data" || p.Volumes[1].Name != "token" || p.Volumes[1].Secret.DefaultMode != 0o440 {
		t.Errorf("the volumes are %+v", p.Volumes)
	}
}

// requireLabels: a selector, with or without matchLabels, chooses what has the labels.
func requireLabels(t *testing.T, where string, selector any, labels map[string]string) {
	t.Helper()
	text, err := yaml.Marshal(selector)
	if err != nil {
		t.Fatal(err)
	}
	var wrapped labelled
	plain := map[string]string{}
	if strings.HasPrefix(string(text), "matchLabels:") {
		err = yaml.Unmarshal(text, &wrapped)
		plain = wrapped.MatchLabels
	} else {
		err = yaml.Unmarshal(text, &plain)
	}
	if err != nil || len(plain) == 0 || !maps.Equal(plain, labels) {
		t.Errorf("%s chooses %v, the pod has %v: %v", where, plain, labels, err)
	}
}

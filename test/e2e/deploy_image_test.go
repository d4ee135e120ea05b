//go:build e2e

package e2e

import (
	"bytes"
	"debug/elf"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirmedia/weir/test/freeport"
)

const (
	// maxImage is the most that the image may hold, in bytes.
	maxImage = 40_000_000
	// nobody is as whom the image runs, and Prometheus' image too.
	nobody    = 65534
	imageUser = "65534"
)

// TestFullImage builds the image, and runs it as a container would: nothing but its
// files, which nobody can write to, an unprivileged user, and no way to other rights.
// That takes root.
func TestFullImage(t *testing.T) {
	img := buildImage(t, map[string]string{"VERSION": "v1.2.3"})
	t.Run("content", func(t *testing.T) { checkImage(t, img) })

	c := newContainer(t, img)
	c.env["WEIR_AUTH_TOKEN_FILE"], c.env["WEIR_AUTH_LOOPBACK"] = "/run/weir/token", "false"
	server := c.start(t, img.cmd...)
	health := img.healthcheck[1:] // after the program's name
	eventually(t, 20*time.Second, "healthy", func() bool {
		if !server.running() {
			t.Fatalf("it ended: %v", server.wait())
		}
		return c.start(t, health...).wait() == nil
	})
	requireContains(t, "the banner", server.out.String(), "weir v1.2.3 is running")

	token := filepath.Join(c.run, "token")
	info, err := os.Stat(token)
	if err != nil || info.Mode().Perm() != 0o600 || info.Sys().(*syscall.Stat_t).Uid != nobody {
		t.Errorf("the token: %v, %v", info, err)
	}
	c.start(t, "bench", "push", "rtmp://"+c.rtmp+"/live/demo", "-n", "1", "--duration", "1m")
	readPackets(t, "http://"+c.http+"/live/demo.flv", 100, 40*time.Second)
	for given, want := range map[string]int{"Bearer " + strings.TrimSpace(readFile(t, token)): http.StatusOK, "": http.StatusUnauthorized} {
		if got := fetch(t, http.MethodGet, "http://"+c.http+"/metrics", "Authorization", given); got.StatusCode != want {
			t.Errorf("metrics with %d bytes of credentials: %s", len(given), got.Status)
		}
	}
	server.signal(syscall.SIGTERM)
	server.mustSucceed(t)
	if c.start(t, health...).wait() == nil {
		t.Error("healthy after its end")
	}

	c.env["WEIR_AUTH_TOKEN_FILE"] = "/etc/weir/token"
	stuck := c.start(t, img.cmd...)
	stuck.mustFail(t)
	requireContains(t, "what it says of a folder that is not its own", stuck.out.String(), "auth.token_file", "read-only file system")
}

// checkImage looks at what is in the image, and at what it says of itself.
func checkImage(t *testing.T, img *image) {
	files := img.files(t)
	want := []string{"/etc/ssl/certs/ca-certificates.crt", "/usr/bin/weir", "/usr/share/doc/weir/LICENSE", "/usr/share/doc/weir/NOTICE"}
	if got := names(files); !slices.Equal(got, want) {
		t.Errorf("it holds %q, want %q", got, want)
	}
	var size int64
	for name, info := range files {
		size += info.Size()
		if info.Mode()&(os.ModeSetuid|os.ModeSetgid) != 0 || info.Mode().Perm()&0o022 != 0 {
			t.Errorf("%s has the mode %v", name, info.Mode())
		}
	}
	t.Logf("%d bytes", size)
	if size > maxImage {
		t.Errorf("it has %d bytes, at most %d are wanted", size, maxImage)
	}
	binary, err := elf.Open(filepath.Join(img.root, "usr/bin/weir"))
	if err != nil {
		t.Fatal(err)
	}
	defer binary.Close()
	if slices.ContainsFunc(binary.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Error("the program is not static")
	}
	content, err := os.ReadFile(filepath.Join(img.root, "usr/bin/weir"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(content, []byte("assets/weir-player.js")) || bytes.Contains(content, []byte("npm run build")) {
		t.Error("the program has no console, or the placeholder of it")
	}
	if img.user != imageUser+":"+imageUser || !slices.Equal(img.volumes, []string{"/var/lib/weir"}) || img.env["WEIR_DATA_DIR"] != "/var/lib/weir" {
		t.Errorf("user %s, volumes %q, environment %q", img.user, img.volumes, img.env)
	}
	for _, label := range []string{"title", "description", "source", "documentation", "licenses", "version", "revision"} {
		if img.labels["org.opencontainers.image."+label] == "" {
			t.Errorf("the label %s is missing", label)
		}
	}
	if got := img.labels["org.opencontainers.image.version"]; got != "v1.2.3" {
		t.Errorf("its version is %q", got)
	}
	if ports := defaultPorts(t); !slices.Equal(slices.Sorted(slices.Values(img.exposed)), ports) {
		t.Errorf("it exposes %q, weir listens on %q", img.exposed, ports)
	}
}

// defaultPorts returns where weir listens by default, sorted, as a Dockerfile says it:
// 8080, 8189/udp.
func defaultPorts(t *testing.T) []string {
	t.Helper()
	sample := readFile(t, "../../weir.yaml.example")
	var all []string
	section := ""
	for line := range strings.Lines(sample) {
		line = strings.TrimRight(line, "\n")
		if name, ok := strings.CutSuffix(line, ":"); ok && !strings.HasPrefix(line, " ") {
			section = name
		}
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		port, isPort := strings.CutPrefix(strings.Trim(value, `"`), ":")
		if !isPort || !strings.HasSuffix(key, "listen") {
			continue
		}
		n, err := strconv.Atoi(port)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		switch {
		case key == "udp_listen": // RTP, and RTCP with the next
			all = append(all, port+"/udp", fmt.Sprint(n+1)+"/udp")
		case section == "webrtc":
			all = append(all, port+"/udp", port+"/tcp")
		default:
			all = append(all, port)
		}
	}
	slices.Sort(all)
	return all
}

// container runs programs of an image with the rights that a hardened container has.
// The network is the machine's.
type container struct {
	*image
	data, run  string // folders in place of volumes
	rtmp, http string
	env        map[string]string
}

func newContainer(t *testing.T, img *image) *container {
	t.Helper()
	c := &container{image: img, data: t.TempDir(), run: t.TempDir(), rtmp: freeport.Address(t), http: freeport.Address(t), env: map[string]string{
		"WEIR_RTSP_LISTEN": "off", "WEIR_WEBRTC_LISTEN": "off",
	}}
	for name, value := range img.env {
		if strings.HasPrefix(name, "WEIR_") {
			c.env[name] = value
		}
	}
	c.env["WEIR_RTMP_LISTEN"], c.env["WEIR_HTTP_LISTEN"] = c.rtmp, c.http
	for volume, path := range map[string]string{c.data: "var/lib/weir", c.run: "run/weir"} {
		// A new volume is a copy of what the image has there.
		info, err := os.Stat(filepath.Join(img.root, path))
		if err != nil {
			t.Fatal(err)
		}
		owner := info.Sys().(*syscall.Stat_t)
		if err := os.Chown(volume, int(owner.Uid), int(owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	// /proc is no file of an image, every container has it.
	if err := os.Mkdir(filepath.Join(img.root, "proc"), 0o555); err != nil {
		t.Fatal(err)
	}
	return c
}

// inContainer makes the mounts, in a namespace of their own, and runs a program of the
// image there.
const inContainer = `root=$1 data=$2 run=$3 user=$4 wd=$5; shift 5
mount --bind "$root" "$root"
mount --bind "$data" "$root/var/lib/weir"
mount --bind "$run" "$root/run/weir"
mount --bind /proc "$root/proc"
mount -o remount,bind,ro "$root"
exec setpriv --no-new-privs unshare --root="$root" --wd="$wd" --setgid="$user" --setuid="$user" "$@"`

// start runs the program with arguments.
func (c *container) start(t *testing.T, args ...string) *process {
	t.Helper()
	words := append([]string{"--mount", "sh", "-ec", inContainer, "sh", c.root, c.data, c.run, imageUser, c.workdir, "/usr/bin/" + c.entrypoint[0]}, args...)
	return start(t, 2*time.Minute, func(cmd *exec.Cmd) {
		cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
		for name, value := range c.env {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}, "unshare", words...)
}

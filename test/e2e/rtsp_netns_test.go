//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4"
)

// insideNamespace is set in the environment of the tests that have a network of
// their own.
const insideNamespace = "WEIR_E2E_NAMESPACE"

// inNamespace runs the test that calls it in a network namespace with a loopback
// interface alone, where it returns true. In the process that runs the tests it
// returns false, when the test is over. Only root can do that; the test fails if
// it cannot be done.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(insideNamespace) != "" {
		run(t, "ip", "link", "set", "lo", "up")
		return true
	}
	if os.Getuid() != 0 {
		t.Fatal("a network namespace needs root")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	setup := func(c *exec.Cmd) {
		c.SysProcAttr.Cloneflags = syscall.CLONE_NEWNET
		c.Env = append(os.Environ(), insideNamespace+"=1")
	}
	p := start(t, 3*time.Minute, setup, self, "-test.run=^"+t.Name()+"$", "-test.v")
	err = p.wait()
	t.Logf("in the namespace:\n%s", tail(p.out.String(), 20_000))
	if err != nil {
		t.Fatalf("in the namespace: %v", err)
	}
	requireContains(t, "the namespace", p.out.String(), "--- PASS: "+t.Name())
	return false
}

// run runs a program to its end and returns what it printed.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	p := start(t, 10*time.Second, nil, name, args...)
	p.mustSucceed(t)
	return p.out.String()
}

// lose drops a share of the UDP packets to a port, as the kernel's filter does.
func lose(t *testing.T, port uint16, percent int) {
	t.Helper()
	run(t, "nft", fmt.Sprintf(`
		add table ip weir
		add counter ip weir lost
		add chain ip weir lossy { type filter hook input priority 0; }
		add rule ip weir lossy udp dport %d numgen random mod 100 < %d counter name lost drop`, port, percent))
}

var dropped = regexp.MustCompile(`packets (\d+)`)

// stopLosing takes the filter away and returns how many packets it dropped.
func stopLosing(t *testing.T) uint64 {
	t.Helper()
	run(t, "nft", "flush", "chain", "ip", "weir", "lossy")
	found := dropped.FindStringSubmatch(run(t, "nft", "list", "counter", "ip", "weir", "lost"))
	if found == nil {
		t.Fatal("the filter has no counter")
	}
	n, err := strconv.ParseUint(found[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestFullRTSPRealLoss: the kernel drops 5 % of what a publisher by UDP sends, in
// a network namespace. The stream goes on, and all that was dropped is counted.
func TestFullRTSPRealLoss(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	media := freePair(t)
	s := startRTSPServerWith(t, settings{"rtsp.udp_listen": media.String()})
	s.publishRTSP(t, lossyClip, "live/test", "udp")
	player := openRTSP(t, s.url("live/test"), gortsplib.TransportTCP)
	s.requireBothTracks(t, "live/test")
	lose(t, media.Port(), 5)
	got := readPackets(t, s.httpURL("live/test.flv"), badPackets, 40*time.Second)
	n := stopLosing(t)
	if n == 0 {
		t.Fatal("nothing was dropped")
	}
	missed := func() uint64 { return uint64(metric(t, s.server, "weir_packets_lost_total")) }
	eventually(t, 30*time.Second, fmt.Sprintf("%d losses are noticed", n), func() bool { return missed() >= n })
	if missed() != n {
		t.Errorf("%d packets missed, %d were dropped", missed(), n)
	}
	published := filePackets(t, lossyClip.path(t))
	requireParts(t, published, got, missed())
	requireParts(t, published, player.read(t, badPackets/2, 20*time.Second), missed())
}

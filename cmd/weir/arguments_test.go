package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/config"
)

// TestCommandLine: who asks for help gets it in each of the usual ways, and mistakes
// are named in a few lines.
func TestCommandLine(t *testing.T) {
	nobody := reserve(t)
	for _, tt := range []struct {
		args, want string
		status     int
	}{
		{"help", "Usage: weir <command>", 0},
		{"help pull add", "Usage: weir pull add <stream>", 0},
		{"help serve", "Usage: weir serve", 0},
		{"help servve", `there is no command "servve"; did you mean "serve"?`, exitUsage},
		{"--version", "weir dev", 0},
		{"serv", `there is no command "serv"; did you mean "serve"?`, exitUsage},
		{"weir.yaml", `there is no command "weir.yaml", but serve, demo`, exitUsage},
		{"pull ad cam/7 rtsp://h/7", `there is no command "pull ad"; did you mean "add"?`, exitUsage},
		{"pull", "no server answers", 1},
		{"sessions x", "no server answers", 1},
		{"serve weir.yaml", "unexpected argument weir.yaml", exitUsage},
		{"probe", `expected "<url>"`, exitUsage},
		{"streams", "no server answers at " + nobody, 1},
	} {
		c := exec.Command(os.Args[0], strings.Fields(tt.args)...) //nolint:gosec // this program
		c.Env = append(os.Environ(), asProgram+"=1", "WEIR_SERVER=http://"+nobody)
		out, _ := c.CombinedOutput() // the status tells
		if status := c.ProcessState.ExitCode(); status != tt.status || !strings.Contains(string(out), tt.want) {
			t.Errorf("weir %s: status %d, %s", tt.args, status, out)
		}
		if n := strings.Count(string(out), "\n"); tt.status != 0 && n > 5 {
			t.Errorf("weir %s: %d lines about a mistake", tt.args, n)
		}
	}
}

// TestOwnVariables: what tells commands of a server is no mistake in the configuration.
func TestOwnVariables(t *testing.T) {
	t.Setenv("WEIR_SERVER", "http://127.0.0.1:1")
	t.Setenv("WEIR_TOKEN", "0123456789abcdef")
	s, err := new(configFlag).read(config.Overlay{})
	if err != nil || len(s.report.Warnings) > 0 {
		t.Errorf("%v, warnings %q", err, s.report.Warnings)
	}
}

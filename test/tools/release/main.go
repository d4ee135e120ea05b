// Command release builds what is published of a version: an archive for each system,
// with the program, its licences and its example configuration, a list of what is in
// the program (SBOM), and checksums of all. Of one commit it makes the same bytes,
// whenever and wherever it runs with the same Go and the same built console.
//
// Usage, in the module's folder, once the console is built: release -version V -out DIR
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// target is a system for which weir is built.
type target struct{ os, arch, arm string }

func targets() []target {
	return []target{
		{"linux", "amd64", ""}, {"linux", "arm64", ""}, {"linux", "arm", "7"},
		{"darwin", "amd64", ""}, {"darwin", "arm64", ""}, {"windows", "amd64", ""},
	}
}

// String returns the target's name in names of files.
func (t target) String() string {
	if t.arm != "" {
		return t.os + "-" + t.arch + "v" + t.arm
	}
	return t.os + "-" + t.arch
}

func (t target) program() string {
	if t.os == "windows" {
		return "weir.exe"
	}
	return "weir"
}

// beside are the files that an archive has besides the program.
var beside = []string{"LICENSE", "NOTICE", "README.md", "CHANGELOG.md", "weir.yaml.example"}

func main() {
	version := flag.String("version", "", "what weir calls itself, such as v0.1.0")
	out := flag.String("out", "dist", "folder for what is made; it must not exist or be empty")
	only := flag.String("only", "", "one system alone, such as linux-amd64")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *version, *out, *only); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, version, out, only string) error {
	if version == "" || strings.ContainsAny(version, "/ ") {
		return fmt.Errorf("-version: %q is none", version)
	}
	if entries, err := os.ReadDir(out); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty", out)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	moment, err := commitTime(ctx)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "weir-release")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }() // the system clears what is left
	chosen := targets()
	if only != "" {
		chosen = slices.DeleteFunc(chosen, func(t target) bool { return t.String() != only })
	}
	if len(chosen) == 0 {
		return fmt.Errorf("-only: there is no %s", only)
	}
	for i, t := range chosen {
		fmt.Printf("%d of %d: %v\n", i+1, len(chosen), t)
		if err := release(ctx, t, version, work, out, moment); err != nil {
			return fmt.Errorf("%v: %w", t, err)
		}
	}
	return writeSums(out)
}

// release makes the archive and the list of one system.
func release(ctx context.Context, t target, version, work, out string, moment time.Time) error {
	program := filepath.Join(work, t.String(), t.program())
	if err := build(ctx, t, version, program); err != nil {
		return err
	}
	name := "weir-" + version + "-" + t.String()
	files := []file{{name + "/" + t.program(), program, true}}
	for _, f := range beside {
		files = append(files, file{name + "/" + f, f, false})
	}
	if err := archive(filepath.Join(out, name), t.os == "windows", files, moment); err != nil {
		return err
	}
	return writeComponents(filepath.Join(out, name+".cdx.json"), program, version, moment)
}

// build makes the program without what differs from one machine to another.
func build(ctx context.Context, t target, version, program string) error {
	c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-tags", "nomsgpack", "-ldflags", "-s -w -buildid= -X main.version="+version, "-o", program, "./cmd/weir")
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+t.os, "GOARCH="+t.arch, "GOARM="+t.arm, "GOAMD64=v1", "GOFLAGS=")
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	return c.Run()
}

// commitTime returns when the newest commit was made, for the files in archives;
// SOURCE_DATE_EPOCH stands in for it where there is no repository.
func commitTime(ctx context.Context) (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		out, err := exec.CommandContext(ctx, "git", "log", "-1", "--format=%ct").Output()
		if err != nil {
			return time.Time{}, fmt.Errorf("when the commit was made (or set SOURCE_DATE_EPOCH): %w", err)
		}
		text = strings.TrimSpace(string(out))
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	return time.Unix(seconds, 0).UTC(), err
}

// writeSums writes the checksums of all files, as sha256sum does.
func writeSums(out string) error {
	entries, err := os.ReadDir(out)
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(out, e.Name()))
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		fmt.Fprintf(&text, "%s  %s\n", hex.EncodeToString(sum[:]), e.Name())
	}
	return os.WriteFile(filepath.Join(out, "SHA256SUMS"), []byte(text.String()), 0o644)
}

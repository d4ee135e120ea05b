//go:build e2e

package e2e

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// image is what a Dockerfile makes.
type image struct {
	root                         string // folder with its files
	workdir, user                string
	entrypoint, cmd, healthcheck []string
	env, labels                  map[string]string
	exposed, volumes             []string
}

// dockerBuild does what a Dockerfile says, where there is no Docker: each stage is a
// folder, in which the machine's own programs run. What the Dockerfile may say is what
// ours says; anything else fails the test.
type dockerBuild struct {
	t       *testing.T
	context string
	ignored func(path string) bool
	args    map[string]string

	dir    string
	stages map[string]*image
	stage  *image
}

// buildImage builds the image of the repository.
func buildImage(t *testing.T, args map[string]string) *image {
	t.Helper()
	const file = "../../deploy/docker/Dockerfile"
	b := &dockerBuild{t: t, context: "../..", ignored: dockerIgnore(readFile(t, file+".dockerignore")), args: args, dir: t.TempDir(), stages: map[string]*image{}}
	for _, line := range logicalLines(readFile(t, file)) {
		word, rest, _ := strings.Cut(line, " ")
		b.step(word, strings.TrimSpace(rest))
	}
	return b.stage
}

// logicalLines joins continued lines and leaves comments out.
func logicalLines(text string) (all []string) {
	open := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") || line == "" {
			continue
		}
		if before, continued := strings.CutSuffix(line, "\\"); continued {
			open += before
			continue
		}
		all = append(all, open+line)
		open = ""
	}
	return all
}

func (b *dockerBuild) step(word, rest string) {
	b.t.Helper()
	s := b.stage
	switch word {
	case "FROM":
		b.from(strings.Fields(rest))
	case "WORKDIR":
		s.workdir = path.Join(s.workdir, rest)
		b.must(os.MkdirAll(b.inside(rest), 0o755))
	case "ARG":
		for _, word := range strings.Fields(rest) {
			b.arg(word)
		}
	case "ENV":
		maps.Copy(s.env, pairs(rest))
	case "LABEL":
		maps.Copy(s.labels, pairs(os.Expand(rest, func(name string) string { return s.env[name] })))
	case "COPY":
		b.copy(strings.Fields(rest))
	case "RUN":
		b.run(rest)
	case "EXPOSE":
		s.exposed = strings.Fields(rest)
	case "VOLUME":
		s.volumes = strings.Fields(rest)
	case "USER":
		s.user = rest
	case "HEALTHCHECK":
		_, command, _ := strings.Cut(rest, "CMD ")
		b.must(json.Unmarshal([]byte(command), &s.healthcheck))
	case "ENTRYPOINT":
		b.must(json.Unmarshal([]byte(rest), &s.entrypoint))
	case "CMD":
		b.must(json.Unmarshal([]byte(rest), &s.cmd))
	default:
		b.t.Fatalf("the instruction %s is not known here", word)
	}
}

// platform is what BuildKit sets by itself, unless ARG has a default, which wins.
var platform = map[string]string{"TARGETOS": runtime.GOOS, "TARGETARCH": runtime.GOARCH}

// arg declares NAME or NAME=VALUE.
func (b *dockerBuild) arg(word string) {
	name, value, hasDefault := strings.Cut(word, "=")
	if given, ok := b.args[name]; ok {
		value = given
	} else if !hasDefault {
		value = platform[name]
	}
	b.stage.env[name] = value
}

func (b *dockerBuild) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// inside returns where a path of the stage is.
func (b *dockerBuild) inside(p string) string {
	if !path.IsAbs(p) {
		p = path.Join(b.stage.workdir, p)
	}
	return filepath.Join(b.stage.root, filepath.FromSlash(p))
}

// pairs reads NAME=VALUE … with optional quotes around values.
func pairs(text string) map[string]string {
	all := map[string]string{}
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		name, rest, _ := strings.Cut(text, "=")
		if quoted, ok := strings.CutPrefix(rest, `"`); ok {
			all[name], text, _ = strings.Cut(quoted, `"`)
		} else {
			all[name], text, _ = strings.Cut(rest, " ")
		}
	}
	return all
}

func (b *dockerBuild) from(words []string) {
	b.t.Helper()
	name := "final"
	if n := len(words); n > 2 && words[n-2] == "AS" {
		name = words[n-1]
	}
	b.stage = &image{root: filepath.Join(b.dir, name), workdir: "/", env: map[string]string{}, labels: map[string]string{}}
	b.stages[name] = b.stage
	b.must(os.Mkdir(b.stage.root, 0o755))
}

// run runs a command in the stage's folder.
func (b *dockerBuild) run(command string) {
	b.t.Helper()
	for strings.HasPrefix(command, "--mount=") {
		_, rest, _ := strings.Cut(command, " ")
		command = strings.TrimSpace(rest)
	}
	c := exec.Command("sh", "-ec", command)
	c.Dir, c.Env = b.inside("."), os.Environ()
	for name, value := range b.stage.env {
		c.Env = append(c.Env, name+"="+value)
	}
	if out, err := c.CombinedOutput(); err != nil {
		b.t.Fatalf("RUN %s: %v\n%s", command, err, tail(string(out), 3000))
	}
}

// copy copies files, and what is in folders.
func (b *dockerBuild) copy(words []string) {
	b.t.Helper()
	from, ignored, owner := b.context, b.ignored, 0
	for ; strings.HasPrefix(words[0], "--"); words = words[1:] {
		switch flag, value, _ := strings.Cut(words[0], "="); flag {
		case "--from":
			from, ignored = b.stages[value].root, func(string) bool { return false }
		case "--chown":
			if value != imageUser+":"+imageUser {
				b.t.Fatalf("COPY --chown=%s", value)
			}
			owner = nobody
		default:
			b.t.Fatalf("COPY %s is not known here", flag)
		}
	}
	sources, to := words[:len(words)-1], words[len(words)-1]
	for _, source := range sources {
		source = strings.TrimPrefix(path.Clean(source), "/")
		info, err := os.Stat(filepath.Join(from, source))
		b.must(err)
		target := b.inside(to)
		if !info.IsDir() && (len(sources) > 1 || strings.HasSuffix(to, "/")) {
			target = filepath.Join(target, path.Base(source))
		}
		b.copyTree(from, source, target, ignored, owner)
	}
}

func (b *dockerBuild) copyTree(from, source, to string, ignored func(string) bool, owner int) {
	b.t.Helper()
	top := filepath.Join(from, source)
	b.must(filepath.WalkDir(top, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, file)
		if err != nil {
			return err
		}
		below, err := filepath.Rel(top, file)
		if err != nil {
			return err
		}
		target := filepath.Join(to, below)
		switch {
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules" && ignored(name)):
			return filepath.SkipDir
		case d.IsDir() && owner == 0:
			return os.MkdirAll(target, 0o755)
		case d.IsDir():
			return makeOwned(target, owner)
		case ignored(name):
			return nil
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		return copyFile(file, target)
	}))
}

func makeOwned(dir string, owner int) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.Chown(dir, owner, owner)
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, info.Mode().Perm())
}

// dockerIgnore returns which files of the context a build does not see: the last
// pattern that matches a file, or a folder that it is in, counts.
func dockerIgnore(text string) func(file string) bool {
	patterns := logicalLines(text)
	return func(file string) bool {
		ignored := false
		for _, pattern := range patterns {
			pattern, kept := strings.CutPrefix(pattern, "!")
			if matchesParent(pattern, filepath.ToSlash(file)) {
				ignored = !kept
			}
		}
		return ignored
	}
}

func matchesParent(pattern, file string) bool {
	pattern, anywhere := strings.CutPrefix(pattern, "**/")
	parts := strings.Split(file, "/")
	for end := range len(parts) {
		start := 0
		if anywhere {
			start = end
		}
		if ok, err := path.Match(pattern, strings.Join(parts[start:end+1], "/")); ok && err == nil {
			return true
		}
	}
	return false
}

func TestQuickDockerIgnore(t *testing.T) {
	ignored := dockerIgnore("# comment\n*\n!cmd\n!go.mod\n**/*_test.go\n**/testdata\ncmd/dist\n")
	for file, want := range map[string]bool{
		"README.md": true, "go.mod": false, "cmd/a.go": false, "cmd/a/b.go": false, "cmd/a/b_test.go": true,
		"cmd/testdata/x": true, "cmd/a/testdata/b/x": true, "cmd/dist/x": true, "cmd/a/dist/x": false, "test/a.go": true,
	} {
		if ignored(file) != want {
			t.Errorf("%s: ignored is %t", file, !want)
		}
	}
}

// TestQuickDockerPlatform: the program is built for the platform that is asked for.
func TestQuickDockerPlatform(t *testing.T) {
	declared := map[string]bool{}
	for _, line := range logicalLines(readFile(t, "../../deploy/docker/Dockerfile")) {
		rest, ok := strings.CutPrefix(line, "ARG ")
		if !ok {
			continue
		}
		for _, word := range strings.Fields(rest) {
			name, _, hasDefault := strings.Cut(word, "=")
			declared[name] = true
			if platform[name] != "" && hasDefault {
				t.Errorf("ARG %s: with a default, images for all platforms have the program for that one", word)
			}
		}
	}
	for name := range platform {
		if !declared[name] {
			t.Errorf("%s is not declared, so it is not set", name)
		}
	}
}

// files returns the files of the image by name.
func (i *image) files(t *testing.T) map[string]fs.FileInfo {
	t.Helper()
	all := map[string]fs.FileInfo{}
	err := filepath.WalkDir(i.root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		all[strings.TrimPrefix(file, i.root)] = info
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func names(files map[string]fs.FileInfo) []string { return slices.Sorted(maps.Keys(files)) }

func readFile(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

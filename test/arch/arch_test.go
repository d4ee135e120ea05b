// Package arch checks who imports whom: the folders of the module form layers,
// and imports go downwards only.
package arch

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const (
	module = "github.com/weirmedia/weir/"
	root   = "../.."
)

// layers says, for each top folder that holds Go code, which of them its code
// may import besides itself. Tests are free to use what is above them.
var layers = map[string][]string{
	"pkg":       {},
	"remux":     {"pkg"},
	"protocols": {"remux", "pkg"},
	"api":       {"pkg"},
	"web":       {},
	"cmd":       {"api", "web", "protocols", "remux", "pkg"},
	"examples":  {"protocols", "remux", "pkg"},
	"test":      {"protocols", "remux", "pkg"},
}

// allowed reports whether the folder from may import the folder to, both
// relative to the module's root, and if not, the rule that forbids it.
func allowed(from, to string) (rule string, ok bool) {
	fromTop, toTop := top(from), top(to)
	below, known := layers[fromTop]
	switch {
	case !known:
		return "test/arch does not know the folder " + fromTop, false
	case (from == "pkg/av" || from == "pkg/reason"):
		return from + " imports nothing of ours", false
	case within(from, "pkg/bus") && within(to, "pkg/fanout"):
		return "the bus does not know how bytes reach sockets", false
	case fromTop == "protocols" && toTop == "protocols":
		return "protocols never import one another", second(from) == second(to) || second(to) == "internal"
	case fromTop == toTop:
		return "", true
	}
	for _, b := range below {
		if b == toTop {
			return "", true
		}
	}
	return fromTop + " imports only " + strings.Join(append([]string{"itself"}, below...), ", "), false
}

func top(folder string) string { return strings.SplitN(folder, "/", 2)[0] }

func second(folder string) string { return strings.SplitN(folder+"/", "/", 3)[1] }

func within(folder, parent string) bool {
	return folder == parent || strings.HasPrefix(folder, parent+"/")
}

func TestAllowed(t *testing.T) {
	tests := []struct {
		name, from, to string
		want           bool
	}{
		{"a protocol may use a format", "protocols/rtmp", "remux/flv", true},
		{"a protocol may use its own parts", "protocols/rtmp", "protocols/rtmp/handshake", true},
		{"not another protocol", "protocols/httpflv", "protocols/rtmp/message", false},
		{"protocols may share what is no protocol", "protocols/httpflv", "protocols/internal/httplive", true},
		{"which knows none", "protocols/internal/httplive", "protocols/httpflv", false},
		{"a format may use another", "remux/rtmpchunk", "remux/flv", true},
		{"a format knows no protocol", "remux/flv", "protocols/rtmp", false},
		{"pkg may use pkg", "pkg/bus", "pkg/av", true},
		{"pkg knows no format", "pkg/bus", "remux/flv", false},
		{"the bus knows no sockets", "pkg/bus", "pkg/fanout", false},
		{"fanout may use the bus", "pkg/fanout", "pkg/bus", true},
		{"the model imports nothing", "pkg/av", "pkg/reason", false},
		{"the API knows no protocol", "api", "protocols/rtmp", false},
		{"nobody imports cmd", "api", "cmd/weir", false},
		{"the program may import all", "cmd/weir", "api", true},
		{"an unknown folder is named", "utils", "pkg/av", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if rule, ok := allowed(tt.from, tt.to); ok != tt.want {
				t.Errorf("allowed(%s, %s) = %v (%s)", tt.from, tt.to, ok, rule)
			}
		})
	}
}

// TestImports parses the files itself rather than asking `go list`, so that
// the test cache notices when one of them changes.
func TestImports(t *testing.T) {
	files := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != root && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "testdata" || name == "dist") {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			files++
			checkFile(t, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		t.Fatal("no Go files found")
	}
}

func checkFile(t *testing.T, path string) {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, nil, parser.ImportsOnly)
	if err != nil {
		t.Error(err)
		return
	}
	rel, err := filepath.Rel(root, filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		to, ours := strings.CutPrefix(imported, module)
		if !ours {
			continue
		}
		if rule, ok := allowed(filepath.ToSlash(rel), to); !ok {
			t.Errorf("%s imports %s: %s", fset.Position(spec.Pos()), imported, rule)
		}
	}
}

package api

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// source is the code of a package.
type source []*ast.File

func parseSource(t *testing.T, dir string) (s source) {
	t.Helper()
	names, err := fs.Glob(os.DirFS(dir), "*.go")
	if err != nil || len(names) == 0 {
		t.Fatal(dir, err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), dir+"/"+name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		s = append(s, f)
	}
	return s
}

// texts returns the constants that are texts, with prefix before their names.
func (s source) texts(prefix string) map[string]string {
	out := make(map[string]string)
	for _, f := range s {
		ast.Inspect(f, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == len(v.Names) {
				for i, name := range v.Names {
					if text, ok := literal(v.Values[i]); ok {
						out[prefix+name.Name] = text
					}
				}
			}
			return true
		})
	}
	return out
}

func literal(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(l.Value)
	return text, err == nil
}

// codes returns what is written as a code: the third argument of fail, and Code of an
// httpserver.Error.
func (s source) codes() (list []ast.Expr) {
	for _, f := range s {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.Ident); ok && f.Name == "fail" {
					list = append(list, n.Args[2])
				}
			case *ast.KeyValueExpr:
				if k, ok := n.Key.(*ast.Ident); ok && k.Name == "Code" {
					list = append(list, n.Value)
				}
			}
			return true
		})
	}
	return list
}

// TestCodesAreDocumented: the table in docs/api.md has every code that the API
// answers with, and no other.
func TestCodesAreDocumented(t *testing.T) {
	known := parseSource(t, "../pkg/reason").texts("reason.")
	own := parseSource(t, ".")
	maps.Copy(known, own.texts(""))
	written := make(map[string]bool)
	for _, e := range append(own.codes(), parseSource(t, "../pkg/httpserver").codes()...) {
		if c, ok := e.(*ast.CallExpr); ok { // string(reason.X)
			e = c.Args[0]
		}
		text, ok := literal(e)
		switch e := e.(type) {
		case *ast.Ident:
			if e.Name == "code" { // of fail itself
				continue
			}
			text, ok = known[e.Name]
		case *ast.SelectorExpr:
			if e.Sel.Name == "Code" { // of a ConfigError
				for _, code := range []string{InvalidConfig, NeedsRestart, SetByEnvironment, PreconditionFailed, NotReady, RuleNotFound, RuleExists, RuleFromFile} {
					written[code] = true
				}
				continue
			}
			if x, isName := e.X.(*ast.Ident); isName {
				text, ok = known[x.Name+"."+e.Sel.Name]
			}
		}
		if !ok {
			t.Errorf("%#v is no constant", e)
		}
		written[text] = true
	}
	data, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(data), "\n## Errors\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| \\d").FindAllStringSubmatch(section, -1) {
		documented = append(documented, row[1])
	}
	slices.Sort(documented)
	if codes := slices.Sorted(maps.Keys(written)); !slices.Equal(documented, codes) {
		t.Errorf("codes      %q\ndocumented %q", codes, documented)
	}
}

// TestMilestonesAreDocumented: the document and the table in docs/api.md have every
// milestone of sessions, and no other.
func TestMilestonesAreDocumented(t *testing.T) {
	var known []string
	for _, f := range parseSource(t, "../pkg/session") {
		ast.Inspect(f, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok {
				if of, ok := v.Type.(*ast.Ident); ok && of.Name == "Milestone" {
					text, _ := literal(v.Values[0])
					known = append(known, text)
				}
			}
			return true
		})
	}
	var described, documented []string
	for _, word := range loadDocument(t).Components.Schemas["Step"].Value.Properties["what"].Value.Enum {
		described = append(described, word.(string))
	}
	data, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(data), "\n## Timeline of a session\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\|").FindAllStringSubmatch(section, -1) {
		if row[1] != "what" {
			documented = append(documented, row[1])
		}
	}
	for _, list := range [][]string{known, described, documented} {
		slices.Sort(list)
	}
	if len(known) == 0 || !slices.Equal(known, described) || !slices.Equal(known, documented) {
		t.Errorf("known      %q\ndescribed  %q\ndocumented %q", known, described, documented)
	}
}

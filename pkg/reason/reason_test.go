package reason

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"strconv"
	"testing"
)

// All is written by hand; here it is held against the constants.
func TestAllListsEveryReason(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared := make(map[Reason]bool)
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); ok && id.Name == "Reason" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			declared[Reason(text)] = true
		}
		return true
	})
	if len(declared) < 20 {
		t.Fatalf("found %d constants only", len(declared))
	}
	listed := make(map[Reason]bool)
	for _, r := range All() {
		if listed[r] {
			t.Errorf("%s is listed twice", r)
		}
		listed[r] = true
		if !declared[r] {
			t.Errorf("%s is listed and no constant", r)
		}
	}
	for r := range declared {
		if !listed[r] {
			t.Errorf("%s is not listed", r)
		}
	}
}

func TestOf(t *testing.T) {
	inner := Wrap(BadMedia, io.EOF)
	outer := Wrap(Kicked, fmt.Errorf("around: %w", inner))
	for _, test := range []struct {
		name string
		err  error
		want Reason
	}{
		{"none", io.EOF, InternalError},
		{"nil", nil, InternalError},
		{"wrapped", fmt.Errorf("x: %w", inner), BadMedia},
		{"outermost wins", outer, Kicked},
	} {
		if got := Of(test.err, InternalError); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
	if !errors.Is(outer, io.EOF) || Wrap(Kicked, nil) != nil {
		t.Error("Wrap loses the error or makes one of nil")
	}
}

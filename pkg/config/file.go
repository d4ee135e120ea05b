package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	maxFileBytes = 1 << 20
	// The YAML parser takes quadratic time for some input: 0.1 s for a mapping
	// of 10,000 tokens, 0.45 s for 20,000, minutes for a megabyte of them. A
	// user with its rules takes about 40 tokens.
	maxTokens = 50_000
	// The YAML parser calls itself for each level and would use up the stack,
	// which ends a Go program.
	maxNesting = 32
)

// forgetItems drops the places of the elements of a list that is set again.
func (l *loader) forgetItems(e *entry) {
	maps.DeleteFunc(l.origins, func(key string, _ Origin) bool { return strings.HasPrefix(key, e.key+"[") })
}

// readFile returns nil without error if the file does not exist and need not.
func readFile(path string, required bool) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) && !required {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the configuration: %w", err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read the configuration: %w", err)
	}
	return data, nil
}

// file sets what the YAML document in data says.
func (l *loader) file(path string, data []byte) {
	if body := l.parse(path, data); body != nil {
		start := l.whole()
		start.Line, start.Column = 1, 1
		l.decode(l.root, body, start)
	}
}

// parse returns the YAML document in data, nil if it is empty or broken.
func (l *loader) parse(path string, data []byte) (body ast.Node) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	l.path = path
	if len(data) > maxFileBytes {
		l.problem(l.whole(), "", fmt.Errorf("the file is larger than %s", ByteSize(maxFileBytes)))
		return nil
	}
	if !utf8.Valid(data) {
		l.problem(l.whole(), "", errors.New("the file is not UTF-8 text"))
		return nil
	}
	tokens := lexer.Tokenize(string(data))
	if p := checkTokens(tokens); p != nil {
		l.problem(l.at(p.token), "", p.err)
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		l.syntaxProblem(err)
		return nil
	}
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case body != nil:
			l.problem(l.at(doc.Body.GetToken()), "", errors.New("the file holds more than one document"))
			return nil
		default:
			body = doc.Body
		}
	}
	return body
}

func (l *loader) syntaxProblem(err error) {
	var syntax yaml.Error
	if !errors.As(err, &syntax) {
		l.problem(l.whole(), "", errors.New("the file is not valid YAML"))
		return
	}
	// The full text of err quotes lines of the file, which may hold secrets.
	l.problem(l.at(syntax.GetToken()), "", fmt.Errorf("not valid YAML: %s", syntax.GetMessage()))
}

type tokenProblem struct {
	token *token.Token
	err   error
}

// checkTokens refuses what a configuration does not need and what could make
// the parser, or the parsed file, grow out of proportion.
func checkTokens(tokens token.Tokens) *tokenProblem {
	open, entriesInLine, line := 0, 0, 0
	for i, t := range tokens {
		if i == maxTokens {
			return &tokenProblem{t, fmt.Errorf("the file has more than %d words and signs", maxTokens)}
		}
		if t.Position.Line != line {
			line, entriesInLine = t.Position.Line, 0
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			open++
		case token.SequenceEndType, token.MappingEndType:
			open--
		case token.SequenceEntryType:
			entriesInLine++
		case token.AliasType:
			return &tokenProblem{t, errors.New(`aliases are not supported; a text that starts with "*" must be quoted`)}
		case token.AnchorType:
			return &tokenProblem{t, errors.New(`anchors are not supported; a text that starts with "&" must be quoted`)}
		case token.TagType:
			return &tokenProblem{t, errors.New(`tags are not supported; a text that starts with "!" must be quoted`)}
		case token.MergeKeyType:
			return &tokenProblem{t, errors.New("merge keys are not supported")}
		case token.MappingKeyType:
			return &tokenProblem{t, errors.New(`"?" is not supported; a text that starts with it must be quoted`)}
		case token.DirectiveType:
			return &tokenProblem{t, errors.New(`directives are not supported; a text that starts with "%" must be quoted`)}
		}
		if open > maxNesting || entriesInLine > maxNesting {
			return &tokenProblem{t, fmt.Errorf("the file is nested more than %d levels deep", maxNesting)}
		}
	}
	return nil
}

// whole is the origin of what concerns all of the file that is being read.
func (l *loader) whole() Origin { return Origin{File: l.path, Overlay: l.overlay} }

func (l *loader) at(t *token.Token) Origin {
	place := l.whole()
	if t != nil && t.Position != nil {
		place.Line, place.Column = t.Position.Line, t.Position.Column
	}
	return place
}

// decode sets e from n, which is the value of a key at the given place.
func (l *loader) decode(e *entry, n ast.Node, at Origin) {
	if n == nil || n.Type() == ast.NullType {
		// A group with all its keys commented out is common.
		if e.shape != group {
			l.problem(at, e.key, fmt.Errorf("has no value; %s", e.shape.expectation()))
		}
		return
	}
	switch e.shape {
	case scalar:
		l.decodeScalar(e, n, at)
	case list, groups:
		l.decodeList(e, n, at)
	case group:
		l.decodeGroup(e, n, at)
	}
}

func (s shape) expectation() string {
	switch s {
	case list, groups:
		return "must be a list"
	case group:
		return "must hold keys and values"
	}
	return "must be a single value"
}

func (l *loader) decodeScalar(e *entry, n ast.Node, at Origin) {
	text, ok := nodeText(n)
	if !ok {
		l.wrongShape(e, n, at)
		return
	}
	if err := setScalar(e.value, text); err != nil {
		l.problem(l.at(n.GetToken()), e.key, err)
	}
}

func (l *loader) decodeList(e *entry, n ast.Node, at Origin) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		l.wrongShape(e, n, at)
		return
	}
	l.forgetItems(e)
	items := reflect.MakeSlice(e.value.Type(), len(seq.Values), len(seq.Values))
	for i, itemNode := range seq.Values {
		item, err := describeValue("", fmt.Sprintf("%s[%d]", e.key, i), items.Index(i), 0)
		if err != nil {
			l.problem(at, e.key, err)
			return
		}
		place := at
		if itemNode != nil {
			place = l.nodePlace(itemNode)
		}
		l.origins[item.key] = place
		if itemNode != nil && itemNode.Type() == ast.NullType && item.shape == group {
			l.problem(place, item.key, errors.New("is empty"))
			continue
		}
		l.decode(item, itemNode, place)
	}
	e.value.Set(items)
}

func (l *loader) decodeGroup(e *entry, n ast.Node, at Origin) {
	values, ok := mappingValues(n)
	if !ok {
		l.wrongShape(e, n, at)
		return
	}
	first := map[string]int{}
	for _, pair := range values {
		t := pair.Key.GetToken()
		name, place := t.Value, l.at(t)
		child := e.child(name)
		if child == nil {
			l.problem(place, dotted(e.key, printable(name)), unknownKey(e, name))
			continue
		}
		if line, twice := first[name]; twice {
			l.problem(place, child.key, fmt.Errorf("is there twice, first in line %d", line))
			continue
		}
		first[name] = place.Line
		l.origins[child.key] = place
		l.decode(child, pair.Value, place)
	}
}

func unknownKey(e *entry, name string) error {
	if near := Nearest(name, e.childNames()); near != "" {
		return fmt.Errorf("unknown key; did you mean %q?", near)
	}
	return errors.New("unknown key")
}

// printable returns the name of an unknown key as it is, or quoted if it is
// anything but a word.
func printable(name string) string {
	odd := func(r rune) bool { return r <= ' ' || r == '.' || r >= 0x7f }
	if name == "" || len(name) > 64 || strings.ContainsFunc(name, odd) {
		return quote(name)
	}
	return name
}

func (l *loader) wrongShape(e *entry, n ast.Node, at Origin) {
	is := "a single value"
	switch n.(type) {
	case *ast.SequenceNode:
		is = "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		is = "a group of keys"
	}
	l.problem(at, e.key, fmt.Errorf("%s, is %s", e.shape.expectation(), is))
}

// nodePlace returns where n starts: the token of a mapping is its first colon.
func (l *loader) nodePlace(n ast.Node) Origin {
	if values, ok := mappingValues(n); ok && len(values) > 0 {
		return l.at(values[0].Key.GetToken())
	}
	return l.at(n.GetToken())
}

func mappingValues(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

// nodeText returns the text of a scalar as the file has it: what a number is
// depends on the key, so that a name such as 007 stays one.
func nodeText(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

package config

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Overlay is a file of the same form as the configuration, which the program writes
// itself and reads after the other. The zero Overlay changes nothing.
type Overlay struct {
	// Path is where Text comes from, for problems.
	Path string
	Text []byte
}

// ReadOverlay reads the file at path, which need not exist.
func ReadOverlay(path string) (Overlay, error) {
	text, err := readFile(path, false)
	return Overlay{Path: path, Text: text}, err
}

// overlayHead tells who opens the file what it is.
const overlayHead = `# Written by weir when its configuration is changed while it runs. It is read after
# weir.yaml and wins over it, and its comments are lost at the next change.
`

// Edit returns o with changes made to it. Changes are texts in YAML by full key; nil
// takes the key out. They must be of the right shape when the result is loaded, which
// tells where they are not, and hold secrets, not Hidden. An error is of type Problems.
func (o Overlay) Edit(sections []Section, changes map[string]*string) (Overlay, error) {
	root, err := describe(sections)
	if err != nil {
		return o, fmt.Errorf("configuration: %w", err)
	}
	l := &loader{root: root, overlay: true}
	values := map[string]ast.Node{}
	if body := l.parse(o.Path, o.Text); body != nil {
		l.collect(root, body, values)
	}
	for key, text := range changes {
		e := root.find(key)
		switch {
		case e == nil || e.shape == group:
			section, name, _ := strings.Cut(key, ".")
			l.problem(Origin{}, strings.TrimSuffix(printable(section)+"."+printable(name), `.""`), errors.New("there is no such key"))
		case text == nil:
			delete(values, key)
		default:
			l.setNode(values, key, *text)
		}
	}
	w := &overlayWriter{values: values}
	w.out.WriteString(overlayHead)
	w.entries(root, "")
	for _, key := range w.broken {
		l.problem(Origin{}, key, errors.New("holds a list or a group where no key has one"))
	}
	if len(l.problems) > 0 {
		l.problems.sort()
		return o, l.problems
	}
	return Overlay{Path: o.Path, Text: w.out.Bytes()}, nil
}

// collect finds the value of each key.
func (l *loader) collect(e *entry, n ast.Node, values map[string]ast.Node) {
	pairs, ok := mappingValues(n)
	if !ok && n.Type() != ast.NullType {
		l.wrongShape(e, n, l.at(n.GetToken()))
	}
	for _, pair := range pairs {
		t := pair.Key.GetToken()
		child := e.child(t.Value)
		switch {
		case child == nil:
			l.problem(l.at(t), dotted(e.key, printable(t.Value)), unknownKey(e, t.Value))
		case pair.Value == nil || pair.Value.Type() == ast.NullType: // as if it were not there
		case child.shape == group:
			l.collect(child, pair.Value, values)
		default:
			values[child.key] = pair.Value
		}
	}
}

// setNode parses the new value of a key.
func (l *loader) setNode(values map[string]ast.Node, key, text string) {
	value := &loader{root: l.root}
	n := value.parse("", []byte(text))
	switch {
	case len(value.problems) > 0:
		l.problem(Origin{}, key, value.problems[0].Err)
	case n == nil || n.Type() == ast.NullType:
		l.problem(Origin{}, key, errors.New(`has no value; "" is the empty text`))
	case hides(n):
		l.problem(Origin{}, key, fmt.Errorf("holds %s, which stands for what is not shown; that must be given anew", Hidden))
	default:
		values[key] = n
	}
}

// hides reports whether n holds what a secret, or a part of a WebURL, is shown as: who
// sends back what was read would put that in the place of the secret.
func hides(n ast.Node) bool {
	if list, ok := n.(*ast.SequenceNode); ok {
		return slices.ContainsFunc(list.Values, hides)
	}
	if pairs, ok := mappingValues(n); ok {
		return slices.ContainsFunc(pairs, func(pair *ast.MappingValueNode) bool { return hides(pair.Value) })
	}
	text, _ := nodeText(n)
	return text == Hidden || strings.Contains(text, "://"+Hidden+"@") || strings.HasSuffix(text, "?"+Hidden)
}

// overlayWriter writes values as YAML that says the same, whatever the form in which
// they were read.
type overlayWriter struct {
	values map[string]ast.Node
	out    bytes.Buffer
	broken []string // keys whose value cannot be one
}

// entries writes what is below e. Groups without values are left out.
func (w *overlayWriter) entries(e *entry, indent string) {
	for _, child := range e.children {
		if child.shape == group {
			before := w.out.Len()
			w.out.WriteString(indent + child.name + ":\n")
			from := w.out.Len()
			if w.entries(child, indent+"  "); w.out.Len() == from {
				w.out.Truncate(before)
			}
			continue
		}
		n, ok := w.values[child.key]
		if !ok {
			continue
		}
		w.out.WriteString(indent + child.name + ":")
		if !w.value(n, indent) {
			w.broken = append(w.broken, child.key)
		}
	}
}

// value writes what stands behind a key and its colon, and reports whether it could.
func (w *overlayWriter) value(n ast.Node, indent string) bool {
	if n == nil || n.Type() == ast.NullType {
		w.out.WriteString("\n")
		return true
	}
	if text, ok := scalarNode(n); ok {
		w.out.WriteString(" " + text + "\n")
		return true
	}
	if pairs, ok := mappingValues(n); ok && len(pairs) == 0 {
		w.out.WriteString(" {}\n")
		return true
	} else if ok {
		w.out.WriteString("\n")
		return w.pairs(pairs, indent+"  ", indent+"  ")
	}
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		return false
	}
	items := make([]string, 0, len(list.Values))
	for _, item := range list.Values {
		if text, ok := scalarNode(item); ok {
			items = append(items, text)
		}
	}
	if len(items) == len(list.Values) {
		w.out.WriteString(" [" + strings.Join(items, ", ") + "]\n")
		return true
	}
	w.out.WriteString("\n")
	return !slices.ContainsFunc(list.Values, func(item ast.Node) bool {
		pairs, ok := mappingValues(item)
		return !ok || !w.pairs(pairs, indent+"  - ", indent+"    ")
	})
}

// pairs writes the first pair after lead and the others after indent.
func (w *overlayWriter) pairs(pairs []*ast.MappingValueNode, lead, indent string) bool {
	if len(pairs) == 0 {
		w.out.WriteString(strings.TrimRight(lead, " ") + " {}\n")
	}
	for i, pair := range pairs {
		if i > 0 {
			lead = indent
		}
		w.out.WriteString(lead + yamlString(pair.Key.GetToken().Value) + ":")
		if !w.value(pair.Value, indent) {
			return false
		}
	}
	return true
}

// scalarNode returns a scalar as one word in YAML.
func scalarNode(n ast.Node) (string, bool) {
	if n == nil {
		return "", false
	}
	text, ok := nodeText(n)
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return text, ok
	}
	return yamlString(text), ok
}

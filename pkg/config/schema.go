package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// shape is how an entry is written.
type shape uint8

const (
	scalar shape = iota
	list         // of scalars
	group        // of named entries
	groups       // a list of groups
)

// entry is one key of the configuration and the Go value that it sets.
type entry struct {
	key      string // full name, "rtmp.chunk_size"; "" for the root
	name     string // last part of key
	shape    shape
	value    reflect.Value // settable; not valid for the root
	children []*entry      // of a group
	help     string        // what it is for, from the tag "help"
	example  string        // a value that shows how it is written, from the tag "example"
}

// maxDepth ends the description of a type that contains itself.
const maxDepth = 16

// describe returns the tree of entries below the root, one per section. Its
// errors are mistakes in Go code.
func describe(sections []Section) (*entry, error) {
	root := &entry{shape: group}
	for _, s := range sections {
		v := reflect.ValueOf(s.Value)
		if s.Name == "" || v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
			return nil, fmt.Errorf("section %q needs a name and a pointer to a struct, has %T", s.Name, s.Value)
		}
		if root.child(s.Name) != nil {
			return nil, fmt.Errorf("section %q is there twice", s.Name)
		}
		e, err := describeValue("", s.Name, v.Elem(), 0)
		if err != nil {
			return nil, err
		}
		root.children = append(root.children, e)
	}
	return root, nil
}

func describeValue(parent, name string, v reflect.Value, depth int) (*entry, error) {
	e := &entry{key: dotted(parent, name), name: name, value: v}
	switch t := v.Type(); {
	case depth > maxDepth:
		return nil, fmt.Errorf("%s: %s is nested too deeply", e.key, t)
	case isScalar(t):
		e.shape = scalar
	case t.Kind() == reflect.Struct:
		e.shape = group
		return e, e.describeFields(v, depth)
	case t.Kind() == reflect.Slice && isScalar(t.Elem()):
		e.shape = list
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		e.shape = groups
		_, err := describeValue("", e.key+"[]", reflect.New(t.Elem()).Elem(), depth+1)
		return e, err
	default:
		return nil, fmt.Errorf("%s: a configuration cannot hold a %s", e.key, t)
	}
	return e, nil
}

// describeFields adds an entry for each exported field of the struct v. Fields
// of an embedded struct without a tag count as v's own.
func (e *entry) describeFields(v reflect.Value, depth int) error {
	for field, value := range v.Fields() {
		tag, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		switch {
		case field.Anonymous && tag == "" && field.Type.Kind() == reflect.Struct && !isScalar(field.Type):
			if err := e.describeFields(value, depth+1); err != nil {
				return err
			}
			continue
		case !field.IsExported() || tag == "-":
			continue
		case tag == "":
			return fmt.Errorf("%s: field %s has no yaml tag", e.key, field.Name)
		case e.child(tag) != nil:
			return fmt.Errorf("%s: two fields are named %q", e.key, tag)
		}
		child, err := describeValue(e.key, tag, value, depth+1)
		if err != nil {
			return err
		}
		child.help, child.example = field.Tag.Get("help"), field.Tag.Get("example")
		e.children = append(e.children, child)
	}
	return nil
}

// items returns an entry for each element of a list of groups.
func (e *entry) items() ([]*entry, error) {
	items := make([]*entry, e.value.Len())
	for i := range items {
		item, err := describeValue("", fmt.Sprintf("%s[%d]", e.key, i), e.value.Index(i), 0)
		if err != nil {
			return nil, err
		}
		items[i] = item
	}
	return items, nil
}

func (e *entry) child(name string) *entry {
	for _, c := range e.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

func (e *entry) childNames() []string {
	names := make([]string, len(e.children))
	for i, c := range e.children {
		names[i] = c.name
	}
	return names
}

// walk calls f for e and all entries below it that have a key of their own;
// elements of lists have none.
func (e *entry) walk(f func(*entry)) {
	f(e)
	for _, c := range e.children {
		c.walk(f)
	}
}

func dotted(parent, name string) string {
	if parent == "" {
		return name
	}
	return parent + "." + name
}

// unset reports whether e is optional and has no value.
func (e *entry) unset() bool {
	return e.shape == scalar && e.value.Kind() == reflect.Pointer && e.value.IsNil()
}

// empty reports whether e is an empty text or list.
func (e *entry) empty() bool {
	if e.shape == group {
		return false
	}
	text, err := e.text()
	return err == nil && (text == `""` || text == "[]")
}

// isScalar reports whether t is a single value, or a pointer to one, which makes
// it optional.
func isScalar(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		return t.Elem().Kind() != reflect.Pointer && isScalar(t.Elem())
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextMarshaler]())
	}
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	case reflect.Int64:
		// It would be read as a number of nanoseconds; Duration is meant.
		return t != reflect.TypeFor[time.Duration]()
	}
	return false
}

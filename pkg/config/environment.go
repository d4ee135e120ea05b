package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// variablePrefix starts the name of every environment variable that sets a key.
const variablePrefix = "WEIR_"

// variable returns the name of the environment variable for a key.
func variable(key string) string {
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// variable returns the name of the environment variable that sets e, "" if none
// does.
func (e *entry) variable() string {
	if e.shape == group || e.shape == groups {
		return ""
	}
	return variable(e.key)
}

// variables returns the entry for each variable. Two keys of one variable are a
// mistake in Go code.
func variables(root *entry) (map[string]*entry, error) {
	all := map[string]*entry{}
	var clash error
	root.walk(func(e *entry) {
		if e.shape == group {
			return
		}
		name := variable(e.key)
		if other := all[name]; other != nil {
			clash = fmt.Errorf("keys %s and %s share the variable %s", other.key, e.key, name)
		}
		all[name] = e
	})
	return all, clash
}

// environment sets what variables say, each "NAME=value". Of variables named
// twice the last one counts, as for os/exec.
func (l *loader) environment(env []string) {
	set := map[string]string{}
	for _, assignment := range env {
		name, value, ok := strings.Cut(assignment, "=")
		if ok && strings.HasPrefix(name, variablePrefix) {
			set[name] = value
		}
	}
	names := make([]string, 0, len(l.variables))
	for name := range l.variables {
		names = append(names, name)
	}
	slices.Sort(names)
	for name, value := range set {
		e := l.variables[name]
		switch {
		case e == nil:
			l.warnVariable(name, names)
		case value != "":
			l.setVariable(name, value, e)
		}
	}
}

func (l *loader) warnVariable(name string, known []string) {
	warning := printable(name) + ": no key has this environment variable"
	if near := Nearest(name, known); near != "" {
		warning += fmt.Sprintf("; did you mean %s?", near)
	}
	l.warnings = append(l.warnings, warning)
}

func (l *loader) setVariable(name, value string, e *entry) {
	at := Origin{Variable: name}
	l.origins[e.key] = at
	var err error
	switch e.shape {
	case scalar:
		err = setScalar(e.value, value)
	case list:
		l.forgetItems(e)
		err = setList(e.value, value)
	default:
		err = errors.New("can be set in the file only")
	}
	if err != nil {
		l.problem(at, e.key, err)
	}
}

func setList(v reflect.Value, value string) error {
	parts := strings.Split(value, ",")
	items := reflect.MakeSlice(v.Type(), len(parts), len(parts))
	for i, part := range parts {
		if err := setScalar(items.Index(i), strings.TrimSpace(part)); err != nil {
			return fmt.Errorf("item %d %w", i+1, err)
		}
	}
	v.Set(items)
	return nil
}

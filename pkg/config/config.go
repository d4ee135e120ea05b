// Package config fills the structs in which plugins keep their configuration
// from a YAML file and the environment.
//
// Each plugin owns a section: a struct with its defaults filled in, whose keys
// are the yaml tags of its fields. Fields are booleans, numbers, strings, types
// that marshal to and from text such as Duration, pointers to these, which are
// optional and nil if they are not set, nested structs, lists of scalars and
// lists of structs. The tag "help" says what a key is for, in a sentence or two
// with range and unit where 'these' quotes stand around what is to be typed; the
// tag "example", in structs of lists, shows a value.
//
// The file is strict: keys that nobody knows, keys given twice and values that
// do not fit are errors, all reported together with line and key. Every key
// except lists of structs can also be set by an environment variable, which
// wins over the files: WEIR_ and the full key in upper case with "_" for ".",
// so WEIR_RTMP_LISTEN sets rtmp.listen. Items of a list are separated by
// commas. An empty variable counts as not set.
//
// A second file, the Overlay, is for what the program changes itself while it
// runs. Report.Follow tells what of a configuration that was loaded anew can change
// then.
//
// Of YAML, a configuration needs mappings, lists and scalars. Anchors, aliases,
// merge keys, tags and directives are refused, so that a small file cannot
// become a large one.
package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Section is a top-level key of the configuration and what it fills.
type Section struct {
	// Name is the key, such as "rtmp".
	Name string
	// Value points to a struct that holds the defaults. If it has a method
	// Validate() error, Load calls it; the text of its errors starts with the
	// key, as in "chunk_size: must be 128..65536, is 7". Several errors can be
	// returned by errors.Join. If it has a method Warnings() []string, Load puts
	// these into Report.Warnings. A method Live() []string names its keys, without
	// the section's name, that change while the program runs; "*" stands for all.
	Value any
}

// LoadOptions says what Load reads.
type LoadOptions struct {
	// Path is the file to read; empty for none.
	Path string
	// Required makes it an error that the file does not exist.
	Required bool
	// Overlay is read after the file, and wins over it.
	Overlay Overlay
	// Env is the environment as os.Environ returns it.
	Env []string
	// Sections is everything that can be configured.
	Sections []Section
}

type validator interface{ Validate() error }

type warner interface{ Warnings() []string }

// loader is the state of one Load.
type loader struct {
	root      *entry
	variables map[string]*entry
	path      string // of what is being read
	overlay   bool   // it is the overlay
	origins   map[string]Origin
	problems  Problems
	warnings  []string
}

// Load fills the sections. An error about the configuration is of type
// Problems, and the sections are then filled in part. Load uses nothing but its
// options and the file, and changes nothing but the sections.
func Load(o LoadOptions) (*Report, error) {
	data, err := readFile(o.Path, o.Required)
	if err != nil {
		return nil, err
	}
	return load(o, data)
}

func load(o LoadOptions, data []byte) (*Report, error) {
	root, err := describe(o.Sections)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	l := &loader{root: root, origins: map[string]Origin{}}
	if l.variables, err = variables(root); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	defaults, err := texts(root)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	live, err := liveKeys(root, o.Sections)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	l.file(o.Path, data)
	l.overlay = true
	l.file(o.Overlay.Path, o.Overlay.Text)
	l.overlay = false
	l.environment(o.Env)
	l.validate(o.Sections)
	if len(l.problems) > 0 {
		l.problems.sort()
		return nil, l.problems
	}
	slices.Sort(l.warnings)
	l.addSectionWarnings(o.Sections)
	return &Report{
		Warnings: l.warnings, root: root, sections: o.Sections, live: live, defaults: defaults, origins: l.origins,
	}, nil
}

func (l *loader) problem(at Origin, key string, err error) {
	l.problems = append(l.problems, &Problem{Origin: at, Key: key, Err: err})
}

// validate asks the sections that could be read without a problem: the others
// would only complain about what is left of their defaults.
func (l *loader) validate(sections []Section) {
	broken := map[string]bool{}
	for _, p := range l.problems {
		section, _, _ := strings.Cut(p.Key, ".")
		broken[section] = true
	}
	if broken[""] {
		return // the file as a whole is broken
	}
	for _, s := range sections {
		v, ok := s.Value.(validator)
		if !ok || broken[s.Name] {
			continue
		}
		for _, err := range split(v.Validate()) {
			l.problem(l.origin(s.Name, err.Error()), "", fmt.Errorf("%s.%w", s.Name, err))
		}
	}
}

// split returns the errors that errors.Join put together. Its text tells it
// from other errors that wrap several.
func split(err error) []error {
	if err == nil {
		return nil
	}
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		return []error{err}
	}
	var all []error
	var lines []string
	for _, e := range joined.Unwrap() {
		all = append(all, split(e)...)
		lines = append(lines, e.Error())
	}
	if err.Error() != strings.Join(lines, "\n") {
		return []error{err}
	}
	return all
}

// origin returns where the key that text starts with, or else the nearest group
// around it, was set.
func (l *loader) origin(section, text string) Origin {
	key, _, _ := strings.Cut(text, ":")
	for key = dotted(section, key); key != ""; key = key[:max(0, strings.LastIndexAny(key, ".["))] {
		if o, ok := l.origins[key]; ok {
			return o
		}
	}
	return Origin{}
}

func (l *loader) addSectionWarnings(sections []Section) {
	for _, s := range sections {
		if w, ok := s.Value.(warner); ok {
			for _, warning := range w.Warnings() {
				l.warnings = append(l.warnings, s.Name+"."+warning)
			}
		}
	}
}

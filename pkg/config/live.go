package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Live is what a section may have, to name the keys that change while the program
// runs.
type Live interface {
	// Live returns them without the section's name; "*" stands for all.
	Live() []string
}

// liveKeys returns all keys that change while the program runs. Its errors are
// mistakes in Go code.
func liveKeys(root *entry, sections []Section) (map[string]bool, error) {
	all := map[string]bool{}
	for _, s := range sections {
		l, ok := s.Value.(Live)
		if !ok {
			continue
		}
		for _, name := range l.Live() {
			under := root.child(s.Name)
			if name != "*" {
				under = root.find(dotted(s.Name, name))
			}
			if under == nil {
				return nil, fmt.Errorf("section %q has no key %q that could be live", s.Name, name)
			}
			under.walk(func(e *entry) { all[e.key] = true })
		}
	}
	return all, nil
}

// find returns the entry with a full name below e, the root; nil if there is none.
func (e *entry) find(key string) *entry {
	for name := range strings.SplitSeq(key, ".") {
		if e = e.child(name); e == nil {
			return nil
		}
	}
	return e
}

// IsLive reports whether the key changes while the program runs.
func (r *Report) IsLive(key string) bool { return r.live[key] }

// Has reports whether there is a key of that full name, which a value can be given.
func (r *Report) Has(key string) bool {
	e := r.root.find(key)
	return e != nil && e.shape != group
}

// Change says how one configuration differs from the one before, by full names in
// the order of the structs.
type Change struct {
	// Changed are the keys with new values, Restart those whose new values count
	// from the next start on.
	Changed, Restart []string
}

// Follow makes r, which was loaded anew and is used by nobody yet, what can be in
// force after old: a key that does not change while the program runs takes the value
// that it has in old, and so do all keys of a section that cannot be used in between.
// Sections share the memory of lists then, so neither may be changed any more. Both
// reports must be of the same sections.
func (r *Report) Follow(old *Report) (c Change) {
	was := map[string]*entry{}
	old.root.walk(func(e *entry) { was[e.key] = e })
	held := map[string]bool{}
	for _, s := range r.sections {
		section := r.root.child(s.Name)
		changed := section.differing(was)
		for _, e := range changed {
			if !r.live[e.key] {
				r.keep(e, was[e.key], old)
				held[e.key] = true
			}
		}
		if v, ok := s.Value.(validator); ok && v.Validate() != nil {
			for _, e := range changed {
				r.keep(e, was[e.key], old)
				held[e.key] = true
			}
		}
		for _, e := range changed {
			if held[e.key] {
				c.Restart = append(c.Restart, e.key)
			} else {
				c.Changed = append(c.Changed, e.key)
			}
		}
	}
	return c
}

// differing returns the entries below e whose value is another than before.
func (e *entry) differing(was map[string]*entry) (out []*entry) {
	e.walk(func(e *entry) {
		if e.shape != group && !sameValue(e.value, was[e.key].value) {
			out = append(out, e)
		}
	})
	return out
}

// sameValue compares secrets too, which look all the same as text.
func sameValue(a, b reflect.Value) bool {
	if a.Kind() == reflect.Slice && a.Len() == 0 && b.Len() == 0 {
		return true // whether it is nil or not
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

// keep gives e the value that it had in old, and the place where that was set.
func (r *Report) keep(e, was *entry, old *Report) {
	e.value.Set(was.value)
	own := func(key string, _ Origin) bool { return key == e.key || strings.HasPrefix(key, e.key+"[") }
	maps.DeleteFunc(r.origins, own)
	for key, o := range old.origins {
		if own(key, o) {
			r.origins[key] = o
		}
	}
}

// Covers reports whether one of the keys is that of a section.
func (c Change) Covers(section string) bool {
	return slices.ContainsFunc(c.Changed, func(key string) bool { return strings.HasPrefix(key, section+".") })
}

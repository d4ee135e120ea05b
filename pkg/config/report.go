package config

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Report is what Load found out besides the values.
type Report struct {
	// Warnings names what is most likely a mistake but does not keep the
	// program from starting: environment variables that set nothing, and what
	// sections warn about.
	Warnings []string

	root     *entry
	sections []Section
	live     map[string]bool   // keys that change while the program runs
	defaults map[string]string // by key, as Effective writes them
	origins  map[string]Origin
}

// Origin returns where a key such as "rtmp.listen" was set, the zero Origin if
// it has its default.
func (r *Report) Origin(key string) Origin { return r.origins[key] }

// Effective returns the configuration in force as YAML, sections and keys in
// the order of the structs, secrets hidden. Lines that differ from the default
// end in a comment with the default and where the value was set. It reads the
// structs that Load filled.
func (r *Report) Effective() ([]byte, error) {
	w := &effectiveWriter{report: r}
	err := w.entries(r.root.children, "", "")
	return w.out.Bytes(), err
}

// Differences returns of Effective what differs from the defaults: a shorter
// configuration that means the same. It is empty if nothing differs.
func (r *Report) Differences() ([]byte, error) {
	different := map[*entry]bool{}
	for _, section := range r.root.children {
		if _, err := r.differs(section, different); err != nil {
			return nil, err
		}
	}
	if len(different) == 0 {
		return nil, nil
	}
	w := &effectiveWriter{report: r, only: different}
	err := w.entries(r.root.children, "", "")
	return w.out.Bytes(), err
}

// differs adds e and the entries below it that differ from their defaults, and
// reports whether there are any.
func (r *Report) differs(e *entry, all map[*entry]bool) (found bool, err error) {
	if e.shape != group {
		text, err := e.text()
		if err != nil {
			return false, err
		}
		found = r.mark(e, text) != ""
	}
	for _, c := range e.children {
		below, err := r.differs(c, all)
		if err != nil {
			return false, err
		}
		found = found || below
	}
	if found {
		all[e] = true
	}
	return found, nil
}

type effectiveWriter struct {
	report *Report // nil for elements of lists, which have no defaults to compare with
	out    bytes.Buffer
	only   map[*entry]bool // nil for all
}

// entries writes one entry after the other, the first after lead and the others
// after indent. What is empty of elements is left out: where an optional text is of a
// form of its own, as a hash is, the empty one cannot be read again.
func (w *effectiveWriter) entries(all []*entry, lead, indent string) error {
	all = slices.DeleteFunc(slices.Clone(all), func(e *entry) bool { return e.unset() || w.report == nil && e.empty() || w.only != nil && !w.only[e] })
	if len(all) == 0 {
		w.out.WriteString(lead + "{}\n")
	}
	for i, e := range all {
		if i > 0 {
			lead = indent
		}
		w.out.WriteString(lead + e.name + ":")
		if err := w.value(e, indent); err != nil {
			return err
		}
	}
	return nil
}

func (w *effectiveWriter) value(e *entry, indent string) error {
	switch {
	case e.shape == group && len(e.children) == 0:
		w.out.WriteString(" {}\n")
		return nil
	case e.shape == group:
		w.out.WriteString("\n")
		return w.entries(e.children, indent+"  ", indent+"  ")
	}
	text, err := e.text()
	if err != nil {
		return err
	}
	mark := ""
	if w.report != nil {
		mark = w.report.mark(e, text)
	}
	if e.shape != groups || e.value.Len() == 0 {
		w.out.WriteString(" " + text + mark + "\n")
		return nil
	}
	w.out.WriteString(mark + "\n" + indentLines(text, indent+"  "))
	return nil
}

// mark returns the comment for a value that is not its default, else "".
func (r *Report) mark(e *entry, text string) string {
	was := r.defaults[e.key]
	origin, set := r.origins[e.key]
	hidden := text == yamlString(Hidden)
	if text == was && (!hidden || !set) {
		return ""
	}
	var parts []string
	if !hidden && was != "" {
		if strings.Contains(was, "\n") {
			was = "another list"
		}
		parts = append(parts, "default: "+was)
	}
	if set {
		parts = append(parts, "set by "+origin.String())
	}
	if len(parts) == 0 {
		return ""
	}
	return " # " + strings.Join(parts, ", ")
}

// texts returns the text of every entry that is not a group, by key.
func texts(root *entry) (map[string]string, error) {
	all := map[string]string{}
	var failed error
	root.walk(func(e *entry) {
		if e.shape == group {
			return
		}
		text, err := e.text()
		if err != nil {
			failed = err
		}
		all[e.key] = text
	})
	return all, failed
}

// text returns the value of an entry that is not a group. Lists of groups that
// are not empty take several lines, everything else one.
func (e *entry) text() (string, error) {
	text, err := e.valueText()
	if err != nil {
		return "", fmt.Errorf("%s: %w", e.key, err)
	}
	return text, nil
}

func (e *entry) valueText() (string, error) {
	if e.shape == scalar {
		return scalarText(e.value)
	}
	if e.value.Len() == 0 {
		return "[]", nil
	}
	if e.shape == list {
		items := make([]string, e.value.Len())
		for i := range items {
			var err error
			if items[i], err = scalarText(e.value.Index(i)); err != nil {
				return "", err
			}
		}
		return "[" + strings.Join(items, ", ") + "]", nil
	}
	items, err := e.items()
	if err != nil {
		return "", err
	}
	w := &effectiveWriter{}
	for _, item := range items {
		if err := w.entries(item.children, "- ", "  "); err != nil {
			return "", err
		}
	}
	return w.out.String(), nil
}

// indentLines returns text, whose lines all end in a line feed, indented.
func indentLines(text, indent string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(indent + line)
	}
	return b.String()
}

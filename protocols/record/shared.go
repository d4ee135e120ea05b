package record

import (
	"fmt"
	"strings"
	"time"

	"github.com/weirmedia/weir/pkg/streamname"
)

// maxExamples bounds how many streams are tried, each of which is looked up in all rules.
const maxExamples = 2000

// sharedNames names rules by which files of different streams may have the same path. It
// tries streams that are like the patterns: what is not found so is told apart by numbers,
// as all files of one name are.
func (c *Config) sharedNames() (warnings []string) {
	type owner struct {
		rule   int
		stream string
	}
	owners := make(map[string]owner) // by path
	told := make(map[[2]int]bool)
	for _, stream := range c.examples() {
		o, _ := c.orderFor(stream, StartOptions{})
		path, err := o.name.fill(fields{stream: stream, captures: o.captures, start: time.UnixMilli(0), n: 1})
		if err != nil {
			continue // no stream is like this
		}
		path += "." + string(o.format)
		own := owner{c.ruleOf(stream), stream}
		other, taken := owners[path]
		if !taken {
			owners[path] = own
			continue
		}
		if other.rule > own.rule {
			other, own = own, other
		}
		if pair := [2]int{other.rule, own.rule}; other.rule != own.rule && !told[pair] {
			told[pair] = true
			warnings = append(warnings, fmt.Sprintf("streams[%d].name: files of %q may have the same names as those of %q, by streams[%d]: numbers will tell them apart",
				own.rule, own.stream, other.stream, other.rule))
		}
	}
	return warnings
}

// examples returns streams that the rules are for, with each word in place of what the
// patterns leave open that stands in a pattern or template.
func (c *Config) examples() (streams []string) {
	words, known := []string{"x"}, map[string]bool{"x": true}
	add := func(path string) {
		for part := range strings.SplitSeq(path, "/") {
			if !strings.ContainsAny(part, "*{") && !known[part] {
				known[part] = true
				words = append(words, part)
			}
		}
	}
	names := make(map[Template]bool)
	for _, r := range c.Streams {
		name := streamname.Or(r.Name, c.Name)
		names[name] = true
		add(string(name))
		for _, p := range r.Streams {
			add(p.String())
		}
	}
	if len(names) == 1 && strings.Contains(string(streamname.Or(c.Streams[0].Name, c.Name)), "{name}") {
		return nil // it tells all streams apart
	}
	seen := make(map[string]bool)
	for _, word := range words {
		for _, r := range c.Streams {
			for _, p := range r.Streams {
				stream := example(p, word)
				if len(streams) < maxExamples && !seen[stream] && streamname.CheckPublish(stream) == nil {
					seen[stream] = true
					streams = append(streams, stream)
				}
			}
		}
	}
	return streams
}

// example returns a stream that p matches.
func example(p streamname.Pattern, word string) string {
	parts := strings.Split(p.String(), "/")
	for i, part := range parts {
		if strings.ContainsAny(part, "*{") {
			parts[i] = word
		}
	}
	return strings.Join(parts, "/")
}

// ruleOf returns the index of the rule that counts for a stream.
func (c *Config) ruleOf(stream string) int {
	for i := range c.Streams {
		if _, _, ok := streamname.MatchRule(c.Streams[i:i+1], stream); ok {
			return i
		}
	}
	return -1
}

package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Origin says where a value or a problem comes from. The zero Origin stands for
// a default.
type Origin struct {
	// File, Line and Column are a place in the file; the first line and column
	// are 1. Columns count characters.
	File         string
	Line, Column int
	// Overlay tells that the file is the overlay.
	Overlay bool
	// Variable is the name of an environment variable.
	Variable string
}

// String returns "weir.yaml:3:5", "WEIR_RTMP_LISTEN" or "".
func (o Origin) String() string {
	switch {
	case o.Variable != "":
		return o.Variable
	case o.Line > 0:
		return fmt.Sprintf("%s:%d:%d", o.File, o.Line, o.Column)
	}
	return o.File
}

// Problem is one thing wrong with the configuration.
type Problem struct {
	Origin Origin
	// Key is the full name of the key, such as "rtmp.chunk_size" or
	// "auth.users[2].name"; empty if the problem is not with one key.
	Key string
	// Err says what is wrong. It is worded to follow the key.
	Err error
}

// Error returns the place, the key and what is wrong with it, such as
// "weir.yaml:3:5: rtmp.chunk_size: must be 128..65536, is 7".
func (p *Problem) Error() string {
	var b strings.Builder
	for _, part := range []string{p.Origin.String(), p.Key} {
		if part != "" {
			b.WriteString(part + ": ")
		}
	}
	return b.String() + p.Err.Error()
}

// Field returns the full name of the key that the problem is about, also where only
// the text of Err tells it; empty if it is about none.
func (p *Problem) Field() string {
	if p.Key != "" {
		return p.Key
	}
	key, _, _ := strings.Cut(p.Err.Error(), ":")
	if strings.ContainsAny(key, " \n") || !strings.Contains(key, ".") {
		return ""
	}
	return key
}

// Unwrap returns Err.
func (p *Problem) Unwrap() error { return p.Err }

// Problems are all that is wrong with the configuration: those of the file in
// the order of its lines, those of the overlay likewise, those of the environment,
// then the others.
type Problems []*Problem

// maxShown bounds an error's text. A file that is no configuration at all has a
// problem in every line, and nobody reads further than this.
const maxShown = 20

// Error returns one line per problem, at most maxShown of them.
func (p Problems) Error() string {
	lines := make([]string, 0, min(len(p), maxShown+1))
	for i, problem := range p {
		if i == maxShown {
			lines = append(lines, fmt.Sprintf("and %d more", len(p)-maxShown))
			break
		}
		lines = append(lines, problem.Error())
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the single problems.
func (p Problems) Unwrap() []error {
	errs := make([]error, len(p))
	for i, problem := range p {
		errs[i] = problem
	}
	return errs
}

func (p Problems) sort() {
	rank := func(o Origin) int {
		switch {
		case o.Line > 0 && !o.Overlay:
			return 0
		case o.Line > 0:
			return 1
		case o.Variable != "":
			return 2
		}
		return 3
	}
	slices.SortStableFunc(p, func(a, b *Problem) int {
		return cmp.Or(
			cmp.Compare(rank(a.Origin), rank(b.Origin)),
			cmp.Compare(a.Origin.Line, b.Origin.Line),
			cmp.Compare(a.Origin.Column, b.Origin.Column),
			cmp.Compare(a.Origin.Variable, b.Origin.Variable),
		)
	})
}

// quote returns a foreign text for an error: quoted, so that control characters
// cannot disturb a terminal, and cut to a length that keeps the line readable.
func quote(s string) string {
	const limit = 64
	if len(s) <= limit {
		return strconv.Quote(s)
	}
	cut := limit
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return strconv.Quote(s[:cut]) + "..."
}

// Nearest returns the candidate that s was most likely meant to be, or "" if
// none is near.
func Nearest(s string, candidates []string) string {
	best, bestDistance := "", len(s)/3+1
	for _, candidate := range candidates {
		if abs(len(candidate)-len(s)) > bestDistance {
			continue
		}
		if d := distance(s, candidate); d < bestDistance || d == bestDistance && best == "" {
			best, bestDistance = candidate, d
		}
	}
	return best
}

func abs(n int) int { return max(n, -n) }

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b (optimal string alignment), by bytes.
func distance(a, b string) int {
	var before, last, row []int
	for j := range len(b) + 1 {
		last = append(last, j)
	}
	for i := 1; i <= len(a); i++ {
		row = append(make([]int, 0, len(b)+1), i)
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, before[j-2]+1)
			}
			row = append(row, d)
		}
		before, last = last, row
	}
	return last[len(b)]
}

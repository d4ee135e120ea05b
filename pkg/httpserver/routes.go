package httpserver

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/streamname"
)

// StreamHandler serves one form of a stream. The name is decoded and valid; the
// stream need not exist.
type StreamHandler func(w http.ResponseWriter, r *http.Request, stream string)

// BelowHandler serves what lies below a stream. The name is as for
// StreamHandler; rest is decoded and has no segment that is empty, "." or "..".
type BelowHandler func(w http.ResponseWriter, r *http.Request, stream, rest string)

// table maps paths to handlers. It is filled before the server starts and only
// read afterwards. Paths are never cleaned and never redirected: encoders and
// players follow no redirect, and a name with a "." or an empty segment is an
// error to be told.
type table struct {
	exact    map[string]http.Handler
	subtrees []subtree // longest first
	marked   []infix
	suffixes []suffix // longest first
	infixes  []infix
}

type subtree struct {
	prefix  string // ends in "/"
	handler http.Handler
}

type suffix struct {
	text    string
	handler StreamHandler
}

type infix struct {
	text    string // starts and ends in "/"
	handler BelowHandler
}

// Handle serves a fixed path, or with a trailing slash all below it and the
// path without the slash too; "/" is itself only. Fixed paths go before
// suffixes. Call it before Start; a pattern that is taken or does not start
// with "/" panics.
func (s *Server) Handle(pattern string, h http.Handler) {
	t := &s.table
	if !strings.HasPrefix(pattern, "/") || t.exact[pattern] != nil {
		panic("httpserver: bad or double pattern " + pattern)
	}
	t.exact[pattern] = h
	if pattern == "/" || !strings.HasSuffix(pattern, "/") {
		return
	}
	t.exact[strings.TrimSuffix(pattern, "/")] = h
	t.subtrees = append(t.subtrees, subtree{pattern, h})
	slices.SortFunc(t.subtrees, func(a, b subtree) int { return cmp.Compare(len(b.prefix), len(a.prefix)) })
}

// HandleAlways is Handle for what must be reached when http.max_connections are open:
// by who watches over the server, not by viewers.
func (s *Server) HandleAlways(pattern string, h http.Handler) { s.Handle(pattern, always{h}) }

type always struct{ http.Handler }

// HandleSuffix serves every path that ends in text, such as ".flv" or
// "/index.m3u8"; what stands before it is the stream's name. The longest suffix
// wins. Call it before Start; a suffix that is taken panics.
func (s *Server) HandleSuffix(text string, h StreamHandler) {
	t := &s.table
	if text == "" || slices.ContainsFunc(t.suffixes, func(x suffix) bool { return x.text == text }) {
		panic("httpserver: empty or double suffix " + text)
	}
	t.suffixes = append(t.suffixes, suffix{text, h})
	slices.SortFunc(t.suffixes, func(a, b suffix) int { return cmp.Compare(len(b.text), len(a.text)) })
}

// HandleInfix serves every path that holds text, such as "/~hls/" or "/whip/";
// what stands before its last occurrence is the stream's name, and something
// must stand behind it. A text that starts with "/~", which no published name has,
// goes before suffixes, others after. Call it before Start; a text that is taken
// or does not start and end with "/" panics.
func (s *Server) HandleInfix(text string, h BelowHandler) {
	t := &s.table
	taken := func(x infix) bool { return x.text == text }
	if len(text) < 3 || text[0] != '/' || text[len(text)-1] != '/' || slices.ContainsFunc(t.marked, taken) || slices.ContainsFunc(t.infixes, taken) {
		panic("httpserver: bad or double infix " + text)
	}
	if strings.HasPrefix(text, "/~") {
		t.marked = append(t.marked, infix{text, h})
	} else {
		t.infixes = append(t.infixes, infix{text, h})
	}
}

// fixed returns the handler of a fixed path, or nil.
func (t *table) fixed(path string) http.Handler {
	if h := t.exact[path]; h != nil {
		return h
	}
	for _, x := range t.subtrees {
		if strings.HasPrefix(path, x.prefix) {
			return x.handler
		}
	}
	return nil
}

// stream returns the handler of a stream's form and the text of the name, or
// nil.
func (t *table) stream(path string) (StreamHandler, string) {
	if h, name := below(t.marked, path); h != nil {
		return h, name
	}
	for _, x := range t.suffixes {
		if name, ok := strings.CutSuffix(path, x.text); ok {
			return x.handler, strings.TrimPrefix(name, "/")
		}
	}
	return below(t.infixes, path)
}

// below returns the handler of what lies below a stream and the text of the
// name, or nil.
func below(list []infix, path string) (StreamHandler, string) {
	for _, x := range list {
		i := strings.LastIndex(path, x.text)
		if i < 0 {
			continue
		}
		rest := path[i+len(x.text):]
		if slices.ContainsFunc(strings.Split(rest, "/"), func(s string) bool { return s == "" || s == "." || s == ".." }) {
			return nil, ""
		}
		return func(w http.ResponseWriter, r *http.Request, stream string) { x.handler(w, r, stream, rest) },
			strings.TrimPrefix(path[:i], "/")
	}
	return nil, ""
}

// streamName checks the text of a name in a path. An encoded slash is refused:
// once decoded it would look like a border between segments, and proxies
// disagree about it.
func streamName(r *http.Request, text string) (string, *Error) {
	if strings.Contains(strings.ToLower(r.URL.EscapedPath()), "%2f") {
		return "", &Error{Code: string(reason.BadName), Message: "a segment of a stream name must not hold an encoded slash", Field: "name"}
	}
	name, err := streamname.Parse(text)
	if err != nil {
		return "", &Error{Code: string(reason.BadName), Message: err.Error(), Field: "name"}
	}
	if name != text { // Parse forgives slashes at the ends, but a stream has one address only
		return "", &Error{Code: string(reason.BadName), Message: "the stream name has an empty segment", Field: "name"}
	}
	return name, nil
}

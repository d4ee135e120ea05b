// Package web serves the console: a page, written in TypeScript in this
// folder, that lists the streams and plays them. `npm run build` puts it into
// dist, which is embedded; without it a placeholder tells how to build it.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed all:dist
var dist embed.FS

//go:embed placeholder.html
var placeholder []byte

// contentSecurityPolicy lets the page load nothing that this server does not
// serve. The player needs blob: for its Media Source and for its worker.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
	"connect-src 'self'; media-src 'self' blob:; worker-src 'self' blob:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// The build puts a hash of the content into the names of assets, so that a
// name never means anything else. The page itself is asked for each time, and so
// is the player that pages of others embed: its name is a promise to them.
const (
	embedded   = "assets/weir-player.js"
	cacheAsset = "public, max-age=31536000, immutable"
	cachePage  = "no-cache"
)

// gzipMin is the size in bytes below which compressing saves no packet.
const gzipMin = 1400

// Handler returns the console: the page at "/" and its parts below "/assets/".
// Everything else is 404, other methods than GET and HEAD are 405. It is safe
// for concurrent use.
func Handler() http.Handler {
	built, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(fmt.Sprintf("web: %v", err)) // "dist" is a valid path
	}
	h, err := newHandler(built)
	if err != nil {
		panic(fmt.Sprintf("web: embedded console: %v", err)) // embedded files cannot fail to be read
	}
	return h
}

// handler maps request paths to files. It is immutable.
type handler map[string]*file

func newHandler(built fs.FS) (handler, error) {
	h := handler{}
	page, err := fs.ReadFile(built, "index.html")
	if err != nil {
		page = placeholder
	}
	h["/"] = newFile("index.html", page, cachePage)
	assets, err := fs.Glob(built, "assets/*")
	if err != nil {
		return nil, err
	}
	for _, name := range assets {
		content, err := fs.ReadFile(built, name)
		if err != nil {
			return nil, err
		}
		cache := cacheAsset
		if name == embedded {
			cache = cachePage
		}
		h["/"+name] = newFile(name, content, cache)
	}
	return h, nil
}

func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", contentSecurityPolicy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	f, ok := h[r.URL.Path]
	switch {
	case !ok:
		header.Set("Cache-Control", "no-store")
		http.Error(w, "not found", http.StatusNotFound)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	default:
		if f.shared() {
			header.Set("Access-Control-Allow-Origin", "*")
		}
		f.serve(w, r)
	}
}

// file is one file of the console. It is immutable.
type file struct {
	name, contentType, cache string
	content                  []byte
	hash                     string
	// compressed is nil if compressing does not help.
	compressed func() []byte
}

func newFile(name string, content []byte, cache string) *file {
	sum := sha256.Sum256(content)
	f := &file{
		name:        name,
		contentType: contentType(name),
		cache:       cache,
		content:     content,
		hash:        base64.RawURLEncoding.EncodeToString(sum[:12]),
	}
	if len(content) >= gzipMin && compressible(f.contentType) {
		// On first demand: most servers run without anybody at the console.
		f.compressed = sync.OnceValue(func() []byte { return compress(content) })
	}
	return f
}

// shared reports whether pages of other origins may read the file: what the
// embedded player loads is a module, for which browsers want the server's leave
// (Fetch Standard, 3.2). Whether they may play is http.allow_origin's business.
func (f *file) shared() bool { return strings.HasPrefix(f.name, "assets/") }

func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", f.contentType)
	header.Set("Cache-Control", f.cache)
	content, tag := f.content, f.hash
	if f.compressed != nil {
		header.Add("Vary", "Accept-Encoding")
		if acceptsGzip(r.Header.Values("Accept-Encoding")) {
			// An entity tag names the bytes that are sent (RFC 9110, 8.8.3).
			content, tag = f.compressed(), f.hash+"-gzip"
			header.Set("Content-Encoding", "gzip")
		}
	}
	header.Set("ETag", strconv.Quote(tag))
	http.ServeContent(w, r, f.name, time.Time{}, bytes.NewReader(content))
}

// contentType does not ask the operating system's tables first, which say odd
// things about scripts on some machines.
func contentType(name string) string {
	switch ext := path.Ext(name); ext {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".html":
		return "text/html; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	default:
		if t := mime.TypeByExtension(ext); t != "" {
			return t
		}
		return "application/octet-stream"
	}
}

func compressible(contentType string) bool {
	return strings.HasPrefix(contentType, "text/") || contentType == "image/svg+xml"
}

func compress(content []byte) []byte {
	var out bytes.Buffer
	zip, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		panic(fmt.Sprintf("web: %v", err)) // the level is valid
	}
	// A buffer takes every write.
	_, _ = zip.Write(content)
	_ = zip.Close()
	return out.Bytes()
}

// acceptsGzip reads Accept-Encoding (RFC 9110, 12.5.3) as far as gzip goes: it
// must be named, and not with a weight of zero.
func acceptsGzip(values []string) bool {
	for _, value := range values {
		for item := range strings.SplitSeq(value, ",") {
			coding, params, _ := strings.Cut(item, ";")
			if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
				continue
			}
			weight, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(params)), "q=")
			q, err := strconv.ParseFloat(weight, 64)
			return !ok || err != nil || q > 0
		}
	}
	return false
}

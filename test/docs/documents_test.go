// Package docs checks what the documents say: links lead somewhere, samples run
// against the built program, lists are those of the code.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

// document is a Markdown file.
type document struct {
	path   string // relative to root, with slashes
	prose  string // without code blocks
	blocks []block
}

// block is a fenced code block.
type block struct {
	line     int // of the fence
	language string
	words    []string // after the language
	text     string
}

func (b block) has(word string) bool {
	for _, w := range b.words {
		if w == word {
			return true
		}
	}
	return false
}

// documents returns all Markdown files of the repository.
func documents(t *testing.T) []document {
	t.Helper()
	var out []document
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch name := filepath.Base(path); {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "testdata" || name == "dist" || name == "bin"):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(name) != ".md":
			return nil
		}
		relative, err := filepath.Rel(root, path)
		if err == nil {
			out = append(out, readDocument(t, filepath.ToSlash(relative)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func readDocument(t *testing.T, path string) document {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	d := parse(string(text))
	d.path = path
	return d
}

// fence matches the line that begins or ends a code block.
var fence = regexp.MustCompile("^ *```+ *(.*?) *$")

func parse(text string) document {
	var d document
	var prose strings.Builder
	var open *block
	for i, line := range strings.Split(text, "\n") {
		info := fence.FindStringSubmatch(line)
		switch {
		case info != nil && open == nil:
			open = &block{line: i + 1}
			if words := strings.Fields(info[1]); len(words) > 0 {
				open.language, open.words = words[0], words[1:]
			}
		case info != nil:
			d.blocks = append(d.blocks, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		default:
			prose.WriteString(line + "\n")
		}
	}
	d.prose = prose.String()
	return d
}

func TestParse(t *testing.T) {
	d := parse("# A\n```sh test\necho [x](y)\n```\n[a](b)\n```\nplain\n```\n")
	if len(d.blocks) != 2 || strings.Contains(d.prose, "echo") || !strings.Contains(d.prose, "[a](b)") {
		t.Fatalf("parsed as %+v", d)
	}
	if b := d.blocks[0]; b.line != 2 || b.language != "sh" || !b.has("test") || b.has("endless") || b.text != "echo [x](y)\n" {
		t.Errorf("the first block is %+v", b)
	}
	if b := d.blocks[1]; b.language != "" || b.text != "plain\n" {
		t.Errorf("the second block is %+v", b)
	}
}

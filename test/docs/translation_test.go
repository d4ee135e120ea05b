package docs

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	tableRow = regexp.MustCompile(`(?m)^\|.*$`)
	word     = regexp.MustCompile("`[^`]+`|[A-Za-z0-9][A-Za-z0-9.-]*[A-Za-z0-9]|[0-9]")
)

// translated are the words of the English tables that are no names: programs,
// protocols and versions are written alike in every language.
const translated = " Recording Relay and as by files fragmented in out player protocol the too with "

// TestTranslation: the Chinese README has the headings, samples and links of the
// English one, and its tables name the same protocols and clients.
func TestTranslation(t *testing.T) {
	english, chinese := readDocument(t, "README.md"), readDocument(t, "README.zh-CN.md")
	for _, problem := range differences(english, chinese) {
		t.Errorf("README.md and README.zh-CN.md have other %s", problem)
	}
}

// differences tells in what one of two documents that should be alike, but for their
// language, has something else.
func differences(a, b document) (out []string) {
	note := func(what string, same bool) {
		if !same {
			out = append(out, what)
		}
	}
	levels := regexp.MustCompile(`(?m)^#+ `)
	note("headings", slices.Equal(levels.FindAllString(a.prose, -1), levels.FindAllString(b.prose, -1)))
	note("samples", slices.EqualFunc(a.blocks, b.blocks, func(x, y block) bool {
		return x.language == y.language && x.text == y.text && slices.Equal(x.words, y.words)
	}))
	note("links", maps.Equal(links(a), links(b)))
	rowsA, rowsB := tableRow.FindAllString(a.prose, -1), tableRow.FindAllString(b.prose, -1)
	note("tables", slices.EqualFunc(rowsA, rowsB, func(x, y string) bool { return maps.Equal(names(x), names(y)) }))
	return out
}

// links counts the places that a document leads to, but for its other language.
func links(d document) map[string]int {
	out := map[string]int{}
	for _, found := range link.FindAllStringSubmatch(d.prose, -1) {
		if !strings.HasPrefix(found[1], "README") {
			out[found[1]]++
		}
	}
	return out
}

// names counts the names in a row of a table.
func names(row string) map[string]int {
	out := map[string]int{}
	for _, w := range word.FindAllString(row, -1) {
		if !strings.Contains(translated, " "+w+" ") {
			out[w]++
		}
	}
	return out
}

func TestDifferences(t *testing.T) {
	const original = "# A\n[x](x.md)\n```sh test\necho\n```\n| in | VLC and ffmpeg 5.1 |\n"
	tests := []struct {
		name, translation string
		want              []string
	}{
		{"alike", "# 甲\n[甲](x.md)\n```sh test\necho\n```\n| 甲 | ffmpeg 5.1、VLC |\n", nil},
		{"a heading less", "[甲](x.md)\n```sh test\necho\n```\n| 甲 | VLC、ffmpeg 5.1 |\n", []string{"headings"}},
		{"another sample", "# 甲\n[甲](x.md)\n```sh test\nls\n```\n| 甲 | VLC、ffmpeg 5.1 |\n", []string{"samples"}},
		{"a sample that is not run", "# 甲\n[甲](x.md)\n```sh builds\necho\n```\n| 甲 | VLC、ffmpeg 5.1 |\n", []string{"samples"}},
		{"another link", "# 甲\n[甲](y.md)\n```sh test\necho\n```\n| 甲 | VLC、ffmpeg 5.1 |\n", []string{"links"}},
		{"a row less", "# 甲\n[甲](x.md)\n```sh test\necho\n```\n", []string{"tables"}},
		{"a client less", "# 甲\n[甲](x.md)\n```sh test\necho\n```\n| 甲 | ffmpeg 5.1 |\n", []string{"tables"}},
		{"another version", "# 甲\n[甲](x.md)\n```sh test\necho\n```\n| 甲 | VLC、ffmpeg 9 |\n", []string{"tables"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := differences(parse(original), parse(tt.translation)); !slices.Equal(got, tt.want) {
				t.Errorf("differences: %q, want %q", got, tt.want)
			}
		})
	}
}

package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/auth"
)

func TestHash(t *testing.T) {
	run := func(digest, input string) (string, error) {
		var out bytes.Buffer
		err := (&hashCommand{Digest: digest}).Run(&console{in: strings.NewReader(input), out: &out})
		return strings.TrimSuffix(out.String(), "\n"), err
	}
	text, err := run("", "secret\r\nmore")
	if err != nil {
		t.Fatal(err)
	}
	if h, err := auth.ParsePasswordHash(text); err != nil || !h.Verify("secret") {
		t.Errorf("%q: %v", text, err)
	}
	if text, err = run("ann", "secret\n"); err != nil {
		t.Fatal(err)
	}
	if h, err := auth.ParseHA1(text); err != nil || !h.Verify("ann", "secret") {
		t.Errorf("%q: %v", text, err)
	}
	for _, bad := range [][2]string{{"", ""}, {"ann", "\n"}, {"a:b", "secret"}, {"ann", strings.Repeat("x", maxPassword+1)}} {
		if text, err := run(bad[0], bad[1]); err == nil || text != "" {
			t.Errorf("%.9q, %.9q: %q, %v", bad[0], bad[1], text, err)
		}
	}
}

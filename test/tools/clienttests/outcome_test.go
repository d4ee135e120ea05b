package main

import (
	"io"
	"strings"
	"testing"
)

// TestWorthAnotherTry: few failures are tried again; races, panics, broken
// packages and many failures are not.
func TestWorthAnotherTry(t *testing.T) {
	failure := func(name string) string {
		return `{"Action":"output","Package":"p","Test":"` + name + `","Output":"told why\n"}
{"Action":"fail","Package":"p","Test":"` + name + `/sub","Elapsed":1}
{"Action":"fail","Package":"p","Test":"` + name + `","Elapsed":2}
`
	}
	end := `{"Action":"output","Package":"p","Output":"FAIL\n"}
{"Action":"fail","Package":"p","Elapsed":2}
`
	tests := []struct{ name, lines, err string }{
		{"one", failure("TestA") + end, ""},
		{"two", failure("TestA") + failure("TestB") + end, "2 tests failed, more than"},
		{"race", `{"Action":"output","Package":"p","Test":"TestA","Output":"WARNING: DATA RACE\n"}` + "\n" + failure("TestA") + end, "DATA RACE"},
		{"panic", `{"Action":"output","Package":"p","Output":"panic: test timed out\n"}` + "\n" + failure("TestA") + end, "panic: test timed out"},
		{"package", end, "p failed as a whole"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			o, err := read(strings.NewReader(tt.lines), &out)
			if err != nil {
				t.Fatal(err)
			}
			failed, err := o.worthAnotherTry(1)
			if tt.err == "" {
				if err != nil || strings.Join(failed["p"], " ") != "TestA" {
					t.Errorf("tried again: %v, %v", failed, err)
				}
				if !strings.Contains(out.String(), "told why") {
					t.Errorf("printed %q", out.String())
				}
			} else if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v, want one with %q", err, tt.err)
			}
		})
	}
}

// TestPrintSaid: what failed tests said is told again, each in a line, without what
// others said and what processes printed.
func TestPrintSaid(t *testing.T) {
	lines := `{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:3: fine\n"}
{"Action":"pass","Package":"p","Test":"TestA","Elapsed":1}
{"Action":"output","Package":"p","Test":"TestB/sub","Output":"        b_test.go:12: got 3, want 4\n"}
{"Action":"output","Package":"p","Test":"TestB/sub","Output":"        c_test.go:9: a program printed:\n"}
{"Action":"fail","Package":"p","Test":"TestB/sub","Elapsed":1}
{"Action":"fail","Package":"p","Test":"TestB","Elapsed":1}
`
	o, err := read(strings.NewReader(lines), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	o.printSaid(&out)
	if got, want := out.String(), "TestB: b_test.go:12: got 3, want 4\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
}

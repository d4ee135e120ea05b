package stats

import (
	"os"
	"syscall"
	"testing"
)

// When none is left, that is what is told, and not that there are none.
func TestNoDescriptorIsLeft(t *testing.T) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	low := limit
	low.Cur = 100
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	var files []*os.File
	for {
		f, err := os.Open(os.DevNull)
		if err != nil {
			break
		}
		files = append(files, f)
	}
	open, listed := OpenFiles(), listDescriptors()
	for _, f := range files {
		f.Close()
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if open < 100 || listed < 100 {
		t.Errorf("with all of 100 in use, %d are told, and %d where they have to be listed", open, listed)
	}
}

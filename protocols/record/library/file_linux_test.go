package library

import (
	"syscall"
	"testing"
	"time"
)

// TestCheckWithoutDescriptors: a file that cannot be looked for since too many are open
// has not gone.
func TestCheckWithoutDescriptors(t *testing.T) {
	r := newRig(t)
	f := r.create("live/a", "a/1.mp4", day)
	r.write(f, "ff.")
	r.settled()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 0, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	check := f.Check()
	_, end := f.End(2*time.Second, "unpublished")
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if check != nil || end != nil {
		t.Errorf("%v, %v", check, end)
	}
	if got := r.files(Query{}); got != "a/1.mp4" {
		t.Error(got)
	}
}

// TestFree: the metrics tell the room on the disk, also before anything is written.
func TestFree(t *testing.T) {
	r, _ := retentionRig(t)
	if n := r.metric("weir_record_free_bytes"); n <= 0 {
		t.Errorf("%v bytes are free", n)
	}
}

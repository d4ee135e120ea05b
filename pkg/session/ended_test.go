package session

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/reason"
)

// The newest sessions that have ended are known, with why they did.
func TestEnded(t *testing.T) {
	r := NewRegistry(Options{})
	if got := r.Ended(); len(got) != 0 {
		t.Errorf("%d ended before any began", len(got))
	}
	for n := range keptEnded + 10 {
		s, err := r.Open(Info{Protocol: "rtmp", Action: Play, Stream: fmt.Sprint(n)}, func(reason.Reason) {})
		if err != nil {
			t.Fatal(err)
		}
		s.Counters().BytesOut.Add(uint64(n))
		s.Close(reason.NetworkError, errors.New(strings.Repeat("x", maxError+n)))
		if n == 0 {
			if got := r.Ended(); len(got) != 1 || got[0].ID != s.ID() || got[0].State != Ended || got[0].At.Before(got[0].Since) {
				t.Errorf("%+v", got)
			}
		}
	}
	killed, err := r.Open(Info{Stream: "killed"}, func(reason.Reason) {})
	if err != nil {
		t.Fatal(err)
	}
	if err := killed.Wait(); err != nil {
		t.Fatal(err)
	}
	r.Kill(killed.ID(), reason.Kicked)
	killed.Close(reason.NetworkError, errors.New("closed"))
	got := r.Ended()
	if len(got) != keptEnded {
		t.Fatalf("%d are remembered, want %d", len(got), keptEnded)
	}
	if e := got[0]; e.Stream != "killed" || e.Reason != reason.Kicked || e.Error != "" || e.State != Ended {
		t.Errorf("%+v", e)
	}
	for i, e := range got[1:] {
		if n := keptEnded + 9 - i; e.Stream != fmt.Sprint(n) || e.Reason != reason.NetworkError || len(e.Error) != maxError || e.BytesOut != uint64(n) {
			t.Fatalf("%d: %s, %s, %d bytes of error, %d bytes out", i, e.Stream, e.Reason, len(e.Error), e.BytesOut)
		}
	}
}

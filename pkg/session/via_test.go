package session

import (
	"slices"
	"testing"

	"github.com/weirmedia/weir/pkg/reason"
)

func TestVia(t *testing.T) {
	for _, agent := range []string{"weir", "LNX 9,0,124,2 (compatible; weir)", ""} {
		named := WithVia(agent, []string{"a", "b"})
		if got := (Info{Agent: named}).Via(); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("%q tells of %q", named, got)
		}
		if got := (Info{Agent: agent}).Via(); got != nil {
			t.Errorf("%q tells of %q", agent, got)
		}
	}
}

// TestLoop: what comes from this server, directly or not, is refused.
func TestLoop(t *testing.T) {
	r := NewRegistry(Options{})
	if other := NewRegistry(Options{}); r.Node() == other.Node() {
		t.Fatal("two servers have the same name")
	}
	for _, via := range [][]string{{r.Node()}, {"x", r.Node(), "y"}} {
		_, err := r.Open(Info{Protocol: "rtmp", Action: Play, Stream: "a", Agent: WithVia("weir", via)}, func(reason.Reason) {})
		if reason.Of(err, "") != reason.Loop {
			t.Errorf("via %q: %v", via, err)
		}
	}
	s, err := r.Open(Info{Protocol: "rtmp", Action: Play, Stream: "a", Agent: WithVia("weir", []string{"x"})}, func(reason.Reason) {})
	if err != nil {
		t.Fatal(err)
	}
	s.Close(reason.ClientClosed, nil)
}

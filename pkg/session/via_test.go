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

// TestLoop: a stream that comes from itself, directly or not, is refused; another of
// the same server is not.
func TestLoop(t *testing.T) {
	r := NewRegistry(Options{})
	if other := NewRegistry(Options{}); r.Mark("a") == other.Mark("a") || r.Mark("a") == r.Mark("b") {
		t.Fatal("two streams have the same mark")
	}
	open := func(via ...string) (*Session, error) {
		return r.Open(Info{Protocol: "rtmp", Action: Play, Stream: "a", Agent: WithVia("weir", via)}, func(reason.Reason) {})
	}
	for _, via := range [][]string{{r.Mark("a")}, {"x", r.Mark("a"), "y"}} {
		if _, err := open(via...); reason.Of(err, "") != reason.Loop {
			t.Errorf("via %q: %v", via, err)
		}
	}
	publisher := Info{Protocol: "rtmp", Action: Publish, Stream: "a", Agent: WithVia("weir", []string{r.Mark("b")})}
	if _, err := r.Open(publisher, func(reason.Reason) {}); reason.Of(err, "") != reason.Loop {
		t.Errorf("publishing: %v", err)
	}
	s, err := open("x", r.Mark("b"))
	if err != nil {
		t.Fatal(err)
	}
	s.Close(reason.ClientClosed, nil)
}

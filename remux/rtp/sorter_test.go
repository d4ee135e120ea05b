package rtp

import (
	"math/rand/v2"
	"slices"
	"testing"

	prtp "github.com/pion/rtp"
)

func TestSorter(t *testing.T) {
	type push struct {
		number uint16
		now    int64
		want   []uint16
	}
	for _, c := range []struct {
		name   string
		pushes []push
		want   SorterCounts
	}{
		{"in order, over the end of the numbers", []push{{65534, 1, []uint16{65534}}, {65535, 2, []uint16{65535}}, {0, 3, []uint16{0}}}, SorterCounts{}},
		{"two changed places", []push{{7, 1, []uint16{7}}, {9, 2, nil}, {8, 3, []uint16{8, 9}}}, SorterCounts{Reordered: 1}},
		{"twice", []push{{7, 1, []uint16{7}}, {9, 2, nil}, {9, 3, nil}, {7, 3, nil}, {8, 4, []uint16{8, 9}}}, SorterCounts{Reordered: 1, Late: 2}},
		{"lost", []push{{7, 1, []uint16{7}}, {9, 2, nil}, {10, 101, nil}, {11, 102, []uint16{9, 10, 11}}, {8, 103, nil}}, SorterCounts{Lost: 1, Late: 1}},
		{"two gaps wait each", []push{{1, 1, []uint16{1}}, {3, 2, nil}, {5, 50, nil}, {6, 102, []uint16{3}}, {4, 150, []uint16{4, 5, 6}}}, SorterCounts{Lost: 1, Reordered: 1}},
		{"two gaps are lost each", []push{{1, 1, []uint16{1}}, {3, 2, nil}, {5, 50, nil}, {6, 102, []uint16{3}}, {7, 149, nil}, {8, 150, []uint16{5, 6, 7, 8}}}, SorterCounts{Lost: 2}},
		{"two gaps are known at once", []push{{1, 1, []uint16{1}}, {5, 2, nil}, {3, 50, nil}, {6, 102, []uint16{3, 5, 6}}}, SorterCounts{Lost: 2, Reordered: 1}},
		{"another numbering", []push{{1, 1, []uint16{1}}, {3, 2, nil}, {5000, 3, []uint16{3, 5000}}, {5001, 4, []uint16{5001}}}, SorterCounts{Lost: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := NewSorter(100)
			for _, p := range c.pushes {
				var got []uint16
				for _, out := range s.Push(&prtp.Packet{Header: prtp.Header{SequenceNumber: p.number}}, p.now) {
					got = append(got, out.SequenceNumber)
				}
				if !slices.Equal(got, p.want) {
					t.Errorf("%d at %d: %v, want %v", p.number, p.now, got, p.want)
				}
			}
			if s.Counts() != c.want {
				t.Errorf("%+v, want %+v", s.Counts(), c.want)
			}
		})
	}
}

// A source that counts anew, from a lower number, is followed after a while.
func TestSorterCountsAnew(t *testing.T) {
	s := NewSorter(100)
	push := func(number uint16) int {
		return len(s.Push(&prtp.Packet{Header: prtp.Header{SequenceNumber: number}}, 0))
	}
	push(30000)
	for n := range maxLateRun {
		if push(uint16(n)) != 0 {
			t.Fatalf("packet %d was taken for one in its turn", n)
		}
	}
	if push(maxLateRun) != 1 || push(maxLateRun+1) != 1 {
		t.Error("the new numbers are not followed")
	}
}

// However many packets are lost for good, none that came waits longer than patience:
// whatever is older has left with the packet before. All lost ones are counted.
func TestSorterSteadyLoss(t *testing.T) {
	const (
		patience = 400
		interval = 2
		sent     = 10000
	)
	for name, loss := range map[string]float64{"2 %": 0.02, "10 %": 0.1, "50 %": 0.5} {
		t.Run(name, func(t *testing.T) {
			s := NewSorter(patience)
			random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same each time
			var lost uint64
			var waiting []int64 // when those arrived that have not left
			first := uint16(65000)
			for n := range int64(sent + patience/interval + 1) {
				now := n * interval
				if n > 0 && n < sent && random.Float64() < loss {
					lost++
					continue
				}
				waiting = append(waiting, now)
				for _, out := range s.Push(&prtp.Packet{Header: prtp.Header{SequenceNumber: first + uint16(n)}}, now) {
					if out.SequenceNumber != first+uint16(waiting[0]/interval) {
						t.Fatalf("at %d came %d", now, out.SequenceNumber)
					}
					waiting = waiting[1:]
				}
				if len(waiting) > 0 && now-waiting[0] >= patience {
					t.Fatalf("at %d one waits since %d", now, waiting[0])
				}
			}
			if got := s.Counts(); got != (SorterCounts{Lost: lost}) || len(waiting) > 0 {
				t.Errorf("%+v, %d wait; %d were lost", got, len(waiting), lost)
			}
		})
	}
}

// What is waited for is known until it has come or is given up.
func TestSorterMissing(t *testing.T) {
	s := NewSorter(100)
	if got := s.Missing(); got != nil {
		t.Errorf("at first %v are missing", got)
	}
	for _, p := range []struct {
		number uint16
		now    int64
		want   []uint16
	}{
		{65533, 1, nil}, {65535, 2, []uint16{65534}}, {2, 50, []uint16{65534, 0, 1}}, {0, 60, []uint16{65534, 1}}, {3, 102, []uint16{1}}, {1, 103, nil},
	} {
		s.Push(&prtp.Packet{Header: prtp.Header{SequenceNumber: p.number}}, p.now)
		if got := s.Missing(); !slices.Equal(got, p.want) {
			t.Errorf("after %d: %v are missing, want %v", p.number, got, p.want)
		}
	}
}

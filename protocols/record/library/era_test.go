package library

import (
	"testing"
	"time"
)

// TestClockSetBack: what was recorded while the clock was ahead does not push out what is
// recorded since, and does not stay for ever.
func TestClockSetBack(t *testing.T) {
	r, m := retentionRig(t)
	now := time.Now().Truncate(time.Second) // headers of one length
	r.begun, r.opened = now.Add(-2*time.Hour), now.Add(-2*time.Hour).Round(0)
	size := r.add("live/a", "a/before.mp4", now.Add(-5*time.Hour), 2).Bytes
	r.add("live/a", "a/ahead.mp4", now.Add(1000*time.Hour), 2)
	r.add("live/b", "b/ahead.mp4", now.Add(1000*time.Hour), 2)
	r.add("live/a", "a/since.mp4", now.Add(-time.Hour), 2)
	r.keeps(Keep{Age: 3 * time.Hour}, 0)
	eventually(t, "retention by age", func() bool { return m.String() == "a/before.mp4" })
	r.add("live/a", "a/now.mp4", now.Add(-time.Minute), 2)
	r.keeps(Keep{Bytes: 2 * size}, 0)
	eventually(t, "retention of the stream", func() bool { return m.String() == "a/before.mp4 a/ahead.mp4" })
	r.keeps(Keep{}, 2*size)
	eventually(t, "retention of all", func() bool { return m.String() == "a/before.mp4 a/ahead.mp4 b/ahead.mp4" })
}

// TestAheadForLong: what was recorded before weir began is as old as weir at least,
// whatever the clock was then.
func TestAheadForLong(t *testing.T) {
	r, m := retentionRig(t)
	now := time.Now().Truncate(time.Second) // headers of one length
	r.begun, r.opened = now.Add(-4*time.Hour), now.Add(-4*time.Hour).Round(0)
	r.add("live/a", "a/ahead.mp4", now.Add(1000*time.Hour), 2)
	r.add("live/a", "a/old.mp4", now.Add(-190*time.Minute), 2)
	r.add("live/a", "a/young.mp4", now.Add(-time.Hour), 2)
	r.keeps(Keep{Age: 3 * time.Hour}, 0)
	eventually(t, "retention", func() bool { return m.String() == "a/ahead.mp4 a/old.mp4" })
}

// TestClockSetBackMeanwhile: what weir recorded before somebody set the clock back is older
// than what it recorded since.
func TestClockSetBackMeanwhile(t *testing.T) {
	r, m := retentionRig(t)
	now := time.Now().Truncate(time.Second)
	wrong := now.Add(1000 * time.Hour) // by the clock when weir began, two hours ago
	r.begun, r.opened = now.Add(-2*time.Hour), wrong.Round(0)
	size := r.add("live/a", "a/first.mp4", wrong.Add(time.Minute), 2).Bytes
	r.add("live/a", "a/later.mp4", wrong.Add(30*time.Minute), 2)
	r.add("live/a", "a/since.mp4", now.Add(-time.Minute), 2)
	r.keeps(Keep{Age: 100 * time.Minute, Bytes: 3 * size}, 0)
	eventually(t, "retention by age", func() bool { return m.String() == "a/first.mp4" })
	r.keeps(Keep{Bytes: size}, 0)
	eventually(t, "retention", func() bool { return m.String() == "a/first.mp4 a/later.mp4" })
}

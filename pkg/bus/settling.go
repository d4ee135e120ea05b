package bus

import "github.com/weirmedia/weir/pkg/av"

// settling is what a view knows of layouts that are not ready yet, and of the
// places where a publisher left. View.mu guards it.
//
// A publisher's first frames may come before all its tracks are known. Formats
// that must name all tracks at their start read with ReadSettled, which holds
// such frames back until a frame comes whose layout is ready or until the
// publisher leaves: then its tracks are those that it had.
type settling struct {
	open bool     // the frames from position from on are held back
	from uint64   // valid if open
	left []uint64 // ascending: a publisher left before the frame at this position
}

// note takes the newest frame of r into account.
func (s *settling) note(r *ring, l *av.Layout) {
	switch {
	case l.Ready:
		s.settle(r, l)
	case !s.open:
		s.open, s.from = true, r.head-1
	}
	for len(s.left) > 0 && s.left[0] < r.tail {
		s.left = append(s.left[:0], s.left[1:]...)
	}
}

// settle puts l in the place of the layouts that were not ready.
func (s *settling) settle(r *ring, l *av.Layout) {
	if !s.open {
		return
	}
	s.open = false
	for p := max(s.from, r.tail); p < r.head; p++ {
		r.at(p).layout = l
	}
}

// end returns the position after the last frame of r that is not held back.
func (s *settling) end(r *ring) uint64 {
	if s.open {
		return s.from
	}
	return r.head
}

// border returns the first place after pos where a publisher left, else end.
// at reports that pos is one.
func (s *settling) border(pos, end uint64) (next uint64, at bool) {
	for _, p := range s.left {
		if p == pos {
			at = true
		}
		if p > pos {
			return min(p, end), at
		}
	}
	return end, at
}

// ReadSettled is like Read but stops before frames whose layout is not ready.
// Once it is, or their publisher has left, Layout of their entries is the one
// that it settled on. The view's wakers are woken then.
func (v *View) ReadSettled(pos uint64, dst []Entry) (entries []Entry, first uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.ring.read(pos, v.settling.end(&v.ring), dst)
}

// readRun is like Read or, if settled is set, ReadSettled, but stops at the next
// place where a publisher left. left reports that pos is such a place. A holder
// has the entries until it releases them.
func (v *View) readRun(pos uint64, dst []Entry, settled bool, holder *Follower) (entries []Entry, first uint64, left bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	r, end := &v.ring, v.ring.head
	if settled {
		end = v.settling.end(r)
	}
	end, left = v.settling.border(pos, end)
	if holder == nil {
		entries, first = r.read(pos, end, dst)
	} else if entries, first = r.lend(pos, end, dst); len(entries) > 0 {
		holder.held = min(holder.held, first)
		r.held = min(r.held, holder.held)
	}
	if !settled {
		unsettle(entries)
	}
	return entries, first, left
}

// unsettle gives entries the layouts that their frames came with.
func unsettle(entries []Entry) {
	for i := range entries {
		entries[i].Layout = entries[i].Frame.Layout
	}
}

// settle ends the wait for tracks: what is held back goes out with layout l, or
// if it is nil with the newest layout.
func (v *View) settle(l *av.Layout) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.settleLocked(l)
}

func (v *View) settleLocked(l *av.Layout) {
	if !v.settling.open {
		return
	}
	if l == nil {
		ready := *v.ring.layout
		ready.Ready = true
		l = &ready
	}
	v.settling.settle(&v.ring, l)
}

// leave settles, and marks the place as one where a publisher left.
func (v *View) leave(l *av.Layout) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.settleLocked(l)
	s := &v.settling
	if n := len(s.left); v.ring.head > 0 && (n == 0 || s.left[n-1] < v.ring.head) {
		s.left = append(s.left, v.ring.head)
	}
}

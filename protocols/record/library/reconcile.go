package library

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/streamname"
	"github.com/weirmedia/weir/remux/mediafile"
)

// progressInterval is how often Open tells that it goes on.
const progressInterval = 10 * time.Second

// reconciliation brings the index in line with the files.
type reconciliation struct {
	library *Library
	root    *os.Root
	known   map[string]Segment // by file, those that were not met yet
	told    time.Time          // when progress was

	files, looked, mended, taken, dropped int
}

// reconcile takes over the segments that the index knows, as far as their files are
// there, and those of files that it does not know. No other goroutine runs yet.
func (l *Library) reconcile(known []Segment) {
	r := &reconciliation{library: l, known: make(map[string]Segment, len(known)), told: time.Now()}
	for _, s := range known {
		if old, again := r.known[s.File]; again { // somebody removed that file, and the name was free
			if s.Start.Before(old.Start) {
				s, old = old, s
			}
			r.drop(old)
		}
		r.known[s.File] = s
	}
	err := l.inside(func(root *os.Root) error {
		r.root = root
		r.walk()
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.log.Warn("the folder of recordings cannot be read", slog.Any("error", err))
	}
	for _, s := range r.known { // whose files have gone
		r.drop(s)
	}
	if r.looked+r.dropped > 0 {
		l.log.Info("the index of recordings is in line with the files", r.progress())
	}
	if l.overlay.dirty > 0 {
		wake(l.persist)
	}
	wake(l.retain)
}

// drop takes a segment out of the index.
func (r *reconciliation) drop(s Segment) {
	r.dropped++
	r.library.overlay.put(change{segment: s, removed: true})
}

func (r *reconciliation) progress() slog.Attr {
	return slog.Group("files", slog.Int("all", r.files), slog.Int("looked_at", r.looked), slog.Int("mended", r.mended),
		slog.Int("found", r.taken), slog.Int("gone", r.dropped))
}

// walk looks at all files. It does not follow symbolic links.
func (r *reconciliation) walk() {
	_ = fs.WalkDir(r.root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			r.library.log.Warn("a folder of recordings cannot be read", slog.Any("error", err))
			return nil
		}
		if entry.Type().IsRegular() && fs.ValidPath(name) && isMedia(name) {
			r.file(name, entry)
		}
		if time.Since(r.told) > progressInterval {
			r.told = time.Now()
			r.library.log.Info("the files of recordings are looked at", r.progress())
		}
		return nil
	})
}

// isMedia reports whether a file may be a recording by its name.
func isMedia(name string) bool {
	return slices.Contains(mediafile.Formats(), mediafile.Format(strings.TrimPrefix(path.Ext(name), ".")))
}

// file takes over one file.
func (r *reconciliation) file(name string, entry fs.DirEntry) {
	r.files++
	i, err := entry.Info()
	if err != nil {
		return // it has gone meanwhile
	}
	old, known := r.known[name]
	delete(r.known, name)
	if known && !old.Writing && !old.unfinished && i.Size() == old.Bytes {
		r.library.adopt(old)
		return
	}
	s, err := r.look(name, old, known)
	if known && (err != nil || s.ID != old.ID) {
		r.drop(old)
	}
	if err != nil {
		if known || !errors.Is(err, errNotOurs) && !errors.Is(err, errNoMedia) {
			r.library.log.Warn("a file is no recording that can be kept", slog.String("file", name), slog.Any("error", err))
		}
		return
	}
	r.library.adopt(s)
	r.library.overlay.put(change{segment: s})
}

// adopt counts a segment. No other goroutine runs yet.
func (l *Library) adopt(s Segment) {
	t := l.tally(s.Stream)
	t.segments++
	t.bytes += s.Bytes
	t.longest = max(t.longest, s.Duration)
}

var (
	errNotOurs = errors.New("the file does not say of what stream it is")
	errNoMedia = reason.Wrap(reason.BadMedia, errors.New("the file has no media"))
	errWritten = errors.New("another program writes it")
)

// look returns the segment of a file, which is mended if need be. What is known of it
// counts where the file says nothing.
func (r *reconciliation) look(name string, old Segment, known bool) (s Segment, err error) {
	r.looked++
	file, err := r.root.Open(name)
	if err != nil {
		return s, err
	}
	defer file.Close()
	i, err := file.Stat()
	if err != nil {
		return s, err
	}
	info, err := r.library.media.describe(file, i.Size())
	if err != nil {
		return s, err
	}
	s = Segment{Stream: info.Stream, File: name, Format: info.Format, Start: info.Start, Why: WhyFound}
	if known && s.Stream == "" {
		s.Stream, s.Start = old.Stream, old.Start
	}
	if s.Stream, err = streamname.Parse(s.Stream); err != nil || s.Start.IsZero() {
		return s, errNotOurs
	}
	s.identify()
	if known = known && s.ID == old.ID; known { // else somebody put it there
		s.Why = old.Why
	}
	if info.Duration <= 0 {
		return s, errNoMedia
	}
	if !info.Complete {
		mended, err := r.mend(name)
		switch {
		case err == nil:
			info = mended
		case errors.Is(err, errWritten), reason.Of(err, "") == reason.BadMedia:
			return s, err
		default: // of the file system, but what is whole can be read
			s.unfinished = true
			r.library.log.Warn("a recording cannot be mended", slog.String("file", name), slog.Any("error", err))
		}
		if i, err = file.Stat(); err != nil { // what it came to, also if only a part of that was done
			return s, err
		}
		if !known || !old.unfinished {
			s.Why = WhyInterrupted
		}
	} else if known && old.Writing {
		s.Why = WhyInterrupted // between the file's end and that of the segment
	}
	s.Duration, s.Bytes, s.Tracks = info.Duration, i.Size(), Names(info.Tracks)
	return s, nil
}

// mend makes a file whole whose writer was cut off, unless it is still written.
func (r *reconciliation) mend(name string) (info mediafile.Info, err error) {
	file, err := r.root.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return info, err
	}
	defer file.Close()
	if !lockFile(file) {
		return info, errWritten
	}
	i, err := file.Stat()
	if err != nil {
		return info, err
	}
	if info, err = r.library.media.mend(file, i.Size()); err != nil {
		return info, err
	}
	r.mended++
	return info, file.Sync()
}

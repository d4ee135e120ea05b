package probe

import (
	"os"
	"time"

	"github.com/weirmedia/weir/remux/mediafile"
)

// Recording is what a file that weir wrote says of itself.
type Recording struct {
	Stream string    `json:"stream"`
	Start  time.Time `json:"start"`
	// Seconds is how long it is, Complete whether its writer closed it. Of its Bytes
	// the first Good ones are whole.
	Seconds  float64 `json:"seconds"`
	Complete bool    `json:"complete"`
	Bytes    int64   `json:"bytes"`
	Good     int64   `json:"good_bytes"`
}

// recordingOf returns what a file says of itself, nil if weir did not write it.
func recordingOf(f *os.File) *Recording {
	stat, err := f.Stat()
	if err != nil || !stat.Mode().IsRegular() {
		return nil
	}
	info, err := mediafile.Describe(f, stat.Size())
	if err != nil || info.Stream == "" {
		return nil // what is wrong with it shows when its media are read
	}
	return &Recording{
		Stream: info.Stream, Start: info.Start, Seconds: seconds(int64(info.Duration)),
		Complete: info.Complete, Bytes: stat.Size(), Good: info.Good,
	}
}

// judge says whether the file is complete.
func (r *Recording) judge(n *notes) {
	if r != nil && !r.Complete {
		n.advise("not_complete", "weir mends the files of its library when it starts",
			"the recording is not complete: it is being written, or its writer was cut off; %d of %d bytes are whole", r.Good, r.Bytes)
	}
}

// recording prints the line about r, nil if there is nothing to say.
func (p *printer) recording(r *Recording) {
	if r == nil {
		return
	}
	complete := "complete"
	if !r.Complete {
		complete = "not complete"
	}
	p.line("Recorded", "%s, from %s, %.1f s, %s", printable(r.Stream), r.Start.Format("2006-01-02 15:04:05.000 MST"), r.Seconds, complete)
}

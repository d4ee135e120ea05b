package api

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/streamname"
)

// codeNoRecording says that there is no such recording, or none in a range.
const codeNoRecording = "recording_not_found"

// fileStall is for how long whoever fetches a file may take nothing.
const fileStall = 30 * time.Second

// What may be wrong with a request about recordings; what else may be has a reason.
var (
	ErrNoRecording  = errors.New("there is no such recording, or not any more")
	ErrBeingWritten = errors.New("the recording is being written")
)

// Recordings are files with what was recorded. It is safe for concurrent use. Errors
// are ErrNoRecording, ErrBeingWritten, those with reason.BadRequest or
// reason.Unsupported for what cannot be, or faults.
type Recordings interface {
	// List returns recordings by stream, then start, and whether there are more.
	List(q RecordingQuery) (list []RecordingInfo, more bool, err error)
	// Streams returns what there is of each stream, by name.
	Streams() ([]RecordedStreamInfo, error)
	// Free returns how many bytes there is room for; nil if that is not known.
	Free() *int64
	Get(id string) (RecordingInfo, error)
	// Open opens a file; hold is what the URI of a playlist said.
	Open(id, hold string) (RecordingFile, error)
	Remove(id string) error
	// Playlist returns HLS of what was recorded, with URIs that have the token unless
	// that is empty.
	Playlist(q RecordingQuery, token string) ([]byte, error)
}

// RecordingQuery chooses recordings: those of Stream, or of all if that is empty, that
// overlap [From, To), where zero times mean without bound.
type RecordingQuery struct {
	Stream   string
	From, To time.Time
	After    string // ID of the last of the page before
	Limit    int
}

// RecordingInfo is a recorded file as the API shows it.
type RecordingInfo struct {
	ID        string    `json:"id"`
	Stream    string    `json:"stream"`
	File      string    `json:"file"`   // path below the folder of recordings
	Format    string    `json:"format"` // mp4, flv or ts
	Start     time.Time `json:"start"`
	DurationS float64   `json:"duration_s"`
	Bytes     int64     `json:"bytes"`
	Writing   bool      `json:"writing"`
	Tracks    []string  `json:"tracks"` // such as "H264 1280x720"
	Why       string    `json:"why"`    // why it ended; empty while it is written
}

// RecordingFile is the content of a recording, which may grow while it is read.
type RecordingFile struct {
	RecordingContent
	Info        RecordingInfo
	ContentType string
}

// RecordingContent reads a file.
type RecordingContent interface {
	io.ReadSeekCloser
	io.ReaderAt
}

// RecordedStreamInfo is what there is of one stream.
type RecordedStreamInfo struct {
	Stream     string    `json:"stream"`
	Recordings int       `json:"recordings"`
	Bytes      int64     `json:"bytes"`
	From       time.Time `json:"from"`
	To         time.Time `json:"to"`
}

// RecordedInfo is what there is of all.
type RecordedInfo struct {
	Streams   []RecordedStreamInfo `json:"streams"`
	Bytes     int64                `json:"bytes"`
	FreeBytes *int64               `json:"free_bytes"` // nil if that is not known
}

// newRecordingQuery reads a query. An error is about the parameter field.
func newRecordingQuery(q url.Values) (r RecordingQuery, field string, err error) {
	r = RecordingQuery{Stream: q.Get("stream"), After: q.Get("after"), Limit: maxPage}
	if r.Stream != "" {
		if r.Stream, err = streamname.Parse(r.Stream); err != nil {
			return r, "stream", err
		}
	}
	for name, t := range map[string]*time.Time{"from": &r.From, "to": &r.To} {
		if text := q.Get(name); text != "" {
			if *t, err = time.Parse(time.RFC3339, text); err != nil {
				return r, name, fmt.Errorf("%s must be a time such as 2026-01-02T15:04:05Z", name)
			}
		}
	}
	if !r.From.IsZero() && !r.To.IsZero() && !r.From.Before(r.To) {
		return r, "to", errors.New("to must be later than from")
	}
	if text := q.Get("limit"); text != "" {
		if r.Limit, err = strconv.Atoi(text); err != nil || r.Limit < 1 || r.Limit > maxPage {
			return r, "limit", fmt.Errorf("limit must be a number of 1..%d", maxPage)
		}
	}
	return r, "", nil
}

// recordingQuery returns what a request chooses, or answers and returns false.
func recordingQuery(c *gin.Context) (RecordingQuery, bool) {
	q, field, err := newRecordingQuery(c.Request.URL.Query())
	switch {
	case err == nil:
		return q, true
	case field == "stream":
		fail(c, http.StatusBadRequest, string(reason.BadName), err.Error(), field)
	default:
		fail(c, http.StatusBadRequest, string(reason.BadRequest), err.Error(), field)
	}
	return q, false
}

func (a *api) listRecordings(c *gin.Context) {
	q, ok := recordingQuery(c)
	if !ok {
		return
	}
	list, more, err := a.Recordings.List(q)
	if err != nil {
		a.failRecording(c, err, "after")
		return
	}
	out := []RecordingInfo{} // an empty list is [], not null
	c.JSON(http.StatusOK, gin.H{"recordings": append(out, list...), "more": more})
}

func (a *api) listRecorded(c *gin.Context) {
	list, err := a.Recordings.Streams()
	if err != nil {
		a.failRecording(c, err, "")
		return
	}
	out := RecordedInfo{Streams: []RecordedStreamInfo{}, FreeBytes: a.Recordings.Free()}
	out.Streams = append(out.Streams, list...)
	for _, s := range list {
		out.Bytes += s.Bytes
	}
	c.JSON(http.StatusOK, out)
}

func (a *api) getRecording(c *gin.Context) {
	info, err := a.Recordings.Get(c.Param("id"))
	if err != nil {
		a.failRecording(c, err, "id")
		return
	}
	c.JSON(http.StatusOK, info)
}

func (a *api) removeRecording(c *gin.Context) {
	if err := a.Recordings.Remove(c.Param("id")); err != nil {
		a.failRecording(c, err, "id")
		return
	}
	c.Status(http.StatusNoContent)
}

// getRecordingFile answers with a file or parts of it (RFC 9110, 14). Some players want
// the extension in its name.
func (a *api) getRecordingFile(c *gin.Context) {
	f, err := a.Recordings.Open(c.Param("id"), c.Query("hold"))
	if err != nil {
		a.failRecording(c, err, "id")
		return
	}
	defer f.Close()
	if name := c.Param("file"); name != "file" && name != "file."+f.Info.Format {
		fail(c, http.StatusNotFound, "not_found", "the recording is at file or file."+f.Info.Format, "file")
		return
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		a.failRecording(c, err, "")
		return
	}
	// What comes meanwhile is of another entity than the tag names.
	content := io.NewSectionReader(f, 0, size)
	name := strings.ReplaceAll(f.Info.File, "/", "_")
	c.Header("Content-Type", f.ContentType)
	c.Header("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	c.Header("ETag", fmt.Sprintf(`"%s-%d"`, f.Info.ID, size))
	if !f.Info.Writing {
		c.Header("Cache-Control", "private, no-cache") // browsers seek in what they have
	}
	http.ServeContent(steadyWriter{c.Writer, http.NewResponseController(c.Writer)}, c.Request, "", time.Time{}, content)
}

// steadyWriter lets an answer take as long as it needs while the client takes some.
type steadyWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

// Write implements io.Writer.
func (w steadyWriter) Write(b []byte) (int, error) {
	_ = w.control.SetWriteDeadline(time.Now().Add(fileStall)) // if it fails, so does the write
	return w.ResponseWriter.Write(b)
}

// getPlaylist answers with HLS of a range of time.
func (a *api) getPlaylist(c *gin.Context) {
	q, ok := recordingQuery(c)
	if !ok {
		return
	}
	if q.Stream == "" {
		fail(c, http.StatusBadRequest, string(reason.BadRequest), "stream is missing", "stream")
		return
	}
	text, err := a.Recordings.Playlist(q, c.Query("token"))
	if err != nil {
		a.failRecording(c, err, "")
		return
	}
	c.Data(http.StatusOK, "application/vnd.apple.mpegurl", text)
}

// failRecording answers with an error of Recordings.
func (a *api) failRecording(c *gin.Context, err error, field string) {
	switch why := reason.Of(err, ""); {
	case errors.Is(err, ErrNoRecording):
		fail(c, http.StatusNotFound, codeNoRecording, err.Error(), field)
	case errors.Is(err, ErrBeingWritten):
		fail(c, http.StatusConflict, "being_written", err.Error(), field)
	case why == reason.BadRequest:
		fail(c, http.StatusBadRequest, string(reason.BadRequest), err.Error(), field)
	case why == reason.Unsupported:
		fail(c, http.StatusUnsupportedMediaType, string(reason.Unsupported), err.Error(), field)
	default:
		a.Logger.Error("recordings", slog.String("path", c.FullPath()), slog.Any("error", err))
		fail(c, http.StatusInternalServerError, string(reason.InternalError), err.Error(), "")
	}
}

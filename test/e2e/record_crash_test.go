//go:build e2e

package e2e

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/weirmedia/weir/api"
	"github.com/weirmedia/weir/remux/mediafile"
)

// shortGroupsClip has a key frame every half second, so that files end soon.
var shortGroupsClip = clip{"short-groups", join(lavfi("testsrc2=s=320x180:r=25:d=24", tone), []string{
	"-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-b:v", "300k", "-g", "12", "-keyint_min", "12",
	"-sc_threshold", "0", "-bf", "2"}, aacStereo, []string{"-shortest"})}

// recordedFormats are streams of which each is recorded in a format of its own.
const recordedFormats = `[{streams: ["mp4/**"]}, {streams: ["flv/**"], format: flv}, {streams: ["ts/**"], format: ts}]`

// TestFullRecordCrash kills the server at random moments while it records, also while
// it starts. After each restart every file plays up to at least what was whole of it,
// and the index agrees with the disk.
func TestFullRecordCrash(t *testing.T) {
	t.Parallel()
	kills := 20
	if os.Getenv("WEIR_SOAK") != "" {
		kills = 50
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	c := crashes{
		random: rand.New(rand.NewPCG(seed, 0)), checked: map[string]bool{},
		server: startServer(t, settings{"record.segment_duration": "1s", "record.streams": recordedFormats}),
	}
	for n := range kills {
		recorded, killed := c.kill(t, n)
		before := c.files(t)
		c.restart(t, n)
		newest := c.verify(t, before)
		for _, format := range mediafile.Formats() {
			// What is lost is a group of half a second, and what the machine took.
			if lost := killed.Sub(newest[string(format)]); lost > 1500*time.Millisecond && killed.Sub(recorded) > 1300*time.Millisecond {
				t.Errorf("of %s the last %v are lost", format, lost)
			}
		}
	}
	c.checks.Wait()
	if c.interrupted < kills || len(c.checked) < 2*kills {
		t.Errorf("after %d kills there are %d files, of which %d were interrupted", kills, len(c.checked), c.interrupted)
	}
	c.loseIndex(t)
}

// crashes is a server that is killed again and again.
type crashes struct {
	*server
	random      *rand.Rand
	checked     map[string]bool // files that were looked at
	interrupted int             // of these, those that a kill had cut off
	checks      sync.WaitGroup
}

func (c *crashes) folder() string { return filepath.Join(c.dir, "data", "recordings") }

// kill kills the server at a random moment: some time after streams are recorded, or as
// a file ends and the next begins. It returns when these were.
func (c *crashes) kill(t *testing.T, n int) (recorded, killed time.Time) {
	t.Helper()
	args := []string{"-nostdin", "-v", "error", "-re", "-stream_loop", "-1", "-i", shortGroupsClip.path(t)}
	for _, format := range mediafile.Formats() {
		args = append(args, "-map", "0", "-c", "copy", "-f", "flv", c.rtmpURL(string(format)+"/a"))
	}
	known := len(c.names(t))
	publisher := start(t, time.Minute, nil, "ffmpeg", args...)
	eventually(t, 10*time.Second, "all are recorded", func() bool { return len(c.names(t)) >= known+len(mediafile.Formats()) })
	recorded = time.Now()
	time.Sleep(c.upTo(1300 * time.Millisecond))
	if n%2 == 1 {
		known = len(c.names(t))
		for len(c.names(t)) == known && time.Since(recorded) < 3*time.Second {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(c.upTo(5 * time.Millisecond))
	}
	killed = time.Now()
	c.process.kill()
	publisher.kill()
	return recorded, killed
}

// upTo returns a random time.
func (c *crashes) upTo(d time.Duration) time.Duration {
	return time.Duration(c.random.Int64N(int64(d)))
}

// restart starts the server again, every fourth time only after it was killed while it
// started.
func (c *crashes) restart(t *testing.T, n int) {
	t.Helper()
	if n%4 == 3 {
		config, err := os.ReadFile(filepath.Join(c.dir, "weir.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		p := runWeir(t, c.dir, string(config), time.Minute, "serve")
		time.Sleep(c.upTo(150 * time.Millisecond))
		p.kill()
	}
	c.server.restart(t)
}

// names returns the files of recordings.
func (c *crashes) names(t *testing.T) []string {
	t.Helper()
	return globMedia(t, os.DirFS(c.folder()))
}

// globMedia returns the files of a folder of recordings with the usual names of streams
// whose names have two parts.
func globMedia(t *testing.T, folder fs.FS) []string {
	t.Helper()
	names, err := fs.Glob(folder, "*/*/*/*")
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// files returns the content of the files of recordings, by name.
func (c *crashes) files(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, name := range c.names(t) {
		content, err := os.ReadFile(filepath.Join(c.folder(), name))
		if err != nil {
			t.Fatal(err)
		}
		all[name] = content
	}
	return all
}

// verify compares what the server lists, while it records nothing, with what is in its
// folder, and that with what was there before the server began. It returns when what is
// there of each format ends.
func (c *crashes) verify(t *testing.T, before map[string][]byte) (newest map[string]time.Time) {
	t.Helper()
	listed := map[string]api.RecordingInfo{}
	for _, r := range c.recordings(t) {
		if _, twice := listed[r.File]; twice {
			t.Errorf("%s is listed twice", r.File)
		}
		listed[r.File] = r
	}
	newest = map[string]time.Time{}
	var fresh []string
	after := c.files(t)
	for name, content := range before {
		whole, media := wholeMedia(name, content)
		r, ok := listed[name]
		delete(listed, name)
		switch {
		case media && !ok:
			t.Errorf("%s has media and is not listed", name)
			continue
		case !ok:
			continue
		case !bytes.HasPrefix(after[name], content[:whole]):
			t.Errorf("of %s, %d bytes of %d were whole; %d are left", name, whole, len(content), len(after[name]))
		case r.Writing || r.Bytes != int64(len(after[name])):
			t.Errorf("%s has %d bytes, listed is %+v", name, len(after[name]), r)
		}
		if end := r.Start.Add(time.Duration(r.DurationS * float64(time.Second))); end.After(newest[r.Format]) {
			newest[r.Format] = end
		}
		if !c.checked[name] {
			c.checked[name] = true
			if r.Why == "interrupted" {
				c.interrupted++
			}
			c.describe(t, r, after[name])
			fresh = append(fresh, filepath.Join(c.folder(), name))
		}
	}
	for name := range listed {
		t.Errorf("%s is listed and was not there", name)
	}
	c.checks.Go(func() {
		for _, file := range fresh {
			if err := decodeQuietly(file); err != nil {
				t.Error(err)
			}
		}
	})
	return newest
}

// describe checks what is listed of a file.
func (c *crashes) describe(t *testing.T, r api.RecordingInfo, content []byte) {
	t.Helper()
	info, err := mediafile.Describe(bytes.NewReader(content), int64(len(content)))
	if err != nil || !info.Complete || info.Stream != r.Stream || !info.Start.Equal(r.Start) || string(info.Format) != r.Format ||
		math.Abs(info.Duration.Seconds()-r.DurationS) > 0.001 || len(r.Tracks) != 2 {
		t.Errorf("%s is %+v, %v, listed as %+v", r.File, info, err, r)
	}
}

// loseIndex starts the server without its index: it lists the same.
func (c *crashes) loseIndex(t *testing.T) {
	t.Helper()
	before := c.recordings(t)
	c.stop(t)
	if err := os.Remove(filepath.Join(c.dir, "data", "recordings.db")); err != nil {
		t.Fatal(err)
	}
	c.server.restart(t)
	same := func(a, b api.RecordingInfo) bool {
		return a.ID == b.ID && a.File == b.File && a.Bytes == b.Bytes && math.Abs(a.DurationS-b.DurationS) < 0.001
	}
	if after := c.recordings(t); !slices.EqualFunc(before, after, same) {
		t.Errorf("without its index the server lists\n%+v, before\n%+v", after, before)
	}
}

// recordings returns what the server lists.
func (s *server) recordings(t *testing.T) (all []api.RecordingInfo) {
	t.Helper()
	for after := ""; ; {
		var page struct {
			Recordings []api.RecordingInfo
			More       bool
		}
		if err := json.Unmarshal([]byte(s.get(t, "api/v1/recordings?after="+after)), &page); err != nil {
			t.Fatalf("GET /api/v1/recordings: %v", err)
		}
		all = append(all, page.Recordings...)
		if !page.More {
			return all
		}
		after = all[len(all)-1].ID
	}
}

// decodeQuietly has ffmpeg decode all of a file, without a complaint.
func decodeQuietly(file string) error {
	out, err := exec.Command("ffmpeg", "-nostdin", "-v", "warning", "-xerror", "-i", file, "-map", "0", "-f", "null", "-").CombinedOutput()
	if err == nil && len(out) > 0 {
		err = errors.New("it complains")
	}
	if err != nil {
		return fmt.Errorf("ffmpeg decodes %s: %w\n%s", file, err, tail(string(out), 1000))
	}
	return nil
}

// wholeMedia returns how many bytes of a file are whole fragments, or whole tags, and
// whether there is media in them. It knows what it reads from the standards alone.
func wholeMedia(name string, content []byte) (n int, media bool) {
	switch filepath.Ext(name) {
	case ".flv":
		return wholeFLV(content)
	case ".ts":
		return wholeTS(content)
	}
	return wholeMP4(content)
}

func wholeMP4(content []byte) (n int, media bool) {
	for at := 0; at+8 <= len(content); {
		size := int(binary.BigEndian.Uint32(content[at:]))
		if size < 8 || size > len(content)-at {
			break
		}
		kind := string(content[at+4 : at+8])
		if at += size; kind != "moof" { // which is nothing without its mdat
			n = at
		}
		media = media || kind == "mdat"
	}
	return n, media
}

func wholeFLV(content []byte) (n int, media bool) {
	const head, tagHead, tagSize = 9 + 4, 11, 4
	if len(content) < head {
		return 0, false
	}
	n = head
	for n+tagHead <= len(content) {
		tag := content[n:]
		size := tagHead + int(binary.BigEndian.Uint32(tag)&0xFFFFFF) + tagSize
		if size > len(tag) {
			break
		}
		// Neither AVC nor AAC of sequence headers is media.
		media = media || tag[0] != tagScript && tag[tagHead+1] == 1
		n += size
	}
	return n, media
}

// wholeTS takes a null packet for the end of a fragment, as they are put there.
func wholeTS(content []byte) (n int, media bool) {
	const packet, null, first, tables = 188, 0x1FFF, 0x100, 0x1000 // PIDs from first up to tables are of media
	begun := false
	for at := 0; at+packet <= len(content); at += packet {
		pid := binary.BigEndian.Uint16(content[at+1:]) & 0x1FFF
		if pid == null {
			n, media = at+packet, begun
		}
		begun = begun || pid >= first && pid < tables
	}
	return n, media
}

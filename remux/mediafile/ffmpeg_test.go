package mediafile

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
)

// ffmpeg 5.1 does not know Enhanced RTMP, so of FLV it reads the old codecs only.
var oldInFLV = map[string]bool{"bframes": true, "mp3": true, "alaw": true}

// ffmpeg decodes what is written without a word, and finds the duration.
func TestFFmpegReads(t *testing.T) {
	for name, formats := range fixtures {
		for _, format := range formats {
			if format == FLV && !oldInFLV[name] {
				continue
			}
			t.Run(name+"."+string(format), func(t *testing.T) {
				var b file
				w := record(t, &b, format, fixture(t, name).repeated(3))
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				path := save(t, "file."+string(format), b.Bytes())
				run(t, "ffmpeg", "-hide_banner", "-nostdin", "-v", "warning", "-xerror", "-i", path, "-map", "0", "-f", "null", "-")
				text := strings.TrimSpace(run(t, "ffprobe", "-v", "warning", "-show_entries", "format=duration", "-of", "csv=p=0", path))
				seconds, err := strconv.ParseFloat(text, 64)
				if err != nil {
					t.Fatal(err)
				}
				const frame = 0.05
				if want := w.Duration().Seconds(); math.Abs(seconds-want) > frame {
					t.Errorf("%v s, want %v", seconds, want)
				}
				info, err := Describe(b.reader(), int64(b.Len()))
				if err != nil {
					t.Fatal(err)
				}
				if d := info.Duration - w.Duration(); d.Abs() > time.Millisecond {
					t.Errorf("Describe finds %v, want %v", info.Duration, w.Duration())
				}
			})
		}
	}
}

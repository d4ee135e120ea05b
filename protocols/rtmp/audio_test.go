package rtmp

import (
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/transcode"
	"github.com/weirmedia/weir/remux/flv"
)

// TestPlayAudio: players get the sound that they choose by their stream key, and
// else that of the configuration; what they cannot choose is refused.
func TestPlayAudio(t *testing.T) {
	const g711, enhanced, opus = 7 << 4, 9 << 4, "Opus"
	for _, c := range []struct {
		preset transcode.Choice
		query  string
		opus   bool
	}{
		{transcode.Copy, "", false},
		{transcode.Copy, "?audio=opus", true},
		{transcode.AsOpus, "", true},
		{transcode.AsOpus, "?audio=copy", false},
	} {
		t.Run(string(c.preset)+c.query, func(t *testing.T) {
			s := startServer(t, func(config *Config) { config.Audio = c.preset })
			publisher := s.publish(t, "live/test")
			for i := range uint32(20) {
				body := append([]byte{g711 | 2}, make([]byte, 160)...)
				writeTags(t, publisher, flv.Tag{Type: flv.AudioTag, Timestamp: 20 * i, Body: body})
			}
			player := s.play(t, "live/test"+c.query)
			for range 3 {
				tag, err := player.ReadTag()
				for err == nil && tag.Type != flv.AudioTag {
					tag, err = player.ReadTag()
				}
				if err != nil {
					t.Fatal(err)
				}
				if isOpus := tag.Body[0]&0xF0 == enhanced && string(tag.Body[1:5]) == opus; isOpus != c.opus {
					t.Fatalf("a tag of %x", tag.Body[:5])
				}
			}
		})
	}
	s := startServer(t, nil)
	_, err := Play(testContext(t), s.url("live/test?audio=flac"), ClientOptions{})
	if err == nil || !strings.Contains(err.Error(), "must be aac, opus or copy") {
		t.Errorf("refused with %v", err)
	}
}

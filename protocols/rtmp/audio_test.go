package rtmp

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/streamname"
	"github.com/weirmedia/weir/pkg/transcode"
	"github.com/weirmedia/weir/remux/flv"
)

// TestPlayAudio: players get the sound that they choose by their stream key, and
// else that of the configuration; what they cannot choose is refused.
func TestPlayAudio(t *testing.T) {
	const g711, enhanced, opus = 7 << 4, 9 << 4, "Opus"
	pattern, err := streamname.ParsePattern("live/*")
	if err != nil {
		t.Fatal(err)
	}
	scope := streamname.Scope{Streams: []streamname.Pattern{pattern}}
	asOpus := Rule{Scope: scope, Audio: new(transcode.AsOpus)}
	for _, c := range []struct {
		preset transcode.Choice
		rule   Rule
		query  string
		opus   bool
	}{
		{transcode.Copy, Rule{Scope: scope}, "", false},
		{transcode.Copy, Rule{Scope: scope}, "?audio=opus", true},
		{transcode.AsOpus, Rule{Scope: scope}, "", true},
		{transcode.AsOpus, Rule{Scope: scope}, "?audio=copy", false},
		{transcode.Copy, asOpus, "", true},
		{transcode.Copy, asOpus, "?audio=copy", false},
	} {
		t.Run(fmt.Sprint(c.preset, c.rule.Audio != nil, c.query), func(t *testing.T) {
			s := startServer(t, func(config *Config) { config.Audio, config.Streams = c.preset, []Rule{c.rule} })
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
	_, err = Play(testContext(t), s.url("live/test?audio=flac"), ClientOptions{})
	if err == nil || !strings.Contains(err.Error(), "must be aac, opus or copy") {
		t.Errorf("refused with %v", err)
	}
}

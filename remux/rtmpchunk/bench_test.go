package rtmpchunk

import (
	"bytes"
	"io"
	"testing"
)

// cycle is a source without end: the same bytes again and again.
type cycle struct {
	content []byte
	at      int
}

func (c *cycle) Read(p []byte) (int, error) {
	n := copy(p, c.content[c.at:])
	c.at = (c.at + n) % len(c.content)
	return n, nil
}

// BenchmarkReadStream reads what an encoder sends at 25 pictures a second and
// 690 kbit/s: a GOP of 50 pictures with the sound between them, in chunks of
// 4096 bytes. An operation is one message.
func BenchmarkReadStream(b *testing.B) {
	const (
		chunkSize = 4096
		pictures  = 50
		key       = 30_000
		picture   = 2_600
		sound     = 190
	)
	src := &cycle{}
	message := func(h Header, size int) { src.content = AppendMessage(src.content, h, chunkSize, make([]byte, size)) }
	messages := int64(0)
	for i := range uint32(pictures) {
		size := picture
		if i == 0 {
			size = key
		}
		message(Header{6, TypeVideo, 1, 40 * i}, size)
		message(Header{4, TypeAudio, 1, 40 * i}, sound)
		message(Header{4, TypeAudio, 1, 40*i + 23}, sound)
		messages += 3
	}
	begin := bytes.NewReader(AppendSetChunkSize(nil, chunkSize))
	r := NewReader(io.MultiReader(begin, src), Limits{})
	r.ExpectMedia(nil)
	b.SetBytes(int64(len(src.content)) / messages)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.ReadMessage(); err != nil {
			b.Fatal(err)
		}
	}
}

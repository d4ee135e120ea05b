package httpflv_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/weirmedia/weir/protocols/httpflv"
	"github.com/weirmedia/weir/remux/flv"
)

func ExamplePlay() {
	// Any server of FLV will do: here one that has a single MP3 frame.
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		b := flv.AppendFileHeader(nil, true, false)
		_, _ = w.Write(flv.AppendTag(b, flv.AudioTag, 26, []byte{0x2F, 0xFF, 0xFB, 0x90, 0x00}))
	}))
	defer server.Close()

	player, err := httpflv.Play(context.Background(), server.URL+"/live/music.flv", httpflv.ClientOptions{})
	if err != nil {
		log.Fatal(err) // a *StatusError if the server refuses
	}
	defer player.Close()
	for {
		tag, err := player.ReadTag()
		if err == io.EOF {
			break // the stream is over
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(tag.Timestamp, "ms:", len(tag.Body), "bytes")
	}
	// Output: 26 ms: 5 bytes
}

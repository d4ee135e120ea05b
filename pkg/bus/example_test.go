package bus_test

import (
	"context"
	"fmt"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/reason"
)

// A publisher writes two frames; a reader gets them until the stream ends.
func Example() {
	b := bus.New(bus.DefaultLimits())
	publisher, err := b.Publish("live/test", bus.Claim{
		Owner: "camera 1",
		Kill:  func(why reason.Reason) { fmt.Println("the publisher is closed:", why) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	sound := &av.Track{ID: 1, Kind: av.Audio, Codec: av.AAC, Config: []byte{0x12, 0x10}}
	if err := publisher.SetTrack(sound); err != nil {
		fmt.Println(err)
		return
	}

	ctx := context.Background()
	stream, err := b.Await(ctx, "live/test") // a player may come before its stream
	if err != nil {
		fmt.Println(err)
		return
	}
	reader := stream.Plain().Subscribe(10 * time.Second)
	defer reader.Close()

	for _, dts := range []time.Duration{0, 23 * time.Millisecond} {
		f := &av.Frame{Track: sound, DTS: int64(dts), PTS: int64(dts), Arrival: av.Now(), Payload: []byte("raw data block")}
		if err := publisher.Write(f); err != nil {
			fmt.Println(err)
			return
		}
	}
	b.Close(reason.Shutdown)

	for {
		item, err := reader.Next(ctx)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(item.Frame.Track.Codec, time.Duration(item.Frame.DTS))
	}
	// Output:
	// the publisher is closed: shutdown
	// AAC 0s
	// AAC 23ms
	// stream ended: shutdown
}

package rtmp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/fanout"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/rtmp"
	"github.com/weirmedia/weir/remux/flv"
)

// serve starts an RTMP server inside this program, on a free port.
func serve() (address string, stop func()) {
	authorizer, err := auth.New(auth.Config{}) // anybody may publish and play
	if err != nil {
		log.Fatal(err)
	}
	host := &plugin.Host{
		Log:      slog.Default(),
		Bus:      bus.New(bus.DefaultLimits()),
		Delivery: fanout.New(fanout.DefaultLimits()),
		Sessions: session.NewRegistry(session.Options{}),
		Auth:     authorizer,
		Metrics:  prometheus.NewRegistry(),
	}
	config := rtmp.New().(*rtmp.Config)
	config.Listen = "127.0.0.1:0"
	server, err := config.Start(host)
	if err != nil {
		log.Fatal(err)
	}
	return server.(*rtmp.Server).Addr().String(), func() {
		server.Drain()
		_ = host.Sessions.Shutdown(context.Background())
		_ = server.Close(context.Background())
		host.Bus.Close(reason.Shutdown)
		host.Delivery.Close()
	}
}

// An MP3 frame of 44.1 kHz and 128 kbit/s, behind the first byte of an FLV
// audio tag.
var mp3 = append([]byte{0x2F, 0xFF, 0xFB, 0x90, 0x00}, make([]byte, 413)...)

func ExamplePublish() {
	address, stop := serve()
	defer stop()

	publisher, err := rtmp.Publish(context.Background(), "rtmp://"+address+"/live/music", rtmp.ClientOptions{})
	if err != nil {
		log.Fatal(err) // a *StatusError if the server refuses
	}
	for i := range uint32(3) {
		if err := publisher.WriteTag(flv.AudioTag, 26*i, mp3); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println("closed:", publisher.Close())
	// Output: closed: <nil>
}

// A publisher that comes back whenever its connection breaks.
func ExampleReconnector() {
	address, stop := serve()
	defer stop()

	attempts := 0
	again := rtmp.Reconnector{MinDelay: time.Millisecond, Failed: func(err error, delay time.Duration) {
		fmt.Println("failed:", err)
	}}
	err := again.Run(context.Background(), func(ctx context.Context) error {
		if attempts++; attempts == 1 {
			return errors.New("the network is down")
		}
		publisher, err := rtmp.Publish(ctx, "rtmp://"+address+"/live/music", rtmp.ClientOptions{})
		if err != nil {
			return err
		}
		if err := publisher.WriteTag(flv.AudioTag, 0, mp3); err != nil {
			return err
		}
		return publisher.Close()
	})
	fmt.Println("ended:", err, "after", attempts, "attempts")
	// Output:
	// failed: the network is down
	// ended: <nil> after 2 attempts
}

func ExamplePlay() {
	address, stop := serve()
	defer stop()
	url := "rtmp://" + address + "/live/music"
	publisher, err := rtmp.Publish(context.Background(), url, rtmp.ClientOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer publisher.Close()

	player, err := rtmp.Play(context.Background(), url, rtmp.ClientOptions{})
	if err != nil {
		log.Fatal(err) // a *StatusError if there is no such stream
	}
	defer player.Close()
	for i := range uint32(3) {
		if err := publisher.WriteTag(flv.AudioTag, 26*i, mp3); err != nil {
			log.Fatal(err)
		}
	}
	for played := 0; played < 3; {
		tag, err := player.ReadTag()
		if err == io.EOF {
			break // the stream is over
		}
		if err != nil {
			log.Fatal(err)
		}
		if tag.Type == flv.AudioTag {
			fmt.Println(tag.Timestamp, "ms:", len(tag.Body), "bytes")
			played++
		}
	}
	// Output:
	// 0 ms: 418 bytes
	// 26 ms: 418 bytes
	// 52 ms: 418 bytes
}

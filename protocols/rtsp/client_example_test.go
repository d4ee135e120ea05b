package rtsp_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/rtsp"
)

// serveExample starts an RTSP server inside this program, on free ports.
func serveExample() (address string, stop func()) {
	authorizer, err := auth.New(auth.Config{}) // anybody may publish and play
	if err != nil {
		log.Fatal(err)
	}
	host := &plugin.Host{
		Log:      slog.New(slog.DiscardHandler),
		Bus:      bus.New(bus.DefaultLimits()),
		Sessions: session.NewRegistry(session.Options{}),
		Auth:     authorizer,
		Metrics:  prometheus.NewRegistry(),
	}
	config := rtsp.New().(*rtsp.Config)
	config.Listen, config.UDPListen = "127.0.0.1:0", "127.0.0.1:0"
	server, err := config.Start(host)
	if err != nil {
		log.Fatal(err)
	}
	return server.(*rtsp.Server).Addr().String(), func() {
		server.Drain()
		_ = host.Sessions.Shutdown(context.Background())
		_ = server.Close(context.Background())
		host.Bus.Close(reason.Shutdown)
	}
}

// telephone is sound of 8 kHz; a frame of it has 20 ms.
var telephone = &av.Track{ID: 1, Kind: av.Audio, Codec: av.G711A, SampleRate: 8000, Channels: 1}

func sound(i int) *av.Frame {
	at := int64(i) * int64(20*time.Millisecond)
	return &av.Frame{Track: telephone, DTS: at, PTS: at, Key: true, Payload: make([]byte, 160)}
}

func ExamplePublish() {
	address, stop := serveExample()
	defer stop()

	publisher, err := rtsp.Publish(context.Background(), "rtsp://"+address+"/live/voice", []*av.Track{telephone}, rtsp.ClientOptions{})
	if err != nil {
		log.Fatal(err) // a *StatusError if the server refuses
	}
	for i := range 3 {
		if err := publisher.WriteFrame(sound(i)); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println("closed:", publisher.Close())
	// Output: closed: <nil>
}

func ExamplePlay() {
	address, stop := serveExample()
	defer stop()
	url := "rtsp://" + address + "/live/voice"
	publisher, err := rtsp.Publish(context.Background(), url, []*av.Track{telephone}, rtsp.ClientOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer publisher.Close()
	if err := publisher.WriteFrame(sound(0)); err != nil {
		log.Fatal(err)
	}

	player, err := rtsp.Play(context.Background(), url, rtsp.ClientOptions{}) // rtsp://user:password@camera/… for a camera
	if err != nil {
		log.Fatal(err) // a *StatusError if there is no such stream
	}
	defer player.Close()
	fmt.Println("by", player.Transport())
	for i := 1; i < 3; i++ {
		if err := publisher.WriteFrame(sound(i)); err != nil {
			log.Fatal(err)
		}
	}
	for played := 0; played < 3; {
		p, err := player.Next()
		if err == io.EOF {
			break // the stream is over
		}
		if err != nil {
			log.Fatal(err)
		}
		if p.Frame != nil { // else p.Why tells what was left out
			fmt.Println(p.Frame.Track.Codec, time.Duration(p.Frame.PTS), len(p.Frame.Payload), "bytes")
			played++
		}
	}
	// Output:
	// by tcp
	// G.711 A-law 1s 160 bytes
	// G.711 A-law 1.02s 160 bytes
	// G.711 A-law 1.04s 160 bytes
}

// A player that comes back whenever its camera was away.
func ExampleReconnector() {
	address, stop := serveExample()
	defer stop()
	publisher, err := rtsp.Publish(context.Background(), "rtsp://"+address+"/cam/1", []*av.Track{telephone}, rtsp.ClientOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer publisher.Close()
	if err := publisher.WriteFrame(sound(0)); err != nil {
		log.Fatal(err)
	}

	names := []string{"/cam//1", "/cam/1"} // the first is no name, which the server refuses
	again := rtsp.Reconnector{MinDelay: time.Millisecond, Failed: func(err error, delay time.Duration) {
		fmt.Println("failed")
	}}
	err = again.Run(context.Background(), func(ctx context.Context) error {
		name := names[0]
		names = names[1:]
		player, err := rtsp.Play(ctx, "rtsp://"+address+name, rtsp.ClientOptions{})
		if err != nil {
			return err
		}
		defer player.Close()
		_, err = player.Next() // and so on, until it fails
		return err
	})
	fmt.Println("ended:", err)
	// Output:
	// failed
	// ended: <nil>
}

//go:build e2e

package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/weirmedia/weir/test/freeport"
	"github.com/weirmedia/weir/test/relay"
)

// restartScript restarts ICE as a page does whose network has changed (RFC 9725,
// 4.3.3), so that the media comes by another port.
const restartScript = `(async () => {
	await pc.setLocalDescription(await pc.createOffer({iceRestart: true}));
	while (pc.iceGatheringState !== "complete") await new Promise((r) => setTimeout(r, 50));
	const lines = pc.localDescription.sdp.split("\r\n");
	const first = (start) => lines.find((l) => l.startsWith(start));
	const ours = [first("a=ice-ufrag:"), first("a=ice-pwd:"), first("m="), first("a=mid:"), ...lines.filter((l) => l.startsWith("a=candidate:")), ""];
	const answer = await fetch(resource, {method: "PATCH", headers: {"Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*"}, body: ours.join("\r\n")});
	const theirs = await answer.text();
	if (answer.status !== 200) throw new Error(answer.status + " " + theirs);
	let sdp = pc.remoteDescription.sdp.replace(/^a=candidate:.* tcp .*\r\n/gm, "").replace(/^(a=candidate:\S+ 1 udp \d+ 127\.0\.0\.1) \d+ /gm, "$1 %d ");
	for (const name of ["ice-ufrag", "ice-pwd"]) {
		const line = new RegExp("^a=" + name + ":.*$", "m");
		sdp = sdp.replace(new RegExp(line, "gm"), theirs.match(line)[0].trim());
	}
	await pc.setRemoteDescription({type: "answer", sdp});
	return true;
})()`

// TestFullWHEPRestart: a player whose way to the server breaks goes on by another
// one, after an ICE restart.
func TestFullWHEPRestart(t *testing.T) {
	address := freeport.Address(t)
	s := startServer(t, settings{"webrtc.listen": address})
	var ways []*relay.Relay
	for seed := range uint64(2) {
		r, err := relay.Start(address, seed)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.Close() })
		ways = append(ways, r)
	}
	s.publish(t, simpleClip, "live/test", publishOptions{})
	b := openWHEPBy(t, s, ways[0].Addr().Port())
	requireShows(t, b, 640)
	ways[0].Set(relay.Forth, relay.Conditions{Loss: 1})
	ways[0].Set(relay.Back, relay.Conditions{Loss: 1})
	time.Sleep(time.Second)
	var before whepStats
	b.eval(t, webrtcStats, &before)
	var ok bool
	b.eval(t, fmt.Sprintf(restartScript, ways[1].Addr().Port()), &ok)
	eventually(t, 10*time.Second, "it plays on", func() bool {
		var now whepStats
		b.eval(t, webrtcStats, &now)
		return now.Frames > before.Frames+50
	})
	requireShows(t, b, 640)
	requireSameSession(t, s, b)
	if f := ways[1].Figures(relay.Back); f.Sent < 100 {
		t.Errorf("by the other way came %+v", f)
	}
}

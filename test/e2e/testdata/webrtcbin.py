"""Publishes by WHIP or plays by WHEP with GStreamer, until it is interrupted.

usage: webrtcbin.py URL PIPELINE

The pipeline has "webrtcbin name=webrtc". What it links to that is published;
what comes goes to the elements named H264 and OPUS, if it has them.
"""

import signal
import sys
import urllib.parse
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402


class Client:
    def __init__(self, url, description):
        self.url, self.resource, self.failed = url, None, False
        self.loop = GLib.MainLoop()
        self.pipeline = Gst.parse_launch(description)
        self.webrtc = self.pipeline.get_by_name("webrtc")
        self.webrtc.connect("on-negotiation-needed", self.negotiate)
        self.webrtc.connect("notify::ice-gathering-state", lambda *_: GLib.idle_add(self.ask))
        self.webrtc.connect("notify::connection-state", lambda *_: self.tell_state())
        self.webrtc.connect("pad-added", self.receive)
        for media, name in ("video", "H264"), ("audio", "OPUS"):
            if self.pipeline.get_by_name(name):
                rate = 90000 if media == "video" else 48000
                caps = f"application/x-rtp,media={media},encoding-name={name},payload={96 if media == 'video' else 111},clock-rate={rate}"
                if media == "video":
                    caps += ",packetization-mode=(string)1,rtcp-fb-nack=true,rtcp-fb-nack-pli=true"
                self.webrtc.emit("add-transceiver", GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY, Gst.Caps.from_string(caps))
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", lambda _, m: self.fail(f"{m.parse_error()}"))
        bus.connect("message::eos", lambda *_: self.loop.quit())

    def run(self):
        for number in signal.SIGINT, signal.SIGTERM:
            GLib.unix_signal_add(GLib.PRIORITY_HIGH, number, self.interrupt)
        self.pipeline.set_state(Gst.State.PLAYING)
        self.loop.run()
        if self.resource:
            request = urllib.request.Request(self.resource, method="DELETE")
            print("DELETE", urllib.request.urlopen(request, timeout=10).status, flush=True)
        self.pipeline.set_state(Gst.State.NULL)
        return 1 if self.failed else 0

    def interrupt(self):
        """Ends after what was received is on the disk."""
        self.pipeline.send_event(Gst.Event.new_eos())
        GLib.timeout_add_seconds(2, self.loop.quit)
        return GLib.SOURCE_REMOVE

    def fail(self, text):
        print(text, file=sys.stderr, flush=True)
        self.failed = True
        self.loop.quit()

    def tell_state(self):
        print("connection", self.webrtc.get_property("connection-state").value_nick, flush=True)

    def negotiate(self, _):
        def created(promise):
            reply = promise.get_reply()  # it owns the offer
            self.webrtc.emit("set-local-description", reply.get_value("offer"), Gst.Promise.new())

        self.webrtc.emit("create-offer", None, Gst.Promise.new_with_change_func(created))

    def ask(self):
        """Sends the offer, once it has all candidates."""
        complete = GstWebRTC.WebRTCICEGatheringState.COMPLETE
        if self.resource or self.webrtc.get_property("ice-gathering-state") != complete:
            return GLib.SOURCE_REMOVE
        description = self.webrtc.get_property("local-description")
        offer = description.sdp.as_text().encode()
        request = urllib.request.Request(self.url, offer, {"Content-Type": "application/sdp"})
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                self.resource = urllib.parse.urljoin(self.url, response.headers["Location"])
                _, message = GstSdp.SDPMessage.new_from_text(response.read().decode())
        except OSError as e:
            self.fail(f"POST: {e}")
            return GLib.SOURCE_REMOVE
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        self.webrtc.emit("set-remote-description", answer, Gst.Promise.new())
        return GLib.SOURCE_REMOVE

    def receive(self, _, pad):
        if pad.direction != Gst.PadDirection.SRC:
            return
        name = pad.get_current_caps().get_structure(0).get_string("encoding-name")
        pad.link(self.pipeline.get_by_name(name).get_static_pad("sink"))


Gst.init(None)
sys.exit(Client(sys.argv[1], sys.argv[2]).run())

import { describe, expect, it } from "vitest";
import type { Track, WebRTCInfo } from "../api";
import { choose, plan, type Capabilities, type Known } from "./choose";
import { verdict, type Verdict } from "./verdict";

const video = (has_b_frames: boolean | undefined, more: Partial<Track> = {}): Track =>
  ({ id: 0, kind: "video", codec: "H264", profile: "High 4.0", frame_rate: 29.97, ...(has_b_frames === undefined ? {} : { has_b_frames }), ...more });
const audio = (codec: string, profile = ""): Track => ({ id: 1, kind: "audio", codec, profile });
const aac = audio("AAC", "LC");

const receives = new Set(["video/h264", "video/vp8", "audio/opus"]);
const browser: Capabilities = { isTypeSupported: (type) => !/hvc1|ac-3/.test(type), receives, nativeHls: false };

const tell = (known: Known, off = false): Verdict | null => verdict(known, choose(known, browser), off);
const info = (more: Partial<WebRTCInfo>): WebRTCInfo => ({ playable: true, why: "", left_out: [], ...more });

const noAAC = { kind: "audio", codec: "AAC", why: "it is HE-AAC: set the encoder to AAC-LC" } as const;
const pyramid = "other pictures refer to its B-frames: set bframes=0, or b-pyramid=none";

const cases: [string, Known, Verdict | null][] = [
  ["picture and sound", { tracks: [video(false), aac] }, { gets: "all", text: "WebRTC with sound", why: "" }],
  ["picture alone", { tracks: [video(false)], webrtc: info({ frame_rate: 29.97 }) }, { gets: "all", text: "WebRTC", why: "" }],
  ["sound alone", { tracks: [audio("Opus")] }, { gets: "all", text: "WebRTC with sound", why: "" }],
  ["B-frames", { tracks: [video(true), aac], webrtc: info({ frame_rate: 15.2 }) },
    { gets: "less", text: "WebRTC without B-frames", why: "B-frames: 15 of 30 frames per second sent; set bframes=0 in the encoder." }],
  ["B-frames of a server that does not count", { tracks: [video(true), aac] },
    { gets: "less", text: "WebRTC without B-frames", why: "B-frames are left out: set bframes=0 in the encoder." }],
  ["sound that is not sent", { tracks: [video(false), audio("MP3")] },
    { gets: "less", text: "WebRTC without sound", why: "Browsers cannot play MP3 audio from WebRTC." }],
  ["sound that the server finds it cannot send", { tracks: [video(false), aac], webrtc: info({ left_out: [noAAC] }) },
    { gets: "less", text: "WebRTC without sound", why: "The server sends no AAC audio so: it is HE-AAC: set the encoder to AAC-LC." }],
  ["both", { tracks: [video(true), audio("MP3")], webrtc: info({ frame_rate: 20 }) },
    { gets: "less", text: "WebRTC without sound and B-frames", why: "Browsers cannot play MP3 audio from WebRTC. B-frames: 20 of 30 frames per second sent; set bframes=0 in the encoder." }],
  ["a picture that the browser cannot decode", { tracks: [video(false, { codec: "H265", profile: "Main" }), aac] },
    { gets: "less", text: "WebRTC with sound alone", why: "This browser cannot play H265 video." }],
  ["B-frames that cannot be left out", { tracks: [video(true), aac], webrtc: info({ playable: false, why: pyramid }) },
    { gets: "nothing", text: "Not by WebRTC", why: `The server cannot send it so: ${pyramid}.` }],
  ["nothing that fits", { tracks: [audio("MP3")] }, { gets: "nothing", text: "Not by WebRTC", why: "Browsers cannot play MP3 audio from WebRTC." }],
  ["B-frames not known yet", { tracks: [video(undefined), aac] }, null],
  ["tracks not known yet", { tracks: [] }, null],
];

describe("verdict", () => {
  it.each(cases)("%s", (_, known, want) => expect(tell(known)).toEqual(want));

  it("is nothing where the server has no WebRTC", () =>
    expect(tell({ tracks: [video(false), aac] }, true)).toEqual({ gets: "nothing", text: "Not by WebRTC", why: "It is switched off (webrtc.listen)." }));

  it.each(cases)("is what the player does: %s", (_, known, want) => {
    const ways = plan(choose(known, browser), { listen: true }).map((o) => o.way);
    if (want?.gets === "all") expect(ways[0]).toBe("whep");
    if (want?.gets === "less" && want.text.includes("B-frames")) expect(ways[0]).not.toBe("whep");
    if (want?.gets === "nothing") expect(ways).not.toContain("whep");
  });
});

import { describe, expect, it } from "vitest";
import type { Track } from "../api";
import { because, choose, chooseBlindly, plan, refusal, type Capabilities } from "./choose";
import type { Way } from "./ways";

const video = (codec: string, profile = "", id = 0): Track => ({ id, kind: "video", codec, profile });
const audio = (codec: string, id = 1, profile = ""): Track => ({ id, kind: "audio", codec, profile });

// A Chromium without a decoder of HEVC and Dolby's sound.
const webrtc = new Set(["video/h264", "video/vp8", "video/vp9", "video/av1", "audio/opus", "audio/pcma", "audio/pcmu"]);
const chromium: Capabilities = { isTypeSupported: (type) => !/hvc1|ac-3|ec-3/.test(type), receives: webrtc, nativeHls: false };
const oldPhone: Capabilities = { isTypeSupported: null, receives: null, nativeHls: true };
const nothing: Capabilities = { isTypeSupported: null, receives: null, nativeHls: false };

function tried(tracks: Track[], browser: Capabilities, wishes = {}): Way[] {
  return plan(choose({ tracks }, browser), wishes).map((o) => o.way);
}

const buffered: Way[] = ["wsmp4", "httpflv", "wsflv", "llhls", "hls"];
// As long as it is not known whether there are B-frames.
const every: Way[] = [...buffered, "whep"];
const safe: Way[] = ["whep", ...buffered];
const bFrames = (has_b_frames: boolean): Track => ({ ...video("H264", "High 4.0"), has_b_frames });

describe("the ways that are tried", () => {
  it.each([
    ["all", [video("H264"), audio("AAC")], chromium, {}, every],
    ["tracks that are not known yet", [], chromium, {}, every],
    ["sound alone", [audio("Opus")], chromium, {}, safe],
    ["H.264 that cannot have B-frames", [video("H264", "Constrained Baseline 3.1"), audio("AAC", 1, "LC")], chromium, {}, safe],
    ["H.264 that has none", [bFrames(false), audio("G.711 A-law")], chromium, {}, ["whep", ...buffered]],
    ["H.264 with B-frames", [bFrames(true), audio("AAC")], chromium, {}, every],
    ["what the server cannot make Opus of", [bFrames(false), audio("AAC", 1, "HE-AAC")], chromium, {}, every],
    ["H.264 that WebRTC has no decoder of", [video("H264", "High 10 4.0")], chromium, {}, buffered],
    ["what FLV cannot bring", [video("VP9"), audio("Opus")], chromium, {}, ["whep", "wsmp4", "llhls", "hls"]],
    ["what only WebRTC can bring", [video("VP8"), audio("Opus")], chromium, {}, ["whep"]],
    ["sound that FLV cannot bring", [video("H264"), audio("FLAC")], chromium, {}, ["wsmp4", "llhls", "hls", "whep", "httpflv", "wsflv"]],
    ["sound that cannot be played", [video("H264"), audio("AC-3")], chromium, {}, ["whep", "wsmp4", "httpflv", "wsflv"]],
    ["no picture", [video("H265"), audio("AAC")], chromium, {}, []],
    ["no picture is asked for", [video("H265"), audio("AAC")], chromium, { listen: true }, ["whep", "wsmp4", "httpflv", "wsflv"]],
    ["a wish", [video("H264")], chromium, { via: "hls" }, ["hls"]],
    ["a wish that cannot be met", [video("VP9")], chromium, { via: "httpflv" }, []],
    ["a phone without Media Source", [video("H265")], oldPhone, {}, ["hls"]],
    ["a browser without anything", [video("H264")], nothing, {}, []],
    ["a second track that is not asked for", [video("H264"), audio("AAC"), video("H265", "", 2), audio("AC-3", 3)], chromium, {}, every],
    ["a first track that a second does not mend", [video("H265"), video("H264", "", 2)], chromium, {}, []],
  ] as const)("%s", (_, tracks, browser, wishes, want) => expect(tried([...tracks], browser, wishes)).toEqual(want));
});

describe("the ways of a stream of which nothing is known", () => {
  it.each([
    ["all", chromium, {}, ["whep for all", ...every]],
    ["a wish", chromium, { via: "whep" }, ["whep"]],
    ["a phone without Media Source", oldPhone, {}, ["hls"]],
  ] as const)("%s", (_, browser, wishes, want) =>
    expect(plan(chooseBlindly(browser), wishes).map(({ way, whole }) => (whole ? `${way} for all` : way))).toEqual(want));
});

it("leaves out the kind that cannot be played", () => {
  const find = (tracks: Track[], way: Way) => choose({ tracks }, chromium).find((o) => o.way === way);
  expect(find([video("H264"), audio("AC-3")], "wsmp4")).toEqual({
    way: "wsmp4", kinds: { audio: false, video: true }, verdict: "play", note: "This browser cannot play AC-3 audio.", doubt: "",
  });
  expect(find([bFrames(true)], "whep")).toEqual({
    way: "whep", kinds: { audio: false, video: true }, verdict: "play", note: "B-frames are left out: set bframes=0 in the encoder.", doubt: "",
  });
  expect(find([video("H265"), audio("AAC")], "httpflv")).toMatchObject({ kinds: { audio: true, video: false }, verdict: "listen" });
});

describe("refusal", () => {
  it.each([
    ["no decoder", [video("H265"), audio("AAC")], chromium, {}, "This browser cannot play H265 video."],
    ["no decoder of either", [video("H265"), audio("AC-3")], chromium, { via: "hls" }, "This browser cannot play H265 video and AC-3 audio."],
    ["not from the container", [video("VP9"), audio("FLAC")], chromium, { via: "httpflv" }, "Browsers cannot play VP9 video and FLAC audio from FLV."],
    ["both", [video("VP8"), audio("AC-3")], chromium, { via: "wsmp4" }, "This browser cannot play AC-3 audio. Browsers cannot play VP8 video from MP4."],
    ["no WebRTC", [video("H264")], nothing, {}, "This browser has no WebRTC."],
    ["no Media Source", [video("H264")], nothing, { via: "hls" }, "This browser has no Media Source Extensions."],
  ] as const)("%s", (_, tracks, browser, wishes, want) => expect(refusal(choose({ tracks: [...tracks] }, browser), wishes)).toBe(want));
});

describe("because", () => {
  const options = (...tracks: Track[]) => choose({ tracks }, chromium);
  it.each([
    ["the first", "whep", {}, options(video("AV1")), [], "WebRTC is the way of least delay."],
    ["the second", "wsmp4", {}, options(video("H264")), [], "WS-fMP4 is of little delay and has every frame. WebRTC: B-frames are left out, which this stream may have."],
    ["the last", "whep", {}, options(video("H264")), [["hls", "The stream could not be decoded."]],
      "WebRTC is the way of least delay. HLS: The stream could not be decoded."],
    ["a wish", "hls", { via: "hls" }, options(video("H264")), [], "HLS, as you chose."],
    ["after a failure", "httpflv", {}, options(bFrames(false)), [["wsmp4", "The server refuses the WebSocket."]],
      "HTTP-FLV is of little delay and plain HTTP. WS-fMP4: The server refuses the WebSocket."],
    ["with a way between that cannot", "llhls", {}, options(video("VP9")), [["wsmp4", "The connection broke."]],
      "LL-HLS is about a second behind, and passes every cache. WS-fMP4: The connection broke. WS-FLV: Browsers cannot play VP9 video from FLV."],
  ] as const)("%s", (_, way, wishes, list, earlier, want) => expect(because(way, wishes, list, new Map(earlier))).toBe(want));
});

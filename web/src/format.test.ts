import { describe, expect, it } from "vitest";
import { bitrate, channels, count, duration, frameRate, lack, protocol } from "./format";

describe("bitrate", () => {
  it.each([
    [0, "0 bit/s"],
    [999, "999 bit/s"],
    [64_000, "64 kbit/s"],
    [999_499, "999 kbit/s"],
    [999_500, "1.0 Mbit/s"],
    [2_449_000, "2.4 Mbit/s"],
    [25_300_000, "25 Mbit/s"],
  ])("%d is %s", (bits, text) => expect(bitrate(bits)).toBe(text));
});

describe("duration", () => {
  it.each([
    [-3, "0 s"],
    [0.9, "0 s"],
    [42.7, "42 s"],
    [60, "1 min"],
    [185, "3 min 5 s"],
    [7440, "2 h 4 min"],
    [3605, "1 h"],
    [266_400, "3 d 2 h"],
  ])("%d seconds is %s", (seconds, text) => expect(duration(seconds)).toBe(text));
});

it("frame rates lose trailing zeros only", () => {
  expect(frameRate(25)).toBe("25 fps");
  expect(frameRate(30000 / 1001)).toBe("29.97 fps");
});

it("counts agree with their noun", () => {
  expect(count(1, "viewer")).toBe("1 viewer");
  expect(count(0, "viewer")).toBe("0 viewers");
  expect(count(12_345, "viewer")).toBe("12,345 viewers");
});

it("channels have names up to two", () => {
  expect([1, 2, 6].map(channels)).toEqual(["mono", "stereo", "6 channels"]);
});

it("protocols are spelt as usual", () => {
  expect(["rtmp", "httpflv", "webrtc"].map(protocol)).toEqual(["RTMP", "HTTP-FLV", "WebRTC"]);
});

describe("lack", () => {
  it.each([
    [
      { protocol: "rtsp", action: "publish", kind: "video", codec: "M-JPEG", why: "no decoder" },
      "The publisher's video M-JPEG is not used: no decoder",
    ],
    [
      { protocol: "httpflv", action: "play", kind: "audio", codec: "AC3", why: "no number" },
      "HTTP-FLV goes without audio AC3: no number",
    ],
    [
      { protocol: "rtsp", action: "publish", kind: "data", codec: "vnd.onvif.metadata", why: "unknown" },
      "The publisher's vnd.onvif.metadata is not used: unknown",
    ],
  ] as const)("%o", (l, text) => expect(lack(l)).toBe(text));
});

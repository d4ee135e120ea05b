import { describe, expect, it } from "vitest";
import { bitrate, bytes, channels, delay, duration, frameRate, lack, percent, protocol, reason } from "./format";

describe("bitrate", () => {
  it.each([
    [0, "0 bit/s"],
    [999, "999 bit/s"],
    [64_000, "64 kbit/s"],
    [999_499, "999 kbit/s"],
    [999_500, "1.0 Mbit/s"],
    [2_449_000, "2.4 Mbit/s"],
    [25_300_000, "25 Mbit/s"],
    [1_040_000_000, "1.0 Gbit/s"],
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

describe("bytes", () => {
  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.0 kB"],
    [9960, "10 kB"],
    [999_499, "999 kB"],
    [999_500, "1.0 MB"],
    [2_449_000_000, "2.4 GB"],
  ])("%d is %s", (n, text) => expect(bytes(n)).toBe(text));
});

it("shares of a processor have a decimal while they are small", () => {
  expect([0, 0.0123, 0.5, 1.75].map(percent)).toEqual(["0 %", "1.2 %", "50 %", "175 %"]);
});

it("delays are in ms up to a second", () => {
  expect([0.42, 18.4, 999, 2440].map(delay)).toEqual(["0.4 ms", "18 ms", "999 ms", "2.4 s"]);
});

it("reasons are words, if they are known", () => {
  expect(["kicked", "toString", "of_tomorrow"].map(reason)).toEqual(["closed by an operator", "toString", "of_tomorrow"]);
});

it("channels have names up to two", () => {
  expect([1, 2, 6].map(channels)).toEqual(["mono", "stereo", "6 channels"]);
});

it("protocols are spelt as usual", () => {
  expect(["rtmp", "httpflv", "webrtc", "relay"].map(protocol)).toEqual(["RTMP", "HTTP-FLV", "WebRTC", "relay"]);
});

describe("lack", () => {
  it.each([
    [
      { protocol: "rtsp", action: "publish", kind: "video", codec: "M-JPEG", why: "no decoder" },
      "The publisher's video M-JPEG is not used: ",
    ],
    [
      { protocol: "httpflv", action: "play", kind: "audio", codec: "AC3", why: "no number" },
      "HTTP-FLV goes without audio AC3: ",
    ],
    [
      { protocol: "rtsp", action: "publish", kind: "data", codec: "vnd.onvif.metadata", why: "unknown" },
      "The publisher's vnd.onvif.metadata is not used: ",
    ],
  ] as const)("%o", (l, text) => expect(lack(l)).toBe(text));
});

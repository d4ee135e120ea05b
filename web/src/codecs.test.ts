import { describe, expect, it } from "vitest";
import type { Track } from "./api";
import { anythingLeft, mseType, playable } from "./codecs";

const video = (codec: string, profile = ""): Track => ({ id: 0, kind: "video", codec, profile });
const audio = (codec: string): Track => ({ id: 1, kind: "audio", codec });

describe("mseType", () => {
  it.each([
    ["High 4.0", "avc1.640028"],
    ["Constrained Baseline 3.1", "avc1.42E01F"],
    ["Main 5", "avc1.4D0032"],
    ["High 10", "avc1.6E001E"],
    ["High 10 5.1", "avc1.6E0033"],
    ["High 4:4:4 Predictive 1.1", "avc1.F4000B"],
    ["", "avc1.42E01E"],
    ["Unheard Of 4.0", "avc1.42E01E"],
  ])("H264 %s is %s", (profile, codec) => {
    expect(mseType(video("H264", profile))).toBe(`video/mp4; codecs="${codec}"`);
  });
  it("does not know every codec", () => expect(mseType(audio("Speex"))).toBeNull());
});

describe("playable", () => {
  const noHevc = (type: string) => !type.includes("hvc1");

  it("says nothing when all can be played", () => {
    expect(playable([video("H264"), audio("AAC")], noHevc)).toEqual({ audio: true, video: true, note: "" });
  });
  it("leaves out what cannot be played and names it", () => {
    const tracks = [video("H264"), audio("Speex")];
    const p = playable(tracks, noHevc);
    expect(p).toEqual({ audio: false, video: true, note: "This browser cannot play Speex audio." });
    expect(anythingLeft(tracks, p)).toBe(true);
  });
  it("notices that nothing is left", () => {
    const tracks = [video("H265")];
    expect(anythingLeft(tracks, playable(tracks, noHevc))).toBe(false);
  });
  it("tries a stream whose tracks are not known yet", () => {
    expect(anythingLeft([], playable([], noHevc))).toBe(true);
  });
});

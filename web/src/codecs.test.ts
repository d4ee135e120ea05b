import { describe, expect, it } from "vitest";
import type { Track } from "./api";
import { mseType, playable } from "./codecs";

const video = (codec: string, profile = "", id = 0): Track => ({ id, kind: "video", codec, profile });
const audio = (codec: string, id = 1): Track => ({ id, kind: "audio", codec });

describe("mseType", () => {
  it.each([
    ["H264", "High 4.0", "avc1.640028"],
    ["H264", "Constrained Baseline 3.1", "avc1.42E01F"],
    ["H264", "Main 5", "avc1.4D0032"],
    ["H264", "High 10", "avc1.6E001E"],
    ["H264", "High 10 5.1", "avc1.6E0033"],
    ["H264", "High 4:4:4 Predictive 1.1", "avc1.F4000B"],
    ["H264", "Baseline 1b", "avc1.42E01E"],
    ["H264", "", "avc1.42E01E"],
    ["H264", "Unheard Of 4.0", "avc1.42E028"],
    ["H265", "Main 4.1", "hvc1.1.6.L123.B0"],
    ["H265", "Main 10 5.1 high tier", "hvc1.2.4.H153.B0"],
    ["H265", "", "hvc1.1.6.L120.B0"],
    ["AV1", "Main 4.0", "av01.0.08M.08"],
    ["AV1", "Main 2.1", "av01.0.01M.08"],
    ["AV1", "High 6.3 high tier", "av01.1.19H.08"],
    ["AV1", "Main", "av01.0.08M.08"],
  ])("%s %s is %s", (codec, profile, type) => {
    expect(mseType(video(codec, profile))).toBe(`video/mp4; codecs="${type}"`);
  });
  it.each([
    ["AAC", `audio/mp4; codecs="mp4a.40.2"`],
    ["MP3", "audio/mpeg"],
    ["Opus", `audio/mp4; codecs="opus"`],
  ])("%s is %s", (codec, type) => expect(mseType(audio(codec))).toBe(type));
  it.each(["VP8", "VP9", "FLAC", "AC-3", "E-AC-3", "G.711 A-law", "G.711 mu-law", "Speex"])("%s is not known from FLV", (codec) => {
    expect(mseType(audio(codec))).toBeNull();
  });
});

describe("playable", () => {
  const noHevc = (type: string) => !type.includes("hvc1");
  it.each([
    ["all", [video("H264"), audio("AAC")], true, true, "play", ""],
    ["no sound", [video("H264"), audio("G.711 A-law")], true, false, "play", "Browsers cannot play G.711 A-law audio from FLV."],
    ["no picture", [video("H265"), audio("AAC")], false, true, "listen", "This browser cannot play H265 video."],
    ["no picture and no sound", [video("H265"), audio("AC-3")], false, false, "nothing",
      "This browser cannot play H265 video. Browsers cannot play AC-3 audio from FLV."],
    ["neither from FLV", [video("VP9"), audio("AC-3")], false, false, "nothing", "Browsers cannot play VP9 video and AC-3 audio from FLV."],
    ["a picture alone", [video("H265")], false, true, "nothing", "This browser cannot play H265 video."],
    ["sound alone", [audio("Opus")], true, true, "play", ""],
    ["tracks that are not known yet", [], true, true, "play", ""],
    ["a second track that it does not ask for", [video("H264"), audio("AAC"), video("H265", "", 2), audio("AC-3", 3)], true, true, "play", ""],
    ["a first track that a second does not mend", [video("H265"), video("H264", "", 2)], false, true, "nothing", "This browser cannot play H265 video."],
  ] as const)("%s", (_, tracks, v, a, verdict, note) => {
    expect(playable([...tracks], noHevc)).toEqual({ video: v, audio: a, verdict, note });
  });
});

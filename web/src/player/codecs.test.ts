import { describe, expect, it } from "vitest";
import type { Track } from "../api";
import { carries, mseType } from "./codecs";

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
    ["VP9", "profile 0 1.0", "vp09.00.10.08"],
    ["VP9", "profile 2 5.1", "vp09.02.51.10"],
    ["VP9", "", "vp09.00.31.08"],
  ])("%s %s is %s", (codec, profile, type) => {
    expect(mseType(video(codec, profile), "FLV")).toBe(`video/mp4; codecs="${type}"`);
  });
  it.each([
    ["AAC", "FLV", `audio/mp4; codecs="mp4a.40.2"`],
    ["MP3", "FLV", "audio/mpeg"],
    ["MP3", "MP4", `audio/mp4; codecs="mp4a.6B"`],
    ["Opus", "HLS", `audio/mp4; codecs="opus"`],
    ["FLAC", "MP4", `audio/mp4; codecs="flac"`],
    ["AC-3", "MP4", `audio/mp4; codecs="ac-3"`],
    ["E-AC-3", "MP4", `audio/mp4; codecs="ec-3"`],
  ] as const)("%s from %s is %s", (codec, container, type) => expect(mseType(audio(codec), container)).toBe(type));
  it.each(["VP8", "G.711 A-law", "G.711 mu-law", "Speex"])("%s is not known", (codec) => {
    expect(mseType(audio(codec), "MP4")).toBeNull();
  });
});

it("every codec that a container carries has a type", () => {
  const codecs = ["H264", "H265", "AV1", "VP8", "VP9", "AAC", "MP3", "Opus", "FLAC", "AC-3", "E-AC-3", "G.711 A-law", "Speex"];
  for (const container of ["FLV", "MP4", "HLS"] as const) {
    const carried = codecs.filter((c) => carries(container, audio(c)));
    expect(carried.length).toBe(container === "FLV" ? 6 : 10);
    for (const c of carried) expect(mseType(audio(c), container)).not.toBeNull();
  }
});

import { describe, expect, it } from "vitest";
import type { Track } from "../api";
import { remember, type Remembered } from "./remember";

const known = (epoch: number, has_b_frames?: boolean): Remembered => {
  const track: Track = { id: 0, kind: "video", codec: "H264" };
  return { epoch, tracks: [has_b_frames === undefined ? track : { ...track, has_b_frames }] };
};
const told = (r: Remembered | undefined) => r?.tracks.map((t) => t.has_b_frames);

describe("remember", () => {
  it.each([
    ["a stream that is gone", known(1, true), undefined, [true]],
    ["one without tracks", known(1, true), { epoch: 2, tracks: [] }, [true]],
    ["none", undefined, undefined, undefined],
    ["a new one", undefined, known(1, false), [false]],
    ["what was found since", known(1), known(1, true), [true]],
    ["B-frames that were there", known(1, true), known(1, false), [true]],
    ["B-frames that come later", known(1, false), known(1, true), [true]],
    ["what nobody can tell at the moment", known(1, false), known(1), [false]],
    ["another publisher", known(1, true), known(2, false), [false]],
    ["another publisher of whom nothing is known yet", known(1, true), known(2), [true]],
  ] as const)("%s", (_, before, now, want) => expect(told(remember(before, now as Remembered | undefined))).toEqual(want));

  const bad = { playable: false, why: "x", left_out: [] };
  const good = { playable: true, why: "", left_out: [] };
  it.each([
    ["keeps what the server said while it says nothing else", good, known(1), good],
    ["takes what the server says later", good, { ...known(1), webrtc: bad }, bad],
    ["keeps that pictures cannot be sent, though at the moment all could be", bad, { ...known(1), webrtc: good }, bad],
    ["forgets that for another publisher", bad, { ...known(2), webrtc: good }, good],
  ])("%s", (_, webrtc, now, want) => expect(remember({ ...known(1), webrtc }, now)?.webrtc).toBe(want));
});

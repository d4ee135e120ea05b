import { describe, expect, it } from "vitest";
import { behindMs, byStream, isOn, playableAt, type Kept, type Recorder, type Recording } from "./model";

const start = Date.UTC(2026, 10, 21, 12);
const file = (seconds: number, duration_s: number, format: Recording["format"] = "mp4") =>
  ({ start: new Date(start + seconds * 1000).toISOString(), duration_s, format }) as Recording;
const at = (seconds: number) => start + seconds * 1000;

it("streams are those that are kept and those that are recorded", () => {
  const kept = [{ stream: "b" }, { stream: "a" }] as Kept[];
  const recorders = [{ stream: "c", state: "waiting" }, { stream: "a", state: "recording" }] as Recorder[];
  expect(byStream(kept, recorders)).toEqual([
    { stream: "a", kept: kept[1], recorder: recorders[1] },
    { stream: "b", kept: kept[0] },
    { stream: "c", recorder: recorders[0] },
  ]);
});

it.each([
  [undefined, false],
  ["stopped", false],
  ["recording", true],
  ["waiting", true],
  ["failed", true],
] as const)("a recorder that is %s is on: %s", (state, want) => expect(isOn(state && ({ state } as Recorder))).toBe(want));

describe("what can be played first", () => {
  const files = [file(0, 60), file(60, 60), file(300, 60)];
  it.each([
    [-5, 0],
    [30, 30],
    [60, 60],
    [150, 300],
    [359, 359],
  ])("from second %i on begins at %i", (from, want) => expect(playableAt(files, at(from))?.at).toBe(at(want)));
  it("is nothing after the last file", () => expect(playableAt(files, at(360))).toBeNull());

  it("is asked for with what is around it", () => {
    expect(playableAt(files, at(300))!.span).toEqual({ from: at(300) - behindMs, to: at(300) + 3_600_000 });
  });
  it("is asked for without files that browsers cannot play", () => {
    const mixed = [file(0, 290, "flv"), file(290, 60), file(350, 60, "ts"), file(500, 60, "flv"), file(560, 60)];
    expect(playableAt(mixed, at(10))).toEqual({ at: at(290), span: { from: at(290), to: at(500) } });
    expect(playableAt(mixed, at(520))).toEqual({ at: at(560), span: { from: at(560), to: at(560) + 3_600_000 } });
    expect(playableAt([file(0, 60, "flv")], at(0))).toBeNull();
  });
});

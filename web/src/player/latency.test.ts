import { describe, expect, it } from "vitest";
import { ArrivalClock, behind, midway, smooth } from "./latency";

describe("behind", () => {
  const clock = { streamMs: 100_000, at: 5000 };
  it.each([
    ["at the moment of the answer", 5000, 98_000, 0.8, 1.2],
    ["the stream's time runs on after the answer", 7500, 98_000, 2.8, 1.7],
    ["and ran before it", 4900, 98_000, 0.7, 1.2],
    ["a picture from the future is one of now", 5000, 98_000, 2.5, 0],
    ["a paused player", 65_000, 98_000, 2, 60],
    ["far in the future", 5000, 98_000, 3.5, null],
    ["hours behind", 5000, 98_000 - 7_200_000, 0, null],
    ["no time", 5000, Number.NaN, 0, null],
  ] as const)("%s", (_, now, start, current, want) => {
    const got = behind(clock, now, start, current);
    if (want === null) expect(got).toBeNull();
    else expect(got).toBeCloseTo(want, 6);
  });

  it("is not disturbed by the wrap of 32 bits", () => {
    const joined = 2 ** 32 - 500;
    expect(behind({ streamMs: 1500, at: 0 }, 0, joined, 1)).toBeCloseTo(1, 6);
    expect(behind({ streamMs: 2 ** 32 + 1500, at: 0 }, 0, joined, 1)).toBeCloseTo(1, 6);
    expect(behind({ streamMs: 2 ** 32 - 100, at: 0 }, 0, 50, 0)).toBe(0);
  });
});

describe("smooth", () => {
  it.each([
    ["the first value", null, 2, 2],
    ["noise", 2, 2.5, 2.15],
    ["a jump", 3, 0.9, 0.9],
    ["nothing measured", 2, null, null],
  ] as const)("%s", (_, shown, measured, want) => {
    const got = smooth(shown, measured);
    if (want === null) expect(got).toBeNull();
    else expect(got).toBeCloseTo(want, 6);
  });

  it("comes to what is measured", () => {
    let shown: number | null = 1;
    for (let i = 0; i < 30; i++) shown = smooth(shown, 1.5);
    expect(shown).toBeCloseTo(1.5, 3);
  });
});

it("an answer is true in the middle of its round trip", () => expect(midway(1000, 1080)).toBe(1040));

describe("ArrivalClock", () => {
  it("knows nothing before anything came", () => expect(new ArrivalClock().behind(0, 0)).toBeNull());

  it("trusts what came earliest for its time", () => {
    const clock = new ArrivalClock();
    clock.see(10, 1000);
    clock.see(10.5, 2000); // half a second late
    clock.see(12, 3000);
    expect(clock.behind(11, 3000)).toBeCloseTo(1, 6);
    expect(clock.behind(11, 3500)).toBeCloseTo(1.5, 6);
  });

  it("forgets what is long ago", () => {
    const clock = new ArrivalClock();
    clock.see(10, 1000);
    for (let s = 2; s <= 20; s++) clock.see(9 + s - 0.5, s * 1000);
    expect(clock.behind(28, 20_000)).toBeCloseTo(0.5, 6);
  });

  it("is never ahead of the stream", () => {
    const clock = new ArrivalClock();
    clock.see(10, 1000);
    expect(clock.behind(11, 1000)).toBe(0);
    clock.reset();
    expect(clock.behind(11, 1000)).toBeNull();
  });
});

import { describe, expect, it } from "vitest";
import type { Recording } from "./model";
import { around, bars, leastMs, pan, shareOf, ticks, within, zoom } from "./scale";

const bounds = { from: 0, to: 1_000_000 };
const hour = 3_600_000;

describe("a span", () => {
  it.each([
    ["stays", { from: 100_000, to: 300_000 }, { from: 100_000, to: 300_000 }],
    ["is moved in from the left", { from: -50_000, to: 50_000 }, { from: 0, to: 100_000 }],
    ["is moved in from the right", { from: 950_000, to: 1_050_000 }, { from: 900_000, to: 1_000_000 }],
    ["is no longer than all", { from: -1e6, to: 9e6 }, bounds],
    ["is not shorter than can be read", { from: 5000, to: 5001 }, { from: 5000, to: 5000 + leastMs }],
  ])("%s", (_, span, want) => expect(within(span, bounds)).toEqual(want));

  it("is readable where there is little", () => expect(within({ from: 0, to: 50 }, { from: 0, to: 50 })).toEqual({ from: 0, to: leastMs }));

  it("is zoomed around what is pointed at", () => {
    const span = { from: 200_000, to: 400_000 };
    const half = zoom(span, 0.5, 250_000, bounds);
    expect(half).toEqual({ from: 225_000, to: 325_000 });
    expect(shareOf(250_000, half)).toBe(shareOf(250_000, span));
    expect(zoom(half, 2, 250_000, bounds)).toEqual(span);
    expect(zoom(span, 100, 250_000, bounds)).toEqual(bounds);
  });
  it("is moved by a share, and not out", () => {
    expect(pan({ from: 0, to: 100_000 }, 0.5, bounds)).toEqual({ from: 50_000, to: 150_000 });
    expect(pan({ from: 0, to: 100_000 }, -0.5, bounds)).toEqual({ from: 0, to: 100_000 });
  });
  it("is laid around a time", () => expect(around(500_000, 200_000, bounds)).toEqual({ from: 400_000, to: 600_000 }));
});

describe("ticks", () => {
  it.each([
    ["seconds", 60_000, 0, 5000, 13],
    ["hours", 10 * hour, 0, hour, 11],
    ["days", 240 * hour, 0, 24 * hour, 11],
  ])("are round %s", (_, length, from, step, count) => {
    const found = ticks({ from, to: from + length }, 12, 0);
    expect([found.step, found.at.length, found.at[0]]).toEqual([step, count, 0]);
  });
  it("are round by the clock of the place", () => {
    const { at } = ticks({ from: 0, to: 48 * hour }, 2, 5.5 * hour);
    expect(at.map((ms) => (ms + 5.5 * hour) % (24 * hour))).toEqual(at.map(() => 0));
  });
  it("are few also of ages", () => expect(ticks({ from: 0, to: 5000 * 24 * hour }, 8, 0).step).toBe(365 * 24 * hour));
});

const file = (from: number, to: number, more: Partial<Recording> = {}) =>
  ({ start: new Date(from).toISOString(), duration_s: (to - from) / 1000, format: "mp4", writing: false, ...more }) as Recording;

describe("bars", () => {
  const span = { from: 10_000, to: 100_000 };
  it("are the files of the span", () => {
    const found = bars([file(0, 10_000), file(5000, 20_000), file(20_000, 40_000), file(60_000, 80_000, { writing: true }), file(100_000, 110_000)], span, 100);
    expect(found.map(({ from, to, files, writing }) => [from, to, files, writing])).toEqual([
      [5000, 20_000, 1, false],
      [20_000, 40_000, 1, false],
      [60_000, 80_000, 1, true],
    ]);
  });
  it("are one where files cannot be told apart, and leave gaps that can", () => {
    const small = (from: number, more?: Partial<Recording>) => file(from, from + 500, more);
    const found = bars([small(10_000), small(10_500), small(11_500), small(20_000), small(20_500, { format: "flv" }), small(21_000, { format: "flv", writing: true })], span, 2000);
    expect(found).toEqual([
      { from: 10_000, to: 12_000, files: 3, writing: false, playable: true },
      { from: 20_000, to: 20_500, files: 1, writing: false, playable: true },
      { from: 20_500, to: 21_500, files: 2, writing: true, playable: false },
    ]);
  });
});

import { describe, expect, it } from "vitest";
import { afterGap, ahead, evictable } from "./spans";

describe("afterGap", () => {
  it.each([
    ["nothing is buffered", [], 3, null],
    ["media is ahead", [[0, 5]], 3, null],
    ["all was played", [[0, 5]], 5, null],
    ["dry before a gap", [[0, 5], [9, 12]], 5, 9],
    ["so close to the end that it counts as dry", [[0, 5], [9, 12]], 4.95, 9],
    ["the stream starts later than zero", [[40, 42]], 0, 40],
    ["inside the later span", [[0, 5], [9, 12]], 10, null],
  ] as const)("%s", (_, spans, now, want) => expect(afterGap([...spans], now)).toBe(want));
});

describe("ahead", () => {
  it.each([
    [[[0, 5]], 3.5, 1.5],
    [[[0, 5], [9, 12]], 10, 2],
    [[[0, 5]], 7, 0],
    [[], 0, 0],
  ] as const)("%j at %d is %d", (spans, now, want) => expect(ahead([...spans], now)).toBe(want));
});

describe("evictable", () => {
  it.each([
    ["nothing is buffered", [], 100, null],
    ["little was played", [[70, 101]], 100, null],
    ["much was played", [[60, 101]], 100, 85],
    ["an older span is left over", [[10, 20], [90, 101]], 100, 85],
    ["all is ahead", [[100, 200]], 0, null],
  ] as const)("%s", (_, spans, now, want) => expect(evictable([...spans], now)).toBe(want));
});

import { describe, expect, it } from "vitest";
import { backoff } from "./backoff";

describe("backoff", () => {
  const longest = () => 0;
  const shortest = () => 1;

  it("doubles from the base", () => {
    expect([0, 1, 2, 3].map((n) => backoff(n, 500, 10_000, longest))).toEqual([500, 1000, 2000, 4000]);
  });
  it("stops at the bound, however often it failed", () => {
    expect(backoff(5, 500, 10_000, longest)).toBe(10_000);
    expect(backoff(5000, 500, 10_000, longest)).toBe(10_000);
  });
  it("takes away at most half", () => {
    expect(backoff(2, 500, 10_000, shortest)).toBe(1000);
  });
});

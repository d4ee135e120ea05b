import { describe, expect, it } from "vitest";
import { Pace } from "./pace";

describe("Pace", () => {
  it("jumps over what a join brings", () => {
    const pace = new Pace();
    const { rate, jump } = pace.next(2, 0, true);
    expect(rate).toBe(1);
    expect(2 - jump).toBeCloseTo(pace.target, 6);
  });

  it("leaves a moving picture alone until it is far behind", () => {
    const pace = new Pace();
    expect(pace.next(2, 0, false).jump).toBe(0);
    expect(pace.next(5, 0, false).jump).toBeCloseTo(5 - pace.target, 6);
  });

  it("is fast until it is at the target, slow until it is again", () => {
    const pace = new Pace();
    const rate = (ahead: number) => pace.next(ahead, 0, false).rate;
    expect(rate(pace.target)).toBe(1);
    expect(rate(pace.target + 0.5)).toBeGreaterThan(1);
    expect(rate(pace.target + 0.05)).toBeGreaterThan(1);
    expect(rate(pace.target - 0.01)).toBe(1);
    expect(rate(pace.target / 3)).toBeLessThan(1);
    expect(rate(pace.target * 0.9)).toBeLessThan(1);
    expect(rate(pace.target)).toBe(1);
  });

  it("does not rest where the delay would come near 0.4 s", () => {
    expect(new Pace().next(0.25, 0, false).rate).toBeGreaterThan(1);
  });

  it("aims at more on a bad network, within bounds, and at less when it is calm", () => {
    const pace = new Pace();
    const least = pace.target;
    for (let i = 0; i < 20; i++) pace.starved(1000);
    const most = pace.target;
    expect(most).toBeGreaterThan(4 * least);
    expect(most).toBeLessThan(2);
    pace.next(most, 50_000, false);
    expect(pace.target).toBe(most);
    pace.next(most, 62_000, false);
    expect(pace.target).toBeLessThan(most);
    for (let s = 2; s < 100; s++) pace.next(most, s * 62_000, false);
    expect(pace.target).toBe(least);
  });
});

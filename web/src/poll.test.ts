import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "./api";
import { poll } from "./poll";

const page = Object.assign(new EventTarget(), { hidden: false });

let asked = 0;
let told: unknown[];
let stop: () => void;

beforeEach(() => {
  [asked, told, page.hidden] = [0, [], false];
  vi.useFakeTimers();
  vi.stubGlobal("document", page);
});
afterEach(() => {
  stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Polls each second, for what `answers` has of each turn. */
function start(answers: (turn: number) => string, isLast: (answer: string) => boolean = () => false) {
  const load = async () => answers(++asked);
  stop = poll(load, 1000, isLast, ({ data, error }) => told.push(data ?? error));
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

describe("polling", () => {
  it("asks at once, and again after a while", async () => {
    start((turn) => `answer ${turn}`);
    await pass(2500);
    expect(told).toEqual(["answer 1", "answer 2", "answer 3"]);
  });

  it("asks no more after the last answer, even if the tab is shown again", async () => {
    start((turn) => (turn < 2 ? "runs" : "has ended"), (answer) => answer === "has ended");
    await pass(10_000);
    page.dispatchEvent(new Event("visibilitychange"));
    await pass(10_000);
    expect(told).toEqual(["runs", "has ended"]);
  });

  it("asks again after a failure, but not with a token that is refused", async () => {
    const failures = [new Error("gone"), new ApiError(401, "unauthorized", "a token is needed")];
    start((turn) => {
      throw failures[turn - 1];
    });
    await pass(60_000);
    expect(told).toEqual(failures);
  });

  it("waits while the tab is hidden", async () => {
    page.hidden = true;
    start(() => "answer");
    await pass(5000);
    expect(asked).toBe(0);
    page.hidden = false;
    page.dispatchEvent(new Event("visibilitychange"));
    await pass(0);
    expect(told).toEqual(["answer"]);
  });

  it("ends when nobody wants it any more", async () => {
    start(() => "answer");
    stop();
    await pass(5000);
    expect([asked, told]).toEqual([1, []]);
  });
});

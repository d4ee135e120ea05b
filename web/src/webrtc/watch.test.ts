import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { watch } from "./watch";

class Stateful extends EventTarget {
  state = "new";
  connectionState = "new";
  become(state: string) {
    this.state = this.connectionState = state;
    this.dispatchEvent(new Event("statechange"));
    this.dispatchEvent(new Event("connectionstatechange"));
  }
}

describe("watch", () => {
  let pc: Stateful;
  let transport: Stateful;
  let over: ReturnType<typeof vi.fn<(how: string) => void>>;
  let mend: ReturnType<typeof vi.fn<() => Promise<void>>>;
  let stop: () => void;

  beforeEach(() => {
    vi.useFakeTimers();
    pc = new Stateful();
    transport = new Stateful();
    over = vi.fn();
    mend = vi.fn(async () => undefined);
    Object.assign(pc, { getTransceivers: () => [{ receiver: { transport } }] });
  });
  afterEach(() => {
    stop();
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  const begin = () => (stop = watch(pc as unknown as RTCPeerConnection, { mend, over }));
  const wait = (ms: number) => vi.advanceTimersByTime(ms);

  it("gives a connection some time to come about", () => {
    begin();
    pc.become("connecting");
    wait(7999);
    expect(over).not.toHaveBeenCalled();
    wait(1);
    expect(over.mock.calls).toEqual([["never"]]);
  });

  it("leaves a connection alone that was there before, and one that comes back", () => {
    pc.become("connected");
    begin();
    wait(60_000);
    pc.become("disconnected");
    wait(1999);
    pc.become("connected");
    wait(60_000);
    expect([over, mend].map((f) => f.mock.calls.length)).toEqual([0, 0]);
  });

  it.each([
    ["an interruption that lasts", ["disconnected"], 2000],
    ["a failure", ["disconnected", "failed"], 0],
  ] as const)("mends %s, once at a time", (_, states, ms) => {
    pc.become("connected");
    begin();
    for (let i = 1; i <= 2; i++) {
      states.forEach((s) => pc.become(s));
      wait(ms);
      pc.become("connecting");
      pc.become("failed");
      pc.become("disconnected");
      wait(7999);
      expect(mend).toHaveBeenCalledTimes(i);
      pc.become("connected");
      wait(60_000);
    }
    expect(over).not.toHaveBeenCalled();
  });

  it("tells of a connection that cannot be mended, and of one that is not in time", async () => {
    for (const fails of [true, false]) {
      pc.become("connected");
      begin();
      if (fails) mend.mockRejectedValueOnce(new Error("gone"));
      pc.become("failed");
      await vi.advanceTimersByTimeAsync(fails ? 0 : 8000);
      expect(over.mock.calls).toEqual([["lost"]]);
      over.mockClear();
    }
  });

  it.each([
    ["a failure before it was there", ["failed"], "never"],
    ["the end of one that was there", ["connected", "closed"], "lost"],
  ] as const)("tells of %s, once", (_, states, how) => {
    begin();
    states.forEach((s) => pc.become(s));
    pc.become("closed");
    wait(60_000);
    expect(over.mock.calls).toEqual([[how]]);
    expect(mend).not.toHaveBeenCalled();
  });

  it("hears the other side's farewell", () => {
    begin();
    pc.become("connected");
    transport.become("connected");
    transport.become("closed");
    expect(over.mock.calls).toEqual([["closed"]]);
  });

  it("says nothing once it is stopped", () => {
    begin();
    stop();
    pc.become("failed");
    transport.become("closed");
    wait(60_000);
    expect(over).not.toHaveBeenCalled();
  });
});

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
  let stop: () => void;

  beforeEach(() => {
    vi.useFakeTimers();
    pc = new Stateful();
    transport = new Stateful();
    over = vi.fn();
    Object.assign(pc, { getTransceivers: () => [{ receiver: { transport } }] });
  });
  afterEach(() => {
    stop();
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  const begin = () => (stop = watch(pc as unknown as RTCPeerConnection, over));
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
    wait(2999);
    pc.become("connected");
    wait(60_000);
    expect(over).not.toHaveBeenCalled();
  });

  it.each([
    ["a failure before it was there", ["failed"], 0, "never"],
    ["a failure later", ["connected", "failed"], 0, "lost"],
    ["an interruption that lasts", ["connected", "disconnected"], 3000, "lost"],
  ] as const)("tells of %s, once", (_, states, ms, how) => {
    begin();
    states.forEach((s) => pc.become(s));
    wait(ms);
    pc.become("closed");
    wait(60_000);
    expect(over.mock.calls).toEqual([[how]]);
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

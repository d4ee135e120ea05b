import { beforeEach, describe, expect, it } from "vitest";
import { AppendQueue } from "./append-queue";

class FakeBuffer extends EventTarget {
  updating = false;
  spans: [number, number][] = [];
  /** What was asked of it. */
  readonly calls: string[] = [];
  /** Thrown by the next append. */
  refusal: Error | null = null;

  get buffered() {
    const { spans } = this;
    return { length: spans.length, start: (i: number) => spans[i]![0], end: (i: number) => spans[i]![1] };
  }

  appendBuffer(bytes: Uint8Array) {
    const { refusal } = this;
    this.refusal = null;
    if (refusal) throw refusal;
    this.begin(`append ${[...bytes]}`);
  }

  remove(from: number, to: number) {
    this.begin(`remove ${from} ${to}`);
  }

  changeType(type: string) {
    this.calls.push(type);
  }

  /** Ends what is under way. */
  done() {
    this.updating = false;
    this.dispatchEvent(new Event("updateend"));
  }

  private begin(call: string) {
    if (this.updating) throw new DOMException("busy", "InvalidStateError");
    this.updating = true;
    this.calls.push(call);
  }
}

describe("AppendQueue", () => {
  let buffer: FakeBuffer;
  let video: { currentTime: number };
  let failures: string[];
  let queue: AppendQueue;

  beforeEach(() => {
    buffer = new FakeBuffer();
    video = { currentTime: 0 };
    failures = [];
    queue = new AppendQueue(buffer as unknown as SourceBuffer, video as HTMLVideoElement, (why) => failures.push(why.message));
  });

  const push = (...bytes: number[]) => queue.push(Uint8Array.from(bytes));

  it("appends at once, and what came meanwhile together", () => {
    push(1);
    push(2);
    push(3, 4);
    expect(buffer.calls).toEqual(["append 1"]);
    buffer.done();
    expect(buffer.calls).toEqual(["append 1", "append 2,3,4"]);
    buffer.done();
    expect(buffer.calls).toHaveLength(2);
  });

  it("changes the type between the media of two types", () => {
    push(1);
    push(2);
    queue.changeType("video/new");
    push(3);
    buffer.done();
    buffer.done();
    expect(buffer.calls).toEqual(["append 1", "append 2", "video/new", "append 3"]);
  });

  it("takes away what was played long ago", () => {
    buffer.spans = [[0, 40]];
    video.currentTime = 39;
    push(1);
    expect(buffer.calls).toEqual(["remove 0 24"]);
    buffer.spans = [[24, 40]];
    buffer.done();
    expect(buffer.calls).toEqual(["remove 0 24", "append 1"]);
  });

  it("makes room and tries again when the browser is full", () => {
    buffer.spans = [[0, 20]];
    video.currentTime = 10;
    buffer.refusal = new DOMException("full", "QuotaExceededError");
    push(1);
    expect(buffer.calls).toEqual(["remove 0 8"]);
    buffer.done();
    expect(buffer.calls).toEqual(["remove 0 8", "append 1"]);
    expect(failures).toEqual([]);
  });

  it.each([
    ["no room can be made", new DOMException("", "QuotaExceededError"), "The browser has no room for more of the stream."],
    ["the codec is unknown", new DOMException("", "NotSupportedError"), "This browser cannot play the stream's codecs."],
    ["the media are broken", new DOMException("", "InvalidStateError"), "The stream could not be decoded."],
  ])("fails once if %s", (_, refusal, message) => {
    buffer.refusal = refusal;
    push(1);
    push(2);
    expect(failures).toEqual([message]);
    expect(buffer.calls).toEqual([]);
  });

  it("fails on an error of the buffer", () => {
    push(1);
    buffer.dispatchEvent(new Event("error"));
    buffer.done();
    expect(failures).toEqual(["The stream could not be decoded."]);
  });

  it("does not gather for a page that sleeps", () => {
    const large = new Uint8Array(32 << 20);
    push(1);
    queue.push(large);
    queue.push(large);
    expect(failures).toEqual([]);
    push(2);
    expect(failures).toEqual(["The browser does not keep up with the stream."]);
  });

  it("does nothing after stop", () => {
    push(1);
    push(2);
    queue.stop();
    buffer.done();
    push(3);
    expect(buffer.calls).toEqual(["append 1"]);
  });
});

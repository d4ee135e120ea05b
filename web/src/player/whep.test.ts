import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "../api";
import type { Incoming } from "../webrtc/incoming";
import type { Watcher } from "../webrtc/watch";
import type { Transport, TransportEvents } from "./transport";
import { openWhep } from "./whep";

const { exchange, watch, read, leave, restart, unwatch } = vi.hoisted(() => ({
  exchange: vi.fn(), watch: vi.fn(), read: vi.fn(), leave: vi.fn(async () => undefined), restart: vi.fn(async () => undefined), unwatch: vi.fn(),
}));
const session = { leave, restart };
vi.mock("../webrtc/exchange", () => ({ exchange }));
vi.mock("../webrtc/watch", () => ({ watch }));
vi.mock("../webrtc/incoming", () => ({ IncomingMeter: class { read = read; } }));

const connections: FakeConnection[] = [];

class FakeConnection {
  readonly transceivers: { currentDirection: string; receiver: { track: { kind: string } } }[] = [];
  ontrack?: (e: { track: unknown }) => void;
  readonly close = vi.fn();
  readonly getStats = vi.fn(async () => new Map());
  constructor() {
    connections.push(this);
  }
  addTransceiver(kind: string, { direction }: { direction: string }) {
    this.transceivers.push({ currentDirection: direction, receiver: { track: { kind } } });
  }
  getTransceivers() {
    return this.transceivers;
  }
}

class FakeStream {
  readonly tracks: unknown[] = [];
  addTrack(t: unknown) {
    this.tracks.push(t);
  }
}

describe("WHEP", () => {
  let video: { srcObject: FakeStream | null };
  let events: { [K in keyof TransportEvents]: ReturnType<typeof vi.fn> };
  let page: EventTarget;
  const moving = { arrives: true, stuck: false, behind: null } as Incoming;

  beforeEach(() => {
    vi.useFakeTimers({ now: 5000 });
    vi.clearAllMocks();
    connections.length = 0;
    page = new EventTarget();
    vi.stubGlobal("RTCPeerConnection", FakeConnection);
    vi.stubGlobal("MediaStream", FakeStream);
    vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
    video = { srcObject: null };
    events = { ended: vi.fn(), note: vi.fn(), lacks: vi.fn() };
    exchange.mockResolvedValue(session);
    watch.mockReturnValue(unwatch);
    read.mockReturnValue(moving);
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  async function open(kinds = { video: true, audio: true }): Promise<Transport> {
    const source = { url: "http://h/live/whep?token=x", kinds };
    const transport = await openWhep(video as unknown as HTMLVideoElement, source, events as unknown as TransportEvents, {} as never);
    await vi.advanceTimersByTimeAsync(0);
    return transport;
  }
  const watcher = () => watch.mock.calls[0]![1] as Watcher;
  const ended = () => events.ended.mock.calls.map(([{ message, final, elsewhere }]) => [message, final, elsewhere]);

  it("receives both kinds into the element, and leaves", async () => {
    const transport = await open();
    const pc = connections[0]!;
    expect(exchange).toHaveBeenCalledWith(pc, "http://h/live/whep?token=x", null, expect.any(AbortSignal));
    expect(pc.transceivers.map((t) => [t.receiver.track.kind, t.currentDirection])).toEqual([["video", "recvonly"], ["audio", "recvonly"]]);
    pc.ontrack!({ track: "v" });
    expect(video.srcObject!.tracks).toEqual(["v"]);
    transport.stop();
    expect(video.srcObject).toBeNull();
    await vi.advanceTimersByTimeAsync(0);
    expect([leave.mock.calls.length, unwatch.mock.calls.length, pc.close.mock.calls.length]).toEqual([1, 1, 1]);
    expect(events.lacks).not.toHaveBeenCalled();
  });

  it("asks for no more than is wanted", async () => {
    (await open({ video: false, audio: true })).stop();
    expect(connections[0]!.transceivers.map((t) => t.receiver.track.kind)).toEqual(["audio"]);
  });

  it.each([
    ["audio", "The server sends no sound."],
    ["video", "The server sends no picture."],
  ])("tells that no %s is sent", async (kind, text) => {
    exchange.mockImplementation(async (pc: FakeConnection) => {
      pc.transceivers.find((t) => t.receiver.track.kind === kind)!.currentDirection = "inactive";
      return session;
    });
    (await open()).stop();
    expect(events.lacks.mock.calls).toEqual([[text]]);
  });

  it("tells why there is no answer", async () => {
    exchange.mockRejectedValue(new ApiError(404, "stream_not_found", "m"));
    (await open()).stop();
    expect(ended()).toEqual([["The stream is not live.", false, false]]);
  });

  it.each([
    ["never", "No connection came about: neither UDP nor TCP reaches the server's port for WebRTC.", true],
    ["lost", "The connection broke.", false],
    ["closed", "The server has ended the connection.", false],
  ] as const)("tells how a connection ends: %s", async (how, message, elsewhere) => {
    const transport = await open();
    watcher().over(how);
    expect(ended()).toEqual([[message, false, elsewhere]]);
    transport.stop();
  });

  it("mends a connection by which nothing comes", async () => {
    const transport = await open();
    await watcher().mend();
    expect(restart).toHaveBeenCalledOnce();
    expect(ended()).toEqual([]);
    transport.stop();
  });

  it("measures each second, and gives up pictures that are not decoded", async () => {
    const transport = await open();
    expect([transport.figures, transport.shownDate]).toEqual([null, null]);
    read.mockReturnValue({ ...moving, behind: 0.25 });
    await vi.advanceTimersByTimeAsync(1000);
    expect([transport.figures?.behind, transport.shownDate]).toEqual([0.25, 5750]);
    for (const stuck of [true, true, false]) {
      read.mockReturnValue({ ...moving, stuck });
      await vi.advanceTimersByTimeAsync(2000);
    }
    expect(ended()).toEqual([]);
    read.mockReturnValue({ ...moving, stuck: true });
    await vi.advanceTimersByTimeAsync(6000);
    expect(ended()).toEqual([["The stream could not be decoded.", false, true]]);
    transport.stop();
  });

  it("leaves a session that came too late", async () => {
    let answer: (s: typeof session) => void = () => undefined;
    exchange.mockReturnValue(new Promise((done) => (answer = done)));
    const transport = await open();
    transport.stop();
    expect((exchange.mock.calls[0]![3] as AbortSignal).aborted).toBe(true);
    answer(session);
    await vi.advanceTimersByTimeAsync(0);
    expect(leave).toHaveBeenCalledOnce();
    expect(watch).not.toHaveBeenCalled();
    expect(ended()).toEqual([]);
  });

  it("leaves with the page, and only while it plays", async () => {
    const transport = await open();
    page.dispatchEvent(new Event("pagehide"));
    expect(leave).toHaveBeenCalledOnce();
    transport.stop();
    page.dispatchEvent(new Event("pagehide"));
    expect(leave).toHaveBeenCalledTimes(2);
  });
});

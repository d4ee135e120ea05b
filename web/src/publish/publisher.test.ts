import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "../api";
import type { Over, Watcher } from "../webrtc/watch";
import { Publisher, sendableCodecs, whyNotPublished, type PublisherStatus } from "./publisher";

const { exchange, watch, leave, restart } = vi.hoisted(() => ({
  exchange: vi.fn(), watch: vi.fn(), leave: vi.fn(async () => undefined), restart: vi.fn(async () => undefined),
}));
const session = { leave, restart };
vi.mock("../webrtc/exchange", () => ({ exchange }));
vi.mock("../webrtc/watch", () => ({ watch }));

const connections: FakeConnection[] = [];

class FakeConnection extends EventTarget {
  connectionState = "new";
  refuses = "";
  readonly close = vi.fn();
  readonly sent: { kind: string; init: RTCRtpTransceiverInit; codecs: string[] | null }[] = [];
  constructor() {
    super();
    connections.push(this);
  }
  addTransceiver({ kind }: { kind: string }, init: RTCRtpTransceiverInit) {
    const sent: (typeof this.sent)[number] = { kind, init, codecs: null };
    this.sent.push(sent);
    return { setCodecPreferences: (list: { mimeType: string }[]) => (sent.codecs = list.map((c) => c.mimeType)) };
  }
  connect() {
    this.connectionState = "connected";
    this.dispatchEvent(new Event("connectionstatechange"));
  }
  getTransceivers = () =>
    this.sent.map(({ kind }) => ({ sender: { track: { kind } }, currentDirection: kind === this.refuses ? "inactive" : "sendonly" }));
  getStats = async () => new Map();
}

const codecs = ["video/VP8", "video/rtx", "video/H264", "video/H264", "video/red", "video/AV1"].map((mimeType) => ({ mimeType }));
const stream = { getTracks: () => [{ kind: "video" }, { kind: "audio" }] } as unknown as MediaStream;

describe("Publisher", () => {
  let publisher: Publisher;
  let status: PublisherStatus;

  beforeEach(() => {
    vi.useFakeTimers();
    vi.spyOn(Math, "random").mockReturnValue(0);
    vi.clearAllMocks();
    connections.length = 0;
    vi.stubGlobal("RTCPeerConnection", FakeConnection);
    vi.stubGlobal("RTCRtpSender", { getCapabilities: () => ({ codecs }) });
    vi.stubGlobal("addEventListener", vi.fn());
    exchange.mockResolvedValue(session);
    watch.mockReturnValue(() => undefined);
  });
  afterEach(() => {
    publisher?.stop();
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  async function start(codec = "") {
    publisher = new Publisher(stream, "http://h/live/x/whip", "Basic x", { codec, maxBitrate: 1_000_000 }, (s) => (status = s));
    publisher.start();
    await vi.advanceTimersByTimeAsync(0);
  }
  const watcher = () => watch.mock.lastCall![1] as Watcher;
  const over = (how: Over) => watcher().over(how);

  it("sends both kinds and says when they arrive", async () => {
    await start("video/H264");
    const pc = connections[0]!;
    expect(exchange).toHaveBeenCalledWith(pc, "http://h/live/x/whip", "Basic x", expect.any(AbortSignal));
    expect(pc.sent).toMatchObject([
      { kind: "video", init: { direction: "sendonly", streams: [stream], sendEncodings: [{ maxBitrate: 1_000_000 }] }, codecs: ["video/rtx", "video/H264", "video/H264"] },
      { kind: "audio", init: { direction: "sendonly", sendEncodings: [] }, codecs: null },
    ]);
    expect(status).toEqual({ state: "connecting", message: "Connecting…" });
    pc.connect();
    expect(status).toEqual({ state: "live", message: "" });
    expect(await publisher.figures()).toMatchObject({ bitrate: 0 });
    publisher.stop();
    await vi.advanceTimersByTimeAsync(0);
    expect([leave.mock.calls.length, pc.close.mock.calls.length]).toEqual([1, 1]);
    expect(await publisher.figures()).toBeNull();
  });

  it.each([
    ["video", "The server does not take the picture: choose another codec."],
    ["audio", "The server does not take the sound."],
  ])("tells that the server does not take %s", async (kind, message) => {
    exchange.mockImplementation(async (pc: FakeConnection) => {
      pc.refuses = kind;
      return session;
    });
    await start();
    connections[0]!.connect();
    expect(status).toEqual({ state: "live", message });
  });

  it("leaves the codec to the browser", async () => {
    await start();
    expect(connections[0]!.sent[0]!.codecs).toBeNull();
  });

  it("mends a connection by which nothing gets through, and says so", async () => {
    await start();
    connections[0]!.connect();
    await watcher().mend();
    expect(restart).toHaveBeenCalledOnce();
    expect(status).toEqual({ state: "waiting", message: "Nothing gets through. Looking for another way…" });
    connections[0]!.connect();
    expect(status).toEqual({ state: "live", message: "" });
    expect(connections).toHaveLength(1);
  });

  it("comes back when the connection is lost, ever less quickly", async () => {
    await start();
    connections[0]!.connect();
    for (const [how, message, wait] of [["lost", "The connection broke. Trying again…", 500], ["never", "No connection came about", 1000]] as const) {
      const before = connections.length;
      over(how);
      expect(status.state).toBe("waiting");
      expect(status.message).toContain(message);
      await vi.advanceTimersByTimeAsync(wait - 1);
      expect(connections).toHaveLength(before);
      await vi.advanceTimersByTimeAsync(1);
      expect(connections).toHaveLength(before + 1);
      expect(connections[before - 1]!.close).toHaveBeenCalledOnce();
    }
  });

  it("does not fight for a stream that was taken over", async () => {
    await start();
    connections[0]!.connect();
    over("closed");
    expect(status.state).toBe("error");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(connections).toHaveLength(1);
  });

  it("ends at a refusal, and goes on trying when there is no server", async () => {
    exchange.mockRejectedValueOnce(new TypeError("Failed to fetch"));
    await start();
    expect(status).toEqual({ state: "waiting", message: "The server cannot be reached. Trying again…" });
    exchange.mockRejectedValueOnce(new ApiError(403, "unauthorized", "no"));
    await vi.advanceTimersByTimeAsync(500);
    expect(status).toMatchObject({ state: "error", message: "The server does not allow you to publish this stream: give a user who may." });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(connections.map((c) => c.close.mock.calls.length)).toEqual([1, 1]);
  });

  it("leaves a session that came too late", async () => {
    let answer: (s: typeof session) => void = () => undefined;
    exchange.mockReturnValue(new Promise((done) => (answer = done)));
    await start();
    publisher.stop();
    answer(session);
    await vi.advanceTimersByTimeAsync(0);
    expect(leave).toHaveBeenCalledOnce();
    expect(watch).not.toHaveBeenCalled();
  });

  it("knows the codecs that can be chosen", () => expect(sendableCodecs()).toEqual(["video/VP8", "video/H264", "video/AV1"]));
});

describe("whyNotPublished", () => {
  it.each([
    [new ApiError(404, "not_found", "m"), "This server has WebRTC switched off (webrtc.listen).", true],
    [new ApiError(401, "unauthorized", "m"), "The server does not allow you to publish this stream: give a user who may.", true],
    [new ApiError(409, "stream_busy", "m"), "Somebody else publishes this stream: choose another name.", true],
    [new ApiError(400, "bad_name", "the name is reserved"), "The server refuses: the name is reserved.", true],
    [new ApiError(503, "limit_reached", "webrtc.max_sessions: all 5 are in use"), "The server refuses: webrtc.max_sessions: all 5 are in use.", false],
    [new DOMException("no codec"), "This browser cannot use the server's answer: no codec", true],
    [new TypeError("Failed to fetch"), "The server cannot be reached.", false],
  ] as const)("%s", (err, message, final) => expect(whyNotPublished(err)).toEqual({ message, final }));
});

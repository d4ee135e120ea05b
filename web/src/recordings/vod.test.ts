import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type Hls from "hls.js/light";
import type { Playable } from "./model";
import { dateAt, mediaAt, Vod, type VodStatus } from "./vod";

const noon = Date.UTC(2026, 10, 21, 12);
/** Two files with half a minute between them. */
const parts = [
  { start: 0, duration: 4, date: noon },
  { start: 4, duration: 6, date: noon + 4000 },
  { start: 10, duration: 5, date: noon + 40_000 },
];

describe("the clock of a playlist", () => {
  it.each([
    [0, 0],
    [5.5, 5500],
    [10, 40_000],
    [12, 42_000],
    [99, 45_000],
    [-1, 0],
  ])("at %f s shows what came %i ms after the beginning", (media, ms) => expect(dateAt(parts, media)).toBe(noon + ms));
  it.each([
    [-1000, 0],
    [5500, 5.5],
    [10_000, 10],
    [39_000, 10],
    [42_000, 12],
    [45_000, null],
  ])("shows what came after %i ms at %f s", (ms, media) => expect(mediaAt(parts, noon + ms)).toBe(media));
  it("is silent of nothing", () => expect([dateAt([], 1), mediaAt([], noon)]).toEqual([null, null]));
});

class FakeVideo extends EventTarget {
  currentTime = 0;
  muted = false;
  strict = false;
  seeking = false;
  paused = true;
  /** So much is there, in seconds. */
  end = 0;
  get buffered() {
    return { length: this.end > 0 ? 1 : 0, end: () => this.end };
  }
  pause() {
    this.paused = true;
  }
  async play() {
    if (this.strict && !this.muted) throw new DOMException("no gesture", "NotAllowedError");
    this.paused = false;
    this.dispatchEvent(new Event("playing"));
  }
}

/** What the player uses of the library; the newest is `hls`. */
class FakeHls {
  static Events = { LEVEL_LOADED: "loaded", LEVEL_PTS_UPDATED: "pts", ERROR: "error" };
  static ErrorTypes = { MEDIA_ERROR: "media", NETWORK_ERROR: "network" };
  static supported = true;
  static isSupported = () => FakeHls.supported;
  url = "";
  destroyed = false;
  recovered = 0;
  started: number[] = [];
  private readonly listeners: Record<string, (event: string, data: unknown) => void> = {};
  constructor(readonly config: { xhrSetup: (xhr: unknown, url: string) => void }) {
    hls = this;
    opened++;
  }
  on(event: string, listener: (event: string, data: unknown) => void) {
    this.listeners[event] = listener;
  }
  emit(event: string, data: unknown) {
    this.listeners[event]!(event, data);
  }
  load(list = parts) {
    this.emit("loaded", { details: { fragments: list.map(({ date, ...p }) => ({ ...p, programDateTime: date })) } });
  }
  loadSource(url: string) {
    this.url = url;
  }
  attachMedia() {}
  startLoad(at: number) {
    this.started.push(at);
  }
  recoverMediaError() {
    this.recovered++;
  }
  destroy() {
    this.destroyed = true;
  }
}

let hls: FakeHls | undefined;
let opened = 0;
let video: FakeVideo;
let told: VodStatus[];
let times: number[];
/** What there is to play from a time on. */
let next: (ms: number) => Playable | null;
let authorization: string;
let vod: Vod;

const settle = () => new Promise((done) => setTimeout(done));

beforeEach(() => {
  [hls, opened, video, told, times, authorization] = [undefined, 0, new FakeVideo(), [], [], ""];
  FakeHls.supported = true;
  next = (ms) => ({ at: ms, span: { from: ms - 1, to: ms + 1 } });
  const source = { playlist: ({ from, to }: { from: number; to: number }) => `${from - noon}..${to - noon}`, authorization: () => authorization, next: async (ms: number) => next(ms) };
  const library = async () => FakeHls as unknown as typeof Hls;
  vod = new Vod(video as unknown as HTMLVideoElement, source, library, { status: (s) => told.push(s), time: (ms) => times.push(ms - noon) });
});
afterEach(() => {
  vod.stop();
  vi.restoreAllMocks();
});

const state = () => told.at(-1)!.state;

describe("playing what was recorded", () => {
  it("begins at the time", async () => {
    vod.seek(noon + 5500);
    expect(state()).toBe("loading");
    await settle();
    expect(hls!.url).toBe("5499..5501");
    hls!.load();
    expect([hls!.started, state()]).toEqual([[5.5], "playing"]);
    video.currentTime = 11;
    video.dispatchEvent(new Event("timeupdate"));
    expect(times).toEqual([5500, 41_000]);
  });

  it("seeks in what is there, and asks for the rest", async () => {
    vod.seek(noon);
    await settle();
    hls!.load();
    vod.seek(noon + 20_000);
    expect([video.currentTime, opened]).toEqual([10, 1]);
    const first = hls!;
    vod.seek(noon + 60_000);
    await settle();
    expect([first.destroyed, opened, hls!.url]).toEqual([true, 2, "59999..60001"]);
    vod.seek(noon - 60_000);
    await settle();
    expect([opened, hls!.url]).toEqual([3, "-60001..-59999"]);
  });

  it("plays only what was asked for last", async () => {
    vod.seek(noon);
    vod.seek(noon + 9000);
    await settle();
    expect([opened, hls!.url]).toEqual([1, "8999..9001"]);
  });

  it("goes on with what follows", async () => {
    vod.seek(noon);
    await settle();
    hls!.load();
    video.dispatchEvent(new Event("ended"));
    await settle();
    expect([opened, hls!.url, state()]).toEqual([2, "44999..45001", "loading"]);
    hls!.load([{ start: 0, duration: 5, date: noon + 45_000 }]);
    next = (ms) => ({ at: Math.max(ms, noon + 90_000), span: { from: noon, to: noon + 1 } });
    video.dispatchEvent(new Event("ended"));
    await settle();
    expect(times.at(-1)).toBe(90_000);
  });

  it("does not go on for who has gone back", async () => {
    vod.seek(noon);
    await settle();
    hls!.load();
    video.dispatchEvent(new Event("ended"));
    vod.seek(noon + 1000);
    await settle();
    expect([opened, video.currentTime, state()]).toEqual([1, 1, "playing"]);
  });

  it("goes on where a playlist has less than was told", async () => {
    vod.seek(noon + 44_500);
    await settle();
    hls!.load(parts.slice(0, 2));
    await settle();
    expect([opened, times.at(-1)]).toEqual([2, 46_500]);
  });

  it("ends where nothing follows", async () => {
    vod.seek(noon);
    await settle();
    hls!.load();
    next = (ms) => (ms < noon + 46_000 ? { at: ms, span: { from: ms, to: ms } } : null);
    video.dispatchEvent(new Event("ended"));
    await settle();
    expect([opened, state()]).toEqual([1, "ended"]);
  });

  it.each([
    ["at the end", 14.4, 14.8, false, "ended"],
    ["before it", 10, 14.8, false, "playing"],
    ["for the last piece", 14.4, 14.4, false, "playing"],
    ["after a seek", 14.4, 14.8, true, "playing"],
    ["for the first piece", 14.4, 0, false, "playing"],
  ])("bears to wait %s", async (_, at, end, seeking, want) => {
    vod.seek(noon);
    await settle();
    hls!.load();
    next = () => null;
    Object.assign(video, { currentTime: at, end, seeking });
    video.dispatchEvent(new Event("waiting"));
    await settle();
    expect([state(), video.paused]).toEqual([want, want === "ended"]);
  });

  it("ends at once where nothing is", async () => {
    next = () => null;
    vod.seek(noon);
    await settle();
    expect([opened, state()]).toEqual([0, "ended"]);
  });

  it("plays without sound if the browser wants a click for it", async () => {
    video.strict = true;
    vod.seek(noon);
    await settle();
    hls!.load();
    await settle();
    expect([video.muted, state()]).toEqual([true, "playing"]);
  });

  it("asks as who has signed in", async () => {
    vod.seek(noon);
    await settle();
    const xhr = { open: vi.fn(), setRequestHeader: vi.fn() };
    hls!.config.xhrSetup(xhr, "/x");
    expect(xhr.open).not.toHaveBeenCalled();
    authorization = "Bearer secret";
    hls!.config.xhrSetup(xhr, "/x");
    expect(xhr.open).toHaveBeenCalledWith("GET", "/x", true);
    expect(xhr.setRequestHeader).toHaveBeenCalledWith("Authorization", "Bearer secret");
  });
});

describe("failures", () => {
  beforeEach(async () => {
    vod.seek(noon);
    await settle();
  });
  it.each([
    ["the server's words", { networkDetails: { responseText: '{"error":{"code":"unsupported","message":"FLV is not for this"}}' } }, "FLV is not for this"],
    ["a status", { networkDetails: { responseText: "<html>" }, response: { code: 502 } }, "The server answers with HTTP 502."],
    ["nothing", { networkDetails: null }, "The server cannot be reached."],
  ])("of the network say %s", (_, data, message) => {
    hls!.emit("error", { fatal: true, type: "network", ...data });
    expect([told.at(-1), hls!.destroyed]).toEqual([{ state: "failed", message }, true]);
  });
  it("that the library bears are not told", () => {
    hls!.emit("error", { fatal: false, type: "network" });
    expect(state()).toBe("loading");
  });
  it("of media are mended once", () => {
    hls!.emit("error", { fatal: true, type: "media" });
    expect([hls!.recovered, state()]).toEqual([1, "loading"]);
    hls!.emit("error", { fatal: true, type: "media" });
    expect(told.at(-1)).toEqual({ state: "failed", message: "This browser cannot play what was recorded." });
  });
  it("of the list are told", async () => {
    next = () => {
      throw new TypeError("fetch");
    };
    vod.seek(noon - 5000);
    await settle();
    expect(told.at(-1)).toEqual({ state: "failed", message: "The server cannot be reached." });
  });
  it("of a browser that cannot are told", async () => {
    FakeHls.supported = false;
    vod.seek(noon - 5000);
    await settle();
    expect(told.at(-1)?.message).toBe("This browser has no Media Source.");
  });
  it("end with the player", async () => {
    vod.stop();
    const before = told.length;
    video.dispatchEvent(new Event("playing"));
    video.dispatchEvent(new Event("ended"));
    await settle();
    expect([told.length, hls!.destroyed]).toEqual([before, true]);
  });
});

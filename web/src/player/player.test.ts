import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Incoming } from "../webrtc/incoming";
import type { Option } from "./choose";
import { again, doubtful, never, notThisWay, type Failure } from "./failure";
import { Player, type PlayerStatus } from "./player";
import type { Libraries, Source, Transport, TransportEvents } from "./transport";
import type { Way } from "./ways";

/** One connection, as a test drives it. */
interface Fake {
  url: string;
  events: TransportEvents;
  stopped: boolean;
  figures: Incoming | null;
}

const { opened, open } = vi.hoisted(() => {
  const opened: Fake[] = [];
  const open = (delivery: Transport["delivery"]) => async (_: unknown, { url }: Source, events: TransportEvents): Promise<Transport> => {
    const fake: Fake = { url, events, stopped: false, figures: null };
    opened.push(fake);
    return { startMs: 0, shownDate: null, delivery, get figures() { return fake.figures; }, stop: () => (fake.stopped = true) };
  };
  return { opened, open };
});
vi.mock("./whep", () => ({ openWhep: open("tracks") }));
vi.mock("./fmp4", () => ({ openFmp4: open("frames") }));
vi.mock("./flv", () => ({ openFlv: open("frames") }));
vi.mock("./hls", () => ({ openHls: open("pieces"), openLowLatencyHls: open("pieces") }));

/** What the player uses of a <video>. */
class FakeVideo extends EventTarget {
  readyState = 0;
  currentTime = 0;
  playbackRate = 1;
  paused = true;
  muted = false;
  seeking = false;
  ended = false;
  end = 0;
  /** Browsers refuse to play with sound. */
  strict = false;

  get buffered() {
    return { length: this.end > 0 ? 1 : 0, start: () => 0, end: () => this.end };
  }

  async play() {
    if (this.strict && !this.muted) throw new DOMException("no gesture", "NotAllowedError");
    this.paused = false;
    this.dispatchEvent(new Event("play"));
  }

  pause() {
    this.paused = true;
    this.dispatchEvent(new Event("pause"));
  }

  /** Plays for some seconds with the buffer a little ahead. */
  async advance(seconds: number) {
    this.readyState = 4;
    this.dispatchEvent(new Event("playing"));
    for (let t = 0; t < seconds; t += 0.25) {
      this.currentTime += 0.25;
      this.end = this.currentTime + 0.15;
      await vi.advanceTimersByTimeAsync(250);
    }
  }
}

const option = (way: Way): Option => ({ way, kinds: { audio: true, video: true }, verdict: "play", note: "", doubt: "" });

describe("Player", () => {
  let video: FakeVideo;
  let player: Player;
  let status: PlayerStatus;

  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal("HTMLMediaElement", { HAVE_NOTHING: 0, HAVE_METADATA: 1, HAVE_FUTURE_DATA: 3 });
    opened.length = 0;
    video = new FakeVideo();
  });

  afterEach(() => {
    player.stop();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  async function start(options: Option[], via?: Way) {
    const element = video as unknown as HTMLVideoElement;
    player = new Player(element, "http://h/live", options, { via }, {} as Libraries, (s) => (status = s));
    player.start();
    await vi.advanceTimersByTimeAsync(0);
  }

  const end = async (why: Failure) => {
    opened.at(-1)!.events.ended(why);
    await vi.advanceTimersByTimeAsync(0);
  };
  const urls = () => opened.map((o) => o.url.replace(/^(\w+).*(\.\w+)(\?.*)?$/, "$1 $2"));

  it("takes the ways in their order and says why", async () => {
    await start([option("wsmp4"), option("httpflv"), option("hls")]);
    expect(status).toMatchObject({ state: "connecting", way: "wsmp4", why: "WS-fMP4 is of little delay and has every frame." });
    await end(notThisWay("The server does not offer it."));
    expect(status.why).toBe("HTTP-FLV is of little delay and plain HTTP. WS-fMP4: The server does not offer it.");
    await end(doubtful("The stream could not be decoded."));
    expect(urls()).toEqual(["ws .mp4", "http .flv", "http .m3u8"]);
    expect(opened.map((o) => o.stopped)).toEqual([true, true, false]);
    await video.advance(1);
    expect(status).toMatchObject({ state: "playing", way: "hls", message: "" });
  });

  it("gives up with the first reason when no way is left", async () => {
    await start([option("wsmp4"), option("httpflv")]);
    await end(notThisWay("The first reason."));
    await end(notThisWay("The second reason."));
    expect(status).toMatchObject({ state: "error", message: "The first reason." });
    await vi.advanceTimersByTimeAsync(120_000);
    expect(opened).toHaveLength(2);
  });

  it("tries nothing else than what was chosen", async () => {
    await start([option("wsmp4"), option("httpflv")], "httpflv");
    expect(urls()).toEqual(["http .flv"]);
    await end(never("You are not allowed to play this stream."));
    expect(status).toMatchObject({ state: "error", message: "You are not allowed to play this stream." });
  });

  it("fetches nothing if nothing can be played", async () => {
    await start([{ ...option("wsmp4"), verdict: "nothing", note: "This browser cannot play H265 video." }]);
    expect(opened).toEqual([]);
    expect(status).toMatchObject({ state: "error", way: null, message: "This browser cannot play H265 video." });
  });

  it("retries ever less often, and quickly again after it has played", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0);
    await start([option("wsmp4"), option("httpflv")]);
    for (const wait of [500, 1000, 2000, 4000, 8000, 10_000, 10_000]) {
      const before = opened.length;
      await end(again("The stream is not live."));
      expect(status).toMatchObject({ state: "waiting", message: "The stream is not live. Trying again…", way: "wsmp4" });
      await vi.advanceTimersByTimeAsync(wait - 1);
      expect(opened).toHaveLength(before);
      await vi.advanceTimersByTimeAsync(1);
      expect(opened).toHaveLength(before + 1);
    }
    await video.advance(5);
    const before = opened.length;
    await end(again("The stream has ended."));
    await vi.advanceTimersByTimeAsync(500);
    expect(opened).toHaveLength(before + 1);
  });

  it("retries at once when it is told that the stream is back", async () => {
    await start([option("wsmp4")]);
    await end(again("The stream is not live."));
    player.nudge();
    expect(opened).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(60_000 / 4);
    expect(opened).toHaveLength(2);
  });

  it.each([
    ["hls", 2],
    ["wsmp4", 1],
  ] as const)("asks anew for the stream that is back if %s has run dry and cannot go on", async (way, times) => {
    await start([option(way)]);
    await video.advance(5);
    player.nudge();
    expect(opened).toHaveLength(1);
    video.dispatchEvent(new Event("waiting"));
    player.nudge();
    expect(opened).toHaveLength(times);
  });

  it("keeps a way that has played", async () => {
    await start([option("wsmp4"), option("httpflv")]);
    await video.advance(5);
    await end(doubtful("The stream could not be decoded."));
    await vi.advanceTimersByTimeAsync(500);
    expect(urls()).toEqual(["ws .mp4", "ws .mp4"]);
  });

  it("leaves a way that brings nothing", async () => {
    await start([option("wsmp4"), option("httpflv")]);
    await vi.advanceTimersByTimeAsync(19_500);
    expect(opened).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1000);
    expect(urls()).toEqual(["ws .mp4", "http .flv"]);
    expect(status.why).toContain("WS-fMP4: No media arrives.");
  });

  it.each([
    ["wsmp4", 20_000],
    ["llhls", 4000],
    ["hls", 8000],
  ] as const)("asks anew when %s stands still for %i ms", async (way, patience) => {
    await start([option(way)]);
    await video.advance(5);
    await vi.advanceTimersByTimeAsync(patience - 500);
    expect(opened[0]!.stopped).toBe(false);
    await vi.advanceTimersByTimeAsync(1000);
    expect(opened[0]!.stopped).toBe(true);
    expect(status).toMatchObject({ state: "waiting", message: "No media arrives. Trying again…" });
  });

  it("ends the connection of somebody who has paused for a minute, and comes back", async () => {
    await start([option("wsmp4")]);
    await video.advance(5);
    video.pause();
    await vi.advanceTimersByTimeAsync(59_000);
    expect(opened[0]!.stopped).toBe(false);
    await vi.advanceTimersByTimeAsync(2000);
    expect(opened[0]!.stopped).toBe(true);
    expect(status).toMatchObject({ state: "waiting", message: "Paused. Press play to go on." });
    await vi.advanceTimersByTimeAsync(600_000);
    expect(opened).toHaveLength(1);
    await video.play();
    expect(opened).toHaveLength(2);
  });

  it("does not retry for somebody who has paused", async () => {
    await start([option("wsmp4")]);
    await video.advance(5);
    video.pause();
    await end(again("The stream has ended."));
    expect(status).toMatchObject({ state: "waiting", message: "The stream has ended. Press play to go on." });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(opened).toHaveLength(1);
  });

  it("aims at more buffer after it ran dry", async () => {
    await start([option("wsmp4")]);
    await video.advance(5);
    const aheadAtRest = async () => {
      video.end = video.currentTime + 0.3;
      video.dispatchEvent(new Event("progress"));
      return video.playbackRate;
    };
    expect(await aheadAtRest()).toBeGreaterThan(1);
    for (let i = 0; i < 3; i++) {
      video.dispatchEvent(new Event("waiting"));
      expect(status).toMatchObject({ state: "waiting", message: "Waiting for the stream…" });
      await video.advance(0.25);
      expect(status.state).toBe("playing");
    }
    expect(await aheadAtRest()).toBeLessThanOrEqual(1);
  });

  it("tells that nothing comes for tracks, though they play silence, and that it comes again", async () => {
    await start([option("whep"), option("wsmp4")]);
    const [whep] = opened;
    whep!.figures = { arrives: true } as Incoming;
    await video.advance(4);
    expect([status.state, video.playbackRate]).toEqual(["playing", 1]);
    whep!.figures = { arrives: false } as Incoming;
    for (let i = 0; i < 9; i++) {
      video.currentTime += 0.25;
      await vi.advanceTimersByTimeAsync(250);
    }
    expect(status).toMatchObject({ state: "waiting", message: "Waiting for the stream…" });
    whep!.figures = { arrives: true } as Incoming;
    video.currentTime += 0.25;
    await vi.advanceTimersByTimeAsync(250);
    expect(status.state).toBe("playing");
    whep!.figures = { arrives: false } as Incoming;
    await vi.advanceTimersByTimeAsync(20_500);
    expect(status).toMatchObject({ state: "waiting", message: "No media arrives. Trying again…", way: "whep" });
  });

  it("takes another way for what one does not send, and goes without if there is none", async () => {
    await start([option("whep"), option("wsmp4")]);
    opened[0]!.events.lacks("The server sends no sound.");
    await vi.advanceTimersByTimeAsync(0);
    expect(status).toMatchObject({ way: "wsmp4", note: "" });
    expect(status.why).toContain("WebRTC: The server sends no sound.");
    player.stop();
    opened.length = 0;
    await start([{ ...option("whep"), note: "B-frames are left out." }], "whep");
    opened[0]!.events.lacks("The server sends no sound.");
    expect(status).toMatchObject({ way: "whep", note: "B-frames are left out. The server sends no sound." });
    expect(opened[0]!.stopped).toBe(false);
  });

  it("wants all of a stream by WebRTC first, and less if no other way is left", async () => {
    await start([{ ...option("whep"), whole: true }, option("wsmp4"), option("whep")]);
    await end(notThisWay("B-frames cannot be sent."));
    expect(status.why).toBe("WS-fMP4 is of little delay and has every frame. WebRTC: B-frames cannot be sent.");
    await end(notThisWay("The server does not offer it."));
    expect(opened.map((o) => o.url)).toEqual(["http://h/live/whep?whole=1", "ws://h/live.mp4", "http://h/live/whep"]);
  });

  it("goes on without sound where the browser refuses it", async () => {
    video.strict = true;
    await start([option("wsmp4")]);
    expect(video).toMatchObject({ muted: true, paused: false });
  });

  it("ends with its connection and says nothing more", async () => {
    await start([option("wsmp4")]);
    const { events } = opened[0]!;
    player.stop();
    const last = status;
    events.ended(again("The stream has ended."));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(opened[0]!.stopped).toBe(true);
    expect(opened).toHaveLength(1);
    expect(status).toBe(last);
  });
});

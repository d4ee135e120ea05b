import type Mpegts from "mpegts.js";
import { backoff } from "./backoff";
import { mediaFailure, statusFailure, type Failure } from "./failure";
import { webSocketLoader } from "./websocket";

export type PlayerState = "connecting" | "playing" | "waiting" | "error";

export interface PlayerStatus {
  state: PlayerState;
  /** What the viewer should know; empty while all is well. */
  message: string;
}

const retryBaseMs = 500;
const retryMaxMs = 10_000;
// Media that played for this long proves the connection good: the next failure
// is a new one and is retried quickly.
const provenSeconds = 3;
// Longer than the server keeps a stream for a publisher that was lost (15 s
// unless configured): within it the open connection is the quickest way back.
const stallMs = 20_000;
const tickMs = 500;

const config: Mpegts.Config = {
  // Demuxing goes on while the page is busy, and ending a worker ends its
  // request at once, even one that no byte arrives on.
  enableWorker: true,
  lazyLoad: false,
  // A join starts with up to a whole GOP, and a page in the background may fall
  // behind by more: one jump brings the picture to the present.
  liveBufferLatencyChasing: true,
  liveBufferLatencyMaxLatency: 3,
  liveBufferLatencyMinRemain: 0.8,
  // Less than that is caught up with by playing a little faster, which neither
  // eye nor ear notices. The target rides out the jitter of a wireless network.
  // All four are seconds of buffer, which is what the player is behind the
  // server by, less the 0.1 s that delivery, demuxing and decoding take.
  liveSync: true,
  liveSyncMaxLatency: 1.4,
  liveSyncTargetLatency: 0.8,
  liveSyncPlaybackRate: 1.1,
  autoCleanupSourceBuffer: true,
  autoCleanupMaxBackwardDuration: 30,
  autoCleanupMinBackwardDuration: 15,
};

/**
 * Plays one HTTP-FLV or WS-FLV address in a video element and keeps at it: a stream that
 * breaks, ends or is not there yet is asked for again until stop is called.
 */
export class LivePlayer {
  private lib?: typeof Mpegts;
  private player?: Mpegts.Player;
  private retryTimer?: ReturnType<typeof setTimeout>;
  private tickTimer?: ReturnType<typeof setInterval>;
  private failures = 0;
  private playedFrom: number | null = null;
  private lastTime = 0;
  private lastAdvance = 0;
  private stopped = false;
  private joined: number | null = null;
  private ending: Failure | null = null;
  private readonly listeners = new AbortController();

  constructor(
    private readonly video: HTMLVideoElement,
    /** Absolute, for a worker has no base address. */
    private readonly url: string,
    private readonly onStatus: (status: PlayerStatus) => void,
  ) {}

  /**
   * The stream's time in ms at which the element's media time is 0: the
   * server's onMetaData has it. Null if it is not known.
   */
  get startMs(): number | null {
    return this.joined;
  }

  /** Begins to play. Called once. */
  async start(): Promise<void> {
    this.status("connecting", "Connecting…");
    const { signal } = this.listeners;
    this.video.addEventListener("playing", () => this.playing(), { signal });
    this.video.addEventListener("waiting", () => this.starved(), { signal });
    // A player that broke while the viewer had paused it comes back on demand.
    this.video.addEventListener("play", () => this.nudge(), { signal });
    let lib: typeof Mpegts;
    try {
      lib = (await import("mpegts.js")).default;
    } catch {
      this.fail("The player could not be loaded. Reload the page.");
      return;
    }
    if (this.stopped) return;
    if (!lib.isSupported()) {
      this.fail("This browser cannot play live streams: it has no Media Source Extensions.");
      return;
    }
    lib.LoggingControl.applyConfig({ enableVerbose: false, enableDebug: false, enableInfo: false, enableWarn: false });
    this.lib = lib;
    this.tickTimer = setInterval(() => this.tick(), tickMs);
    this.open();
  }

  /** Tries again now if a retry is pending: the stream is known to be back. */
  nudge(): void {
    if (this.retryTimer === undefined && (this.player || !this.lib || this.stopped)) return;
    this.open();
  }

  /** Ends playback and the request. The element can be used again. */
  stop(): void {
    this.stopped = true;
    this.listeners.abort();
    clearInterval(this.tickTimer);
    this.close();
  }

  private open(): void {
    const lib = this.lib;
    if (!lib || this.stopped) return;
    this.close();
    this.playedFrom = null;
    this.joined = null;
    this.ending = null;
    this.lastAdvance = performance.now();
    const player = lib.createPlayer({ type: "flv", isLive: true, url: this.url }, this.config(lib));
    this.player = player;
    player.on(lib.Events.METADATA_ARRIVED, (fields: Record<string, unknown>) => this.described(fields));
    player.on(lib.Events.LOADING_COMPLETE, () => this.end(this.ending ?? { message: "The stream has ended.", final: false }));
    player.on(lib.Events.ERROR, (type: string, detail: string, info: unknown) => this.broken(type, detail, info));
    player.attachMediaElement(this.video);
    player.load();
    void this.play();
  }

  private async play(): Promise<void> {
    try {
      await this.video.play();
    } catch (err) {
      // Without a click before it, a page may have no sound.
      const refused = err instanceof DOMException && err.name === "NotAllowedError";
      if (!refused || this.video.muted || this.stopped) return;
      this.video.muted = true;
      void this.play();
    }
  }

  private config(lib: typeof Mpegts): Mpegts.Config {
    if (!this.url.startsWith("ws")) return config;
    const customLoader = webSocketLoader(lib, (why) => (this.ending = why));
    return { ...config, enableWorker: false, customLoader };
  }

  // Later metadata, after a change of tracks or a skip, does not move the media
  // time that the first frame has set.
  private described({ streamTime }: Record<string, unknown>): void {
    if (this.joined === null && typeof streamTime === "number") this.joined = streamTime;
  }

  private broken(type: string, detail: string, info: unknown): void {
    const { ErrorTypes, ErrorDetails } = this.lib!;
    if (detail === ErrorDetails.NETWORK_STATUS_CODE_INVALID) {
      this.end(statusFailure((info as { code?: number } | undefined)?.code));
    } else if (type === ErrorTypes.NETWORK_ERROR) {
      this.retry("The connection broke.");
    } else {
      const why = mediaFailure(detail, info);
      if (why) this.end(why);
    }
  }

  private end({ message, final }: Failure): void {
    if (final) this.fail(message);
    else this.retry(message);
  }

  private retry(why: string): void {
    if (this.stopped || this.retryTimer !== undefined) return;
    const paused = this.video.paused && this.playedFrom !== null;
    this.close();
    if (paused) {
      this.status("waiting", `${why} Press play to go on.`);
      return;
    }
    this.status("waiting", `${why} Trying again…`);
    this.retryTimer = setTimeout(() => this.open(), backoff(this.failures++, retryBaseMs, retryMaxMs));
  }

  private fail(message: string): void {
    if (this.stopped) return;
    this.close();
    this.status("error", message);
  }

  private close(): void {
    clearTimeout(this.retryTimer);
    this.retryTimer = undefined;
    const player = this.player;
    this.player = undefined;
    player?.destroy();
  }

  private playing(): void {
    this.playedFrom ??= this.video.currentTime;
    this.status("playing", "");
  }

  private starved(): void {
    if (this.player && this.playedFrom !== null) this.status("waiting", "Waiting for the stream…");
  }

  // Watches over what no event tells.
  private tick(): void {
    const { video } = this;
    if (!this.player) return;
    const now = performance.now();
    if (video.error) {
      this.retry("The stream could not be decoded.");
      return;
    }
    if (video.currentTime !== this.lastTime || video.paused) {
      this.lastTime = video.currentTime;
      this.lastAdvance = now;
    }
    if (this.playedFrom !== null && video.currentTime - this.playedFrom > provenSeconds) this.failures = 0;
    if (now - this.lastAdvance > stallMs) {
      this.retry("No media arrives.");
      return;
    }
    if (video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA) {
      const next = afterGap(ranges(video.buffered), video.currentTime);
      if (next !== null) video.currentTime = next;
    }
  }

  private status(state: PlayerState, message: string): void {
    if (!this.stopped) this.onStatus({ state, message });
  }
}

/** A span of media in seconds. */
export type Span = readonly [start: number, end: number];

/** The buffered spans of a media element, in order. */
export function ranges(buffered: TimeRanges): Span[] {
  return Array.from({ length: buffered.length }, (_, i) => [buffered.start(i), buffered.end(i)] as const);
}

// Spans closer than this are one to a decoder; seeking would only cost time.
const sameSeconds = 0.1;

/**
 * Where playback that ran dry at `now` goes on: the start of the first span
 * ahead of it, or null if there is none. An outage leaves such a gap, for the
 * stream's timeline runs on while nobody publishes.
 */
export function afterGap(spans: Span[], now: number): number | null {
  if (spans.some(([start, end]) => start <= now && end - now > sameSeconds)) return null;
  return spans.find(([start]) => start > now)?.[0] ?? null;
}

/** Seconds of media that can be played from `now` without another byte. */
export function ahead(spans: Span[], now: number): number {
  const span = spans.find(([start, end]) => start <= now && now <= end);
  return span ? span[1] - now : 0;
}

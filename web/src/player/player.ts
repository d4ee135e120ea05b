import { backoff } from "../backoff";
import type { Incoming } from "../webrtc/incoming";
import { because, plan, refusal, type Option, type Wishes } from "./choose";
import { again, notThisWay, type Failure } from "./failure";
import { openFlv } from "./flv";
import { openFmp4 } from "./fmp4";
import { openHls, openLowLatencyHls } from "./hls";
import { ArrivalClock, behind, type StreamClock } from "./latency";
import { Pace } from "./pace";
import { afterGap, ahead, ranges } from "./spans";
import type { Libraries, Open, Transport, TransportEvents } from "./transport";
import { wayUrl, type Way } from "./ways";
import { openWhep } from "./whep";

export type PlayerState = "connecting" | "playing" | "waiting" | "error";

export interface PlayerStatus {
  state: PlayerState;
  /** What the viewer should know; empty while all is well. */
  message: string;
  /** The way that is tried or used; null if there is none. */
  way: Way | null;
  /** Why that way: a sentence or more. */
  why: string;
  /** What is left out of the stream, and why; empty if nothing. */
  note: string;
}

/** How far behind the picture is, and how that is known. */
export interface Latency {
  seconds: number;
  /**
   * "server": by the stream's time that the API tells. "date": by the date at
   * which the server got it and this machine's clock. "arrival": by what came
   * soonest, so that the network's own delay is missing.
   */
  by: "server" | "date" | "arrival";
}

const openers: Record<Way, Open> = { whep: openWhep, wsmp4: openFmp4, httpflv: openFlv, wsflv: openFlv, llhls: openLowLatencyHls, hls: openHls };

const retryBaseMs = 500;
const retryMaxMs = 10_000;
// Media that played for this long proves the connection good: the next failure
// is a new one and is retried quickly.
const provenSeconds = 3;
// Longer than the server keeps a stream for a publisher that was lost (15 s
// unless configured): within it the open connection is the quickest way back.
const stallMs = 20_000;
// HLS that has lost the thread, as after a publisher's return, finds it again by
// asking anew, which costs it little more than going on. Its media come in pieces
// of a few seconds, those of LL-HLS of a fraction of one.
const segmentStallMs = 8000;
const partStallMs = 4000;
// Nothing is fetched for somebody who has paused for this long.
const pauseMs = 60_000;
const tickMs = 250;
// A pause of the media that is over so soon was the network's, not the publisher's.
const jitterMs = 2000;

/**
 * Plays one stream in a video element and keeps at it: it takes the first way
 * that works, and a stream that breaks, ends or is not there yet is asked for
 * again until stop is called.
 */
export class Player {
  private readonly plan: Option[];
  private readonly earlier = new Map<Way, string>();
  private index = 0;
  private transport: Transport | undefined;
  private attempt = 0;
  /** From open until it is given up. */
  private attempting = false;
  private retryTimer?: ReturnType<typeof setTimeout>;
  private tickTimer?: ReturnType<typeof setInterval>;
  private failures = 0;
  private playedFrom: number | null = null;
  private lastTime = 0;
  private lastAdvance = 0;
  /** By the viewer: an element counts as paused at the end of its media and without any, too. */
  private paused = false;
  private pausedAt: number | null = null;
  private starvedAt: number | null = null;
  private stopped = false;
  private note = "";
  private pace = new Pace();
  private readonly arrival = new ArrivalClock();
  private readonly listeners = new AbortController();

  /**
   * `stream` is the absolute address of the stream without extension; `options`
   * are those of choose.
   */
  constructor(
    private readonly video: HTMLVideoElement,
    private readonly stream: string,
    private readonly options: Option[],
    private readonly wishes: Wishes,
    private readonly libraries: Libraries,
    private readonly onStatus: (status: PlayerStatus) => void,
  ) {
    this.plan = plan(options, wishes);
  }

  /** Begins to play. Called once. */
  start(): void {
    if (this.plan.length === 0) {
      this.status("error", refusal(this.options, this.wishes));
      return;
    }
    const { video } = this;
    const { signal } = this.listeners;
    video.addEventListener("playing", () => this.playing(), { signal });
    video.addEventListener("waiting", () => this.starved(), { signal });
    // A player that broke while the viewer had paused it comes back on demand.
    video.addEventListener("play", () => this.resumed(), { signal });
    video.addEventListener("pause", () => (this.paused = !video.ended), { signal });
    video.addEventListener("ended", () => this.end(again("The stream has ended.")), { signal });
    // These come in pages in the background too, whose timers are slow.
    for (const event of ["progress", "timeupdate", "loadeddata"]) video.addEventListener(event, () => this.keepPace(), { signal });
    this.tickTimer = setInterval(() => this.tick(), tickMs);
    this.open();
  }

  /** Tries again now if a retry is pending or would be soon: the stream is known to be back. */
  nudge(): void {
    // HLS that has run dry may not find the thread of another publisher.
    const dry = this.starvedAt !== null && this.transport?.delivery === "pieces";
    if (this.stopped || this.tickTimer === undefined || (this.retryTimer === undefined && this.attempting && !dry)) return;
    this.open();
  }

  /** Ends playback and the request. The element can be used again. */
  stop(): void {
    this.stopped = true;
    this.listeners.abort();
    clearInterval(this.tickTimer);
    this.close();
  }

  /** How far playback is behind, null while that is not known; `clock` is the API's, if there is one. */
  latency(clock?: StreamClock): Latency | null {
    const { transport, video } = this;
    if (!transport || video.readyState === HTMLMediaElement.HAVE_NOTHING) return null;
    const now = performance.now();
    const { startMs, shownDate } = transport;
    if (clock && startMs !== null) {
      const seconds = behind(clock, now, startMs, video.currentTime);
      if (seconds !== null) return { seconds, by: "server" };
    }
    if (shownDate !== null) return { seconds: Math.max(0, Date.now() - shownDate) / 1000, by: "date" };
    const seconds = transport.delivery === "frames" ? this.arrival.behind(video.currentTime, now) : (transport.figures?.held ?? null);
    return seconds === null ? null : { seconds, by: "arrival" };
  }

  /** What the connection measures of itself; null for ways that do not. */
  get figures(): Incoming | null {
    return this.transport?.figures ?? null;
  }

  private get option(): Option {
    return this.plan[this.index]!;
  }

  private open(): void {
    this.close();
    this.playedFrom = null;
    this.starvedAt = null;
    this.note = this.option.note;
    this.arrival.reset();
    this.lastAdvance = performance.now();
    this.attempting = true;
    const attempt = ++this.attempt;
    const current = () => attempt === this.attempt && this.attempting && !this.stopped;
    const { way, kinds, whole } = this.option;
    this.status("connecting", "Connecting…");
    const events: TransportEvents = {
      ended: (why) => current() && this.end(why),
      note: (text) => current() && this.remark(text),
      lacks: (text) => current() && this.lack(text),
    };
    openers[way](this.video, { url: wayUrl(this.stream, way, kinds, whole), kinds }, events, this.libraries).then(
      (transport) => {
        if (!current()) {
          transport.stop();
          return;
        }
        this.transport = transport;
        void this.play();
      },
      () => current() && this.end(again("The player could not be loaded.")),
    );
  }

  private async play(): Promise<void> {
    try {
      await this.video.play();
    } catch (err) {
      // Without a click before it, a page may have no sound.
      const refused = err instanceof DOMException && err.name === "NotAllowedError";
      if (!refused || this.stopped) return;
      if (this.video.muted) {
        this.status("waiting", "Press play to begin.");
        return;
      }
      this.video.muted = true;
      void this.play();
    }
  }

  private remark(text: string): void {
    this.note = text;
    this.status("connecting", "Connecting…");
  }

  private lack(text: string): void {
    if (this.index + 1 < this.plan.length) this.end(notThisWay(text));
    else this.remark([this.note, text].filter(Boolean).join(" "));
  }

  private end(why: Failure): void {
    if (!this.attempting) return;
    const { message, final, elsewhere } = why;
    const proven = this.proven();
    if (elsewhere && !proven && this.index + 1 < this.plan.length) {
      this.earlier.set(this.option.way, message);
      this.index++;
      this.open();
    } else if (final && !(elsewhere && proven)) {
      this.fail(this.earlier.size > 0 ? [...this.earlier.values()][0]! : message);
    } else {
      this.retry(message);
    }
  }

  private proven(): boolean {
    return this.playedFrom !== null && this.video.currentTime - this.playedFrom > provenSeconds;
  }

  private resumed(): void {
    this.paused = false;
    this.nudge();
  }

  private retry(why: string): void {
    if (this.paused && this.playedFrom !== null) {
      this.rest(why);
      return;
    }
    this.close();
    this.status("waiting", `${why} Trying again…`);
    this.retryTimer = setTimeout(() => this.open(), backoff(this.failures++, retryBaseMs, retryMaxMs));
  }

  private rest(why: string): void {
    this.close();
    this.status("waiting", `${why} Press play to go on.`);
  }

  private fail(message: string): void {
    this.close();
    this.status("error", message);
  }

  private close(): void {
    clearTimeout(this.retryTimer);
    this.retryTimer = undefined;
    this.attempting = false;
    const { transport } = this;
    this.transport = undefined;
    transport?.stop();
  }

  private playing(): void {
    this.playedFrom ??= this.video.currentTime;
    const now = performance.now();
    if (this.starvedAt !== null && now - this.starvedAt < jitterMs && this.transport?.delivery === "frames") this.pace.starved(now);
    this.starvedAt = null;
    this.status("playing", "");
  }

  private starved(): void {
    if (!this.transport || this.playedFrom === null || this.video.seeking) return;
    this.starvedAt = performance.now();
    this.status("waiting", "Waiting for the stream…");
  }

  // Watches over what no event tells.
  private tick(): void {
    const { video } = this;
    if (!this.attempting) return;
    const now = performance.now();
    // A seek to where there is nothing is no progress. Nor is the silence that
    // browsers play when nothing comes for tracks; and pictures of tracks may stand
    // in a page that nobody sees.
    const moved = this.figures?.arrives ?? (video.currentTime !== this.lastTime && video.readyState > HTMLMediaElement.HAVE_METADATA);
    if (moved || video.paused) {
      this.lastTime = video.currentTime;
      this.lastAdvance = now;
    }
    this.pausedAt = video.paused ? (this.pausedAt ?? now) : null;
    if (this.proven()) this.failures = 0;
    if (this.pausedAt !== null && now - this.pausedAt > pauseMs) this.rest("Paused.");
    else if (now - this.lastAdvance > this.patience()) this.end({ message: "No media arrives.", final: false, elsewhere: true });
    else if (this.transport?.delivery === "frames") this.keepPace();
    else if (this.transport?.delivery === "tracks") this.keepWatch(moved, now);
  }

  // An element that plays tracks does not tell when nothing comes for them.
  private keepWatch(moved: boolean, now: number): void {
    if (this.starvedAt !== null && moved) this.playing();
    else if (this.starvedAt === null && now - this.lastAdvance > jitterMs) this.starved();
  }

  private patience(): number {
    if (this.playedFrom === null || this.transport?.delivery !== "pieces") return stallMs;
    return this.option.way === "llhls" ? partStallMs : segmentStallMs;
  }

  // Stays near the live edge, and goes on behind a gap.
  private keepPace(): void {
    const { video, transport } = this;
    if (transport?.delivery !== "frames" || video.readyState === HTMLMediaElement.HAVE_NOTHING) return;
    const now = performance.now();
    const spans = ranges(video.buffered);
    const newest = spans.at(-1)?.[1];
    if (newest !== undefined) this.arrival.see(newest, now);
    if (video.seeking) return;
    if (video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA) {
      const next = afterGap(spans, video.currentTime);
      if (next !== null) video.currentTime = next;
    }
    if (video.paused && this.playedFrom !== null) return;
    const { rate, jump } = this.pace.next(ahead(spans, video.currentTime), now, !this.proven());
    if (video.playbackRate !== rate) video.playbackRate = rate;
    if (jump > 0) video.currentTime += jump;
  }

  private status(state: PlayerState, message: string): void {
    if (this.stopped) return;
    const way = this.plan.length > 0 ? this.option.way : null;
    const why = way ? because(way, this.wishes, this.options, this.earlier) : "";
    this.onStatus({ state, message, way, why, note: this.note });
  }
}

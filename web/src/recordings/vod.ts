// Plays what is kept of a stream, from any time of the clock on.

import type Hls from "hls.js/light";
import type { ErrorData, Fragment } from "hls.js/light";
import type { Playable, Span } from "./model";

/** A piece of a playlist. */
export interface Part {
  /** Seconds, by the clock of the video element. */
  start: number;
  duration: number;
  /** When its first frame came, in ms since 1970. */
  date: number;
}

/** When the frame came that the element shows at `media` seconds; null if there is nothing. Parts are in order. */
export function dateAt(parts: Part[], media: number): number | null {
  const part = parts.filter((p) => p.start <= media).at(-1) ?? parts[0];
  return part ? part.date + Math.min(Math.max(0, media - part.start), part.duration) * 1000 : null;
}

/** Where the element shows what came at `date`, or the first that came after it; null if nothing did. */
export function mediaAt(parts: Part[], date: number): number | null {
  const part = parts.find((p) => date < p.date + p.duration * 1000);
  return part ? part.start + Math.max(0, date - part.date) / 1000 : null;
}

export interface VodStatus {
  state: "loading" | "playing" | "ended" | "failed";
  /** The server's or the browser's words, of a failure; in English. */
  message: string;
}

/** What the player asks of the rest. */
export interface VodSource {
  /** The playlist of a span. */
  playlist: (span: Span) => string;
  /** The Authorization header of the moment; empty for none. */
  authorization: () => string;
  /** What can be played first from `ms` on; null if there is nothing. */
  next: (ms: number) => Promise<Playable | null>;
}

export interface VodEvents {
  status: (status: VodStatus) => void;
  /** When the frame came that is shown. */
  time: (ms: number) => void;
}

// What is so near to the end is the end: the file that is being written grows.
const nearMs = 2000;
// In seconds: so much of a playlist may not be there after all, for tracks do not end
// as one, and so shortly before the end a browser may find that out.
const mostMissing = 0.5;
const shortly = 1;

/** Plays in an element. Spans follow one another by themselves, and what is missing is skipped. */
export class Vod {
  private hls: Hls | undefined;
  private parts: Part[] = [];
  /** Where to begin when parts are known. */
  private wanted = 0;
  private recovered = false;
  // Grows with each begin, so that what comes late is known to be unwanted.
  private turn = 0;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly source: VodSource,
    private readonly library: () => Promise<typeof Hls>,
    private readonly events: VodEvents,
  ) {
    video.addEventListener("timeupdate", this.tell);
    video.addEventListener("ended", this.follow);
    video.addEventListener("waiting", this.starved);
    video.addEventListener("playing", this.plays);
  }

  /** Plays from a time on, or from the next of which there is something. */
  seek(ms: number): void {
    const [first] = this.parts;
    const at = first && ms >= first.date ? mediaAt(this.parts, ms) : null;
    if (at === null) {
      void this.begin(ms);
    } else {
      this.turn++;
      this.video.currentTime = at;
      this.start();
    }
  }

  stop(): void {
    this.turn++;
    this.close();
    this.video.removeEventListener("timeupdate", this.tell);
    this.video.removeEventListener("ended", this.follow);
    this.video.removeEventListener("waiting", this.starved);
    this.video.removeEventListener("playing", this.plays);
  }

  private async begin(ms: number): Promise<void> {
    const mine = ++this.turn;
    this.close();
    this.events.status({ state: "loading", message: "" });
    this.events.time(ms);
    const next = await this.source.next(ms).catch(() => undefined);
    if (mine !== this.turn) return;
    if (next === undefined) return this.fail("The server cannot be reached.");
    if (next === null) return this.events.status({ state: "ended", message: "" });
    this.wanted = next.at;
    const Lib = await this.library().catch(() => null);
    if (mine !== this.turn) return;
    if (!Lib) return this.fail("The player could not be loaded.");
    if (!Lib.isSupported()) return this.fail("This browser has no Media Source.");
    const hls = new Lib({
      // Its worker is for MPEG-TS, of which one stream is little work.
      enableWorker: false,
      // Begun once it is known where.
      autoStartLoad: false,
      xhrSetup: (xhr, url) => {
        const authorization = this.source.authorization();
        if (!authorization) return;
        xhr.open("GET", url, true);
        xhr.setRequestHeader("Authorization", authorization);
      },
    });
    this.hls = hls;
    hls.on(Lib.Events.LEVEL_LOADED, (_, { details }) => this.loaded(details.fragments));
    // What was said of pieces may be corrected by what is in them.
    hls.on(Lib.Events.LEVEL_PTS_UPDATED, (_, { details }) => (this.parts = partsOf(details.fragments)));
    hls.on(Lib.Events.ERROR, (_, data) => this.broken(Lib, data));
    hls.loadSource(this.source.playlist(next.span));
    hls.attachMedia(this.video);
  }

  private loaded(fragments: Fragment[]): void {
    this.parts = partsOf(fragments);
    const at = mediaAt(this.parts, this.wanted);
    if (at === null) return void this.goOn(this.wanted + nearMs);
    this.hls!.startLoad(at);
    this.start();
  }

  private readonly follow = (): void => {
    const last = this.parts.at(-1);
    if (last) void this.goOn(last.date + last.duration * 1000);
  };

  /** The library tells the end only if nothing is missing before it, and a little is where files meet. */
  private readonly starved = (): void => {
    const { video } = this;
    const last = this.parts.at(-1);
    const ranges = video.buffered.length;
    if (!last || ranges === 0 || video.seeking) return;
    const end = last.start + last.duration;
    if (end - video.currentTime > shortly || end - video.buffered.end(ranges - 1) > mostMissing) return;
    video.pause();
    this.follow();
  };

  /** Plays what comes after a time, if that is more than what has just been written. */
  private async goOn(after: number): Promise<void> {
    const mine = this.turn;
    const later = after + nearMs;
    const next = await this.source.next(later).catch(() => null);
    if (mine !== this.turn) return;
    if (next === null) this.events.status({ state: "ended", message: "" });
    else void this.begin(next.at === later ? after : next.at);
  }

  private start(): void {
    // Sound needs a click in this page, and there was one unless a link led here.
    this.video.play().catch((err: unknown) => {
      if (!(err instanceof DOMException && err.name === "NotAllowedError")) return;
      this.video.muted = true;
      this.video.play().catch(() => undefined);
    });
  }

  private readonly plays = (): void => this.events.status({ state: "playing", message: "" });

  private readonly tell = (): void => {
    const date = dateAt(this.parts, this.video.currentTime);
    if (date !== null) this.events.time(date);
  };

  private broken({ ErrorTypes }: typeof Hls, data: ErrorData): void {
    if (!data.fatal) return;
    if (data.type === ErrorTypes.MEDIA_ERROR && !this.recovered) {
      this.recovered = true;
      this.hls!.recoverMediaError();
      return;
    }
    this.fail(data.type === ErrorTypes.NETWORK_ERROR ? answerOf(data) : "This browser cannot play what was recorded.");
  }

  private fail(message: string): void {
    this.close();
    this.events.status({ state: "failed", message });
  }

  private close(): void {
    this.hls?.destroy();
    this.hls = undefined;
    this.parts = [];
    this.recovered = false;
  }
}

function partsOf(fragments: Fragment[]): Part[] {
  return fragments.flatMap(({ start, duration, programDateTime: date }) => (date === null ? [] : { start, duration, date }));
}

/** Why the server gave no media, in its own words if it has some. */
function answerOf({ networkDetails, response }: ErrorData): string {
  try {
    const { error } = JSON.parse((networkDetails as XMLHttpRequest).responseText) as { error: { message: string } };
    return error.message;
  } catch {
    return response?.code ? `The server answers with HTTP ${response.code}.` : "The server cannot be reached.";
  }
}

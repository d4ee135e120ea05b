import type Hls from "hls.js/light";
import type Mpegts from "mpegts.js";
import type { Failure } from "./failure";

/** What is loaded only when a way needs it. */
export interface Libraries {
  mpegts(): Promise<typeof Mpegts>;
  hls(): Promise<typeof Hls>;
}

/** What a transport tells its player. */
export interface TransportEvents {
  /** Nothing more comes. Called at most once, never after stop. */
  ended(why: Failure): void;
  /** A part of the stream is left out; a sentence. */
  note(text: string): void;
}

/** One connection that fills a video element by one way. */
export interface Transport {
  /**
   * The stream's time in ms, as the API's time_ms counts it, at which the
   * element's media time is 0; null while it is not known.
   */
  readonly startMs: number | null;
  /** By the server's clock, when what is shown now came to the server; null if the way does not tell. */
  readonly shownDate: number | null;
  /** Frames come as the server gets them, so that the buffer is the delay. */
  readonly live: boolean;
  /** Ends the request and gives the element free. Called once. */
  stop(): void;
}

/** Begins to fetch `url` into an element. The promise fails if the code for it cannot be loaded. */
export type Open = (video: HTMLVideoElement, url: string, events: TransportEvents, libraries: Libraries) => Promise<Transport>;

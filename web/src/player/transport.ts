import type Hls from "hls.js/light";
import type Mpegts from "mpegts.js";
import type { Incoming } from "../webrtc/incoming";
import type { Failure } from "./failure";
import type { Kinds } from "./ways";

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
  /** A kind of track that was asked for is not sent, which another way may do; a sentence. */
  lacks(text: string): void;
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
  /**
   * "frames" come as the server gets them, so that the element's buffer is the
   * delay. "pieces" of some length are fetched. "tracks" come as "frames" do, but
   * the browser keeps them near the present, and the element has no buffer.
   */
  readonly delivery: "frames" | "pieces" | "tracks";
  /** What the connection measures, of "tracks"; null before it has. */
  readonly figures?: Incoming | null;
  /** Ends the request and gives the element free. Called once. */
  stop(): void;
}

/** What is fetched. */
export interface Source {
  url: string;
  /** What of it; `url` says the same where it can. */
  kinds: Kinds;
}

/** Begins to fetch into an element. The promise fails if the code for it cannot be loaded. */
export type Open = (video: HTMLVideoElement, source: Source, events: TransportEvents, libraries: Libraries) => Promise<Transport>;

// What is kept of streams, as the API tells it.

/** One file. */
export interface Recording {
  id: string;
  stream: string;
  /** Its path below the folder of recordings. */
  file: string;
  format: "mp4" | "flv" | "ts";
  /** RFC 3339: when its first frame came. */
  start: string;
  duration_s: number;
  bytes: number;
  /** More comes; duration and bytes are those so far. */
  writing: boolean;
  /** Such as "H264 1280x720". */
  tracks: string[];
  /** Why it ended, such as "segment_duration"; empty while it is written. */
  why: string;
}

export interface RecordingList {
  recordings: Recording[];
  more: boolean;
}

/** All that is kept of one stream. */
export interface Kept {
  stream: string;
  recordings: number;
  bytes: number;
  /** RFC 3339. */
  from: string;
  to: string;
}

export interface KeptList {
  streams: Kept[];
  bytes: number;
  /** Of the disk; null if that is not known. */
  free_bytes: number | null;
  /** The server's clock in ms since 1970. */
  now: number;
}

/** What writes a stream. */
export interface Recorder {
  stream: string;
  state: "recording" | "waiting" | "failed" | "stopped";
  mode: "always" | "manual";
  /** Empty while there is none. */
  session: string;
  /** What is written, below the folder of recordings. */
  file: string;
  /** RFC 3339. */
  since: string;
  segments: number;
  bytes: number;
  frames_dropped: number;
  /** Of the newest failure, for people; may be empty. */
  error: string;
  failed_at: string | null;
  /** When the next try comes. */
  next: string | null;
}

/** A stream of which something is kept, or that is told to be recorded. */
export interface Recorded {
  stream: string;
  kept?: Kept | undefined;
  recorder?: Recorder | undefined;
}

/** What is kept and what is recorded, by name. */
export function byStream(kept: Kept[], recorders: Recorder[]): Recorded[] {
  const streams = new Map<string, Recorded>();
  for (const k of kept) streams.set(k.stream, { stream: k.stream, kept: k });
  for (const r of recorders) streams.set(r.stream, { ...streams.get(r.stream), stream: r.stream, recorder: r });
  return [...streams.values()].sort((a, b) => (a.stream < b.stream ? -1 : 1));
}

/** Whether a recorder is told to record, whether or not it can. */
export function isOn(recorder: Recorder | undefined): boolean {
  return recorder !== undefined && recorder.state !== "stopped";
}

/** A span of time, in ms since 1970. */
export interface Span {
  from: number;
  to: number;
}

/** The span of a file. */
export function spanOf({ start, duration_s }: Pick<Recording, "start" | "duration_s">): Span {
  const from = Date.parse(start);
  return { from, to: from + duration_s * 1000 };
}

/** Browsers are not given FLV by a playlist. */
export function isPlayable({ format }: Pick<Recording, "format">): boolean {
  return format !== "flv";
}

/** A time of which there is something to play, and what is played with it. */
export interface Playable {
  at: number;
  span: Span;
}

// So much is asked for at once. A day of it would be a playlist of megabytes.
const aheadMs = 3_600_000;
export const behindMs = 60_000;

/** The first time from `ms` on of which there is something that can be played; null if there is none. Files are in the order of their start. */
export function playableAt(recordings: Recording[], ms: number): Playable | null {
  const first = recordings.find((r) => isPlayable(r) && spanOf(r).to > ms);
  if (!first) return null;
  const at = Math.max(ms, spanOf(first).from);
  const span = { from: at - behindMs, to: at + aheadMs };
  for (const r of recordings) {
    if (isPlayable(r)) continue;
    const { from, to } = spanOf(r);
    if (to <= at) span.from = Math.max(span.from, to);
    else span.to = Math.min(span.to, Math.max(from, at + 1));
  }
  return { at, span };
}

import type { Sample } from "./control";

/** The server keeps samples for as long. */
export const keptMs = 600_000;

/** Samples that are kept, with those of a further answer: each once, oldest first, none older than keptMs before `now` (RFC 3339). */
export function merge(kept: Sample[], more: Sample[], now: string): Sample[] {
  const newest = kept.at(-1)?.at ?? "";
  const from = Date.parse(now) - keptMs;
  return [...kept, ...more.filter((s) => !newest || Date.parse(s.at) > Date.parse(newest))].filter((s) => Date.parse(s.at) >= from);
}

/** The viewers of all protocols. */
export function viewersOf(s: Sample): number {
  return Object.values(s.viewers).reduce((n, viewers) => n + viewers, 0);
}

// What a media element has buffered.

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

// What was played is taken away half a minute at a time: rarely enough that it
// costs nothing, and small beside what browsers keep (Chromium: 150 MB of
// picture).
const keepMost = 30;
const keepLeast = 15;

/** The time before which played media can go, or null while there is little of it. */
export function evictable(spans: Span[], now: number): number | null {
  const start = spans[0]?.[0];
  return start !== undefined && now - start > keepMost ? now - keepLeast : null;
}

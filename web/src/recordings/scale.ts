// The picture of a stream's recordings over time: what is in it and where.

import { isPlayable, spanOf, type Recording, type Span } from "./model";

/** No shorter span is shown. */
export const leastMs = 10_000;

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** Spans to choose from. */
export const spans = [10 * minute, hour, 6 * hour, day, 7 * day];

const steps = [1, 5, 10, 30].map((n) => n * second).concat([1, 5, 10, 30].map((n) => n * minute), [1, 3, 6, 12].map((n) => n * hour), [1, 2, 7, 14, 28, 91, 365].map((n) => n * day));

/** `span` moved so that it leaves `bounds` as little as can be, and neither shorter than is shown nor longer than they are. */
export function within(span: Span, bounds: Span): Span {
  const most = Math.max(leastMs, bounds.to - bounds.from);
  const length = Math.min(most, Math.max(leastMs, span.to - span.from));
  const from = Math.max(bounds.from, Math.min(span.from, bounds.from + most - length));
  return { from, to: from + length };
}

/** A span `factor` times as long, in which `at` stays where it is. */
export function zoom(span: Span, factor: number, at: number, bounds: Span): Span {
  const length = Math.min(Math.max(leastMs, bounds.to - bounds.from), Math.max(leastMs, (span.to - span.from) * factor));
  const share = (at - span.from) / (span.to - span.from);
  return within({ from: at - share * length, to: at + (1 - share) * length }, bounds);
}

/** The span moved by a share of its length. */
export function pan({ from, to }: Span, share: number, bounds: Span): Span {
  const by = (to - from) * share;
  return within({ from: from + by, to: to + by }, bounds);
}

/** A span of that length around a time. */
export function around(at: number, length: number, bounds: Span): Span {
  return within({ from: at - length / 2, to: at + length / 2 }, bounds);
}

/** Where a time is, as a share of the span. */
export function shareOf(ms: number, { from, to }: Span): number {
  return (ms - from) / (to - from);
}

/** Round times, one more than `most` at most, by a clock that is `offset` ms ahead of UTC, and how far apart they are. */
export function ticks({ from, to }: Span, most: number, offset: number): { at: number[]; step: number } {
  const step = steps.find((s) => (to - from) / s <= most) ?? steps.at(-1)!;
  const at = [];
  for (let t = Math.ceil((from + offset) / step) * step - offset; t <= to; t += step) at.push(t);
  return { at, step };
}

/** One file, or several that are too small to be told apart. */
export interface Bar extends Span {
  files: number;
  /** Its end still moves. */
  writing: boolean;
  /** All of it can be played here. */
  playable: boolean;
}

/** What is in the span. Files are in the order of their start; those next to one another become one if they are shorter than `least` ms. */
export function bars(recordings: Recording[], span: Span, least: number): Bar[] {
  const found: Bar[] = [];
  for (const r of recordings) {
    const { from, to } = spanOf(r);
    if (to <= span.from || from >= span.to) continue;
    const last = found.at(-1);
    const small = last && to - from < least && (last.to - last.from < least || last.files > 1);
    if (small && from - last.to < least && last.playable === isPlayable(r)) {
      last.to = Math.max(last.to, to);
      last.files++;
      last.writing ||= r.writing;
    } else {
      found.push({ from, to, files: 1, writing: r.writing, playable: isPlayable(r) });
    }
  }
  return found;
}

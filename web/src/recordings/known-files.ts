// The files of a span, kept up to date with few questions.

import { spanOf, type Kept, type Recording, type RecordingList, type Span } from "./model";

/** What goes from the midst of the others, or comes there, is seen so late. */
export const wholeMs = 60_000;
// A recorder may begin with frames from before it was told to.
const beforeMs = 60_000;

/** When something was asked for, by the server's clock, and what was kept of the stream by then. */
interface Moment {
  at: number;
  kept: string;
}

interface Known extends RecordingList {
  span: Span;
  /** When all were asked for, and when any were. */
  whole: Moment;
  newest: Moment;
}

/**
 * The files of one stream. Those of a span are asked for once, and from then on those
 * that come or are written, and nothing while there are none.
 */
export class KnownFiles {
  private known: Known | undefined;

  constructor(private readonly ask: (span: Span, signal: AbortSignal) => Promise<RecordingList>) {}

  /** The files of a span, when so much is kept of the stream at the time `now`. */
  async load(span: Span, kept: Kept, now: number, signal: AbortSignal): Promise<RecordingList> {
    const moment = { at: now, kept: JSON.stringify(kept) };
    const { known } = this;
    this.known = known && covers(known, span, moment) ? await this.update(known, span, moment, signal) : { ...(await this.ask(span, signal)), span, whole: moment, newest: moment };
    const { recordings, more } = this.known;
    // The oldest go first.
    const first = Date.parse(kept.from);
    return { recordings: recordings.filter((r) => Date.parse(r.start) >= first && overlaps(r, span)), more };
  }

  /** What is known with what has come since. */
  private async update(known: Known, span: Span, newest: Moment, signal: AbortSignal): Promise<Known> {
    if (known.more) return known;
    const { span: old, recordings } = known;
    const to = Math.max(old.to, span.to);
    const written = recordings.filter((r) => r.writing).map((r) => spanOf(r).from);
    const come = newest.kept === known.newest.kept ? to : known.newest.at - beforeMs;
    const from = Math.max(old.from, Math.min(old.to, come, ...written));
    if (from >= to) return known;
    const news = await this.ask({ from, to }, signal);
    return { ...news, recordings: merge(recordings, from, news.recordings), span: { from: old.from, to }, whole: known.whole, newest };
  }
}

/** Whether nothing of a span is missing but what has come since. */
function covers({ span: known, more, whole }: Known, span: Span, { at, kept }: Moment): boolean {
  if (kept !== whole.kept && at - whole.at >= wholeMs) return false;
  return more ? span.from === known.from && span.to === known.to : span.from >= known.from;
}

function overlaps(r: Recording, { from, to }: Span): boolean {
  const own = spanOf(r);
  return own.from < to && own.to > from;
}

/** Files that ended before a time, and those that did not, in the order of their start. */
function merge(old: Recording[], from: number, news: Recording[]): Recording[] {
  const again = new Set(news.map((r) => r.id));
  const ended = old.filter((r) => spanOf(r).to <= from && !again.has(r.id));
  return [...ended, ...news].sort((a, b) => Date.parse(a.start) - Date.parse(b.start));
}

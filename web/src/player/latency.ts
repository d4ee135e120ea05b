// How far the picture in the browser is behind the server.

/** The time of a stream, as its timestamps count it, at one moment of the page's clock. */
export interface StreamClock {
  /** Milliseconds on the stream's timeline, modulo 2^32 as in FLV. */
  streamMs: number;
  /** When that was, as performance.now() tells it. */
  at: number;
}

// FLV timestamps have 32 bits (Adobe FLV specification 10.1, E.4.1).
const wrapMs = 2 ** 32;
// The clocks of publisher, server and page agree only so far: a little less
// than nothing is nothing.
const slackMs = 1000;
// No browser buffers that much: the timeline has jumped, or the media is not
// what the API speaks of.
const maxMs = 10 * 60 * 1000;

/**
 * Seconds between what the server has and what is shown now. The media time of
 * the element is 0 at `startMs` on the stream's timeline. Null if the times
 * cannot belong together.
 */
export function behind(clock: StreamClock, now: number, startMs: number, currentTime: number): number | null {
  const server = clock.streamMs + (now - clock.at);
  const ms = wrapped(server - (startMs + currentTime * 1000));
  if (!(ms >= -slackMs && ms <= maxMs)) return null;
  return Math.max(0, ms) / 1000;
}

/** The difference of two times modulo 2^32, as the nearer of its two signs. */
function wrapped(ms: number): number {
  const rest = ((ms % wrapMs) + wrapMs) % wrapMs;
  return rest < wrapMs / 2 ? rest : rest - wrapMs;
}

// An answer of the API is off by up to half its round trip, and that by another
// amount each time.
const newShare = 0.3;
// More is no noise: the player has jumped.
const jumpSeconds = 0.75;

/** The value to show after `shown` when `measured` is the newest; both in seconds. */
export function smooth(shown: number | null, measured: number | null): number | null {
  if (shown === null || measured === null || Math.abs(measured - shown) > jumpSeconds) return measured;
  return shown + (measured - shown) * newShare;
}

/** The moment at which an answer was true that was asked for at `sent` and came at `received`. */
export function midway(sent: number, received: number): number {
  return sent + (received - sent) / 2;
}

// Long enough that one frame of it came without waiting on the network, short
// enough that clocks which drift apart do not show.
const edgeMemoryMs = 10_000;

/**
 * Guesses the stream's time from the media that arrives: of all that came
 * lately, what came earliest for its time was delayed least. The delay on the
 * network that even that has stays unknown.
 */
export class ArrivalClock {
  private readings: { at: number; lead: number }[] = [];

  /** Notes that at `now`, in ms, the newest media that has come ends at `end` seconds. */
  see(end: number, now: number): void {
    const lead = end - now / 1000;
    this.readings = this.readings.filter((r) => r.lead > lead && now - r.at < edgeMemoryMs);
    this.readings.push({ at: now, lead });
  }

  /** Seconds that playback at `currentTime` is behind; null before anything came. */
  behind(currentTime: number, now: number): number | null {
    const best = this.readings[0];
    return best ? Math.max(0, best.lead + now / 1000 - currentTime) : null;
  }

  /** Forgets everything: another connection has another timeline. */
  reset(): void {
    this.readings = [];
  }
}

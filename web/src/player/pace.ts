// How playback keeps near the live edge when the server sends each frame at
// once: WS-fMP4 and FLV. All numbers are seconds of buffer, which is what the
// player is behind the server by, less the 0.1 s that delivery, demuxing and
// decoding take.

// Frames come 40 ms apart and, on a wired network, a few ms late: with this no
// picture stood in the runs of docs/latency.md. Each time that it was too little
// the target grows, up to what a bad wireless network takes.
const leastTarget = 0.15;
const mostTarget = 1.6;
const growth = 1.5;
// It shrinks again, much more slowly than it grew.
const calmMs = 60_000;

// Above the target, by more than a frame and what the buffer jitters by, playback
// is a little faster, which neither eye nor ear notices, until it is there; below
// half of it, a little slower.
const fast = 1.1;
const slow = 0.95;
const tolerance = 0.06;

// A join starts with up to a whole GOP, and a page in the background may fall
// behind by more: one jump brings the picture to the present. A picture that
// moves already is left alone for longer.
const jumpAtStart = 0.4;
const jumpLater = 2;

/** What is to be done. */
export interface Step {
  /** Playback rate. */
  rate: number;
  /** Seconds to jump forwards by, 0 for none. */
  jump: number;
}

/** Keeps the buffer near a target that follows the network. */
export class Pace {
  /** Seconds of buffer that are aimed at. */
  target = leastTarget;
  private rate = 1;
  private changed = 0;

  /** Playback ran dry at `now` (ms) though the stream went on. */
  starved(now: number): void {
    this.target = Math.min(mostTarget, this.target * growth);
    this.changed = now;
  }

  /** What to do with `ahead` seconds of buffer at `now` (ms); `starting` while the viewer has seen little yet. */
  next(ahead: number, now: number, starting: boolean): Step {
    if (now - this.changed > calmMs && this.target > leastTarget) {
      this.target = Math.max(leastTarget, this.target / growth);
      this.changed = now;
    }
    const excess = ahead - this.target;
    if (excess > (starting ? jumpAtStart : jumpLater)) {
      this.rate = 1;
      return { rate: 1, jump: excess };
    }
    if (excess > tolerance) this.rate = fast;
    else if (ahead < this.target / 2) this.rate = slow;
    else if ((this.rate === fast && excess <= 0) || (this.rate === slow && excess >= 0)) this.rate = 1;
    return { rate: this.rate, jump: 0 };
  }
}

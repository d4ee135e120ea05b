import { again, undecodable, notThisWay, type Failure } from "./failure";
import { evictable, ranges } from "./spans";

// A page that is asleep for so long that this much has come begins anew.
const mostQueued = 64 << 20;
// What is kept of the past when the browser has room for no more.
const keepWhenFull = 2;

/**
 * Hands bytes to a SourceBuffer, one append at a time as it demands, with all
 * that came meanwhile in the next one. Takes played media away.
 */
export class AppendQueue {
  /** Media, and types that the media after them have. */
  private waiting: (Uint8Array | string)[] = [];
  private bytes = 0;
  private dead = false;

  constructor(
    private readonly buffer: SourceBuffer,
    private readonly video: HTMLVideoElement,
    private readonly failed: (why: Failure) => void,
  ) {
    buffer.addEventListener("updateend", () => this.pump());
    buffer.addEventListener("error", () => this.fail(undecodable));
  }

  /** Appends one more piece of the stream. */
  push(bytes: Uint8Array): void {
    if (this.dead) return;
    this.waiting.push(bytes);
    this.bytes += bytes.length;
    if (this.bytes > mostQueued) this.fail(again("The browser does not keep up with the stream."));
    else this.pump();
  }

  /** What is pushed from now on has another type. */
  changeType(type: string): void {
    if (!this.dead) this.waiting.push(type);
  }

  /** Touches the SourceBuffer no more. */
  stop(): void {
    this.dead = true;
    this.waiting = [];
  }

  private fail(why: Failure): void {
    if (this.dead) return;
    this.stop();
    this.failed(why);
  }

  private pump(): void {
    const { buffer, video } = this;
    if (this.dead || buffer.updating) return;
    try {
      const old = evictable(ranges(buffer.buffered), video.currentTime);
      if (old !== null) buffer.remove(0, old);
      else this.append();
    } catch (err) {
      if (err instanceof DOMException && err.name === "QuotaExceededError") this.makeRoom();
      else if (err instanceof DOMException && err.name === "NotSupportedError") this.fail(notThisWay("This browser cannot play the stream's codecs."));
      else this.fail(undecodable);
    }
  }

  private append(): void {
    const { waiting, buffer } = this;
    while (typeof waiting[0] === "string") {
      buffer.changeType(waiting[0]);
      waiting.shift();
    }
    const type = waiting.findIndex((w) => typeof w === "string");
    const media = waiting.slice(0, type < 0 ? undefined : type) as Uint8Array[];
    if (media.length === 0) return;
    const all = concatenate(media);
    buffer.appendBuffer(all);
    waiting.splice(0, media.length);
    this.bytes -= all.length;
  }

  // What could not be appended is tried again when the removal is done.
  private makeRoom(): void {
    const start = ranges(this.buffer.buffered)[0]?.[0];
    const until = this.video.currentTime - keepWhenFull;
    if (start !== undefined && until > start) this.buffer.remove(0, until);
    else this.fail(again("The browser has no room for more of the stream."));
  }
}

function concatenate(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    all.set(p, at);
    at += p.length;
  }
  return all;
}

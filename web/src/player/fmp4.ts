import { mediaSource } from "./choose";
import { AppendQueue } from "./append-queue";
import { closeFailure, notThisWay, undecodable, type Failure } from "./failure";
import { keepTracks, pieces, readFragment, readInit, serverShiftMs, type InitTrack, type Piece } from "./mp4";
import { whyRefused } from "./refusal";
import { ranges } from "./spans";
import type { Open, Transport, TransportEvents } from "./transport";

// The first fragment need not be the earliest: sound may begin before the
// picture, and leading pictures come before the key frame they follow.
const marginSeconds = 1;

/** WS-fMP4, by Media Source Extensions alone. */
export const openFmp4: Open = async (video, { url }, events) => new Fmp4Transport(video, url, events);

class Fmp4Transport implements Transport {
  startMs: number | null = null;
  readonly shownDate = null;
  readonly delivery = "frames";
  private readonly source: MediaSource;
  private readonly socket: WebSocket;
  private stopped = false;
  private readonly isSupported: (type: string) => boolean;
  private queue: AppendQueue | undefined;
  private type = "";
  private tracks = new Map<number, InitTrack>();
  /** Came before the MediaSource was open, or before the first fragment told the time. */
  private early: Piece[] = [];
  private opened = false;

  constructor(
    private readonly video: HTMLVideoElement,
    url: string,
    private readonly events: TransportEvents,
  ) {
    const Source = mediaSource()!;
    this.isSupported = (type) => Source.isTypeSupported(type);
    this.source = new Source();
    // Casting the element would need an address; managed sources demand this.
    video.disableRemotePlayback = true;
    const object = URL.createObjectURL(this.source);
    this.source.addEventListener("sourceopen", () => {
      URL.revokeObjectURL(object);
      this.guard(() => this.begin());
    }, { once: true });
    video.src = object;

    const socket = new WebSocket(url);
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => (this.opened = true);
    socket.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) this.guard(() => pieces(new Uint8Array(data)).forEach((p) => this.take(p)));
    };
    // An error is always followed by the close, which knows as much.
    socket.onclose = ({ reason }) => void this.closed(reason, url);
  }

  stop(): void {
    this.stopped = true;
    const { socket, video } = this;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
    this.queue?.stop();
    this.early = [];
    video.removeAttribute("src");
    video.load();
  }

  private end(why: Failure): void {
    if (this.stopped) return;
    this.socket.onmessage = this.socket.onclose = null;
    this.events.ended(why);
  }

  private async closed(reason: string, url: string): Promise<void> {
    this.end(this.opened || reason ? closeFailure(reason) : await whyRefused(url));
  }

  /** Whatever a step of it throws, the media are to blame. */
  private guard(step: () => void): void {
    if (this.stopped) return;
    try {
      step();
    } catch {
      this.end(undecodable);
    }
  }

  private take(piece: Piece): void {
    if (this.stopped) return;
    if (piece.kind === "init") this.describe(piece);
    if (this.tracks.size === 0 || !keepTracks(piece, new Set(this.tracks.keys()))) return;
    if (this.startMs === null && piece.kind === "fragment") this.setStart(piece);
    if (this.queue) {
      this.queue.push(piece.bytes);
      return;
    }
    this.early.push(piece);
    this.begin();
  }

  /** Takes the first picture and the first sound that the browser can play. */
  private describe({ bytes }: Piece): void {
    const all = readInit(bytes);
    const kept = new Map<number, InitTrack>();
    for (const kind of ["video", "audio"] as const) {
      const first = all.find((t) => t.kind === kind);
      if (!first) continue;
      if (this.isSupported(`${kind}/mp4; codecs="${first.codec}"`)) kept.set(first.id, first);
      else if (kind === "video") return this.end(notThisWay(`This browser cannot play ${first.codec} video.`));
      else this.events.note(`This browser cannot play ${first.codec} audio.`);
    }
    if (kept.size === 0) return this.end(notThisWay("This browser can play no track of the stream."));
    const list = [...kept.values()];
    const type = `${list[0]!.kind}/mp4; codecs="${list.map((t) => t.codec).join(",")}"`;
    if (this.type && this.type !== type) this.queue?.changeType(type);
    this.type = type;
    this.tracks = kept;
  }

  private setStart({ bytes }: Piece): void {
    const run = readFragment(bytes).find((r) => this.tracks.has(r.track))!;
    const first = run.time / this.tracks.get(run.track)!.timescale;
    this.startMs = (first - marginSeconds) * 1000 - serverShiftMs;
  }

  // The media's times can be moved only before there are any.
  private begin(): void {
    if (this.startMs === null || this.queue || this.source.readyState !== "open") return;
    const buffer = this.source.addSourceBuffer(this.type);
    buffer.timestampOffset = -(this.startMs + serverShiftMs) / 1000;
    buffer.addEventListener("updateend", () => this.seekToStart());
    this.source.duration = Infinity;
    this.queue = new AppendQueue(buffer, this.video, (why) => this.end(why));
    for (const { bytes } of this.early) this.queue.push(bytes);
    this.early = [];
  }

  // Without this the player would notice only a moment later.
  private seekToStart(): void {
    if (this.stopped || this.video.readyState > HTMLMediaElement.HAVE_METADATA) return;
    const start = ranges(this.video.buffered)[0]?.[0];
    if (start !== undefined && this.video.currentTime < start) this.video.currentTime = start;
  }
}

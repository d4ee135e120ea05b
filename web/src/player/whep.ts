import { exchange } from "../webrtc/exchange";
import { IncomingMeter, type Incoming } from "../webrtc/incoming";
import type { Session } from "../webrtc/session";
import { watch, type Over } from "../webrtc/watch";
import { again, doubtful, undecodable, type Failure } from "./failure";
import { whyNotAnswered } from "./refusal";
import type { Open, Source, Transport, TransportEvents } from "./transport";
import type { Kinds } from "./ways";

const measureMs = 1000;
// When pictures have come for so long of which none could be decoded, none will.
const stuckMs = 6000;

const overs: Record<Over, Failure> = {
  never: doubtful("No connection came about: neither UDP nor TCP reaches the server's port for WebRTC."),
  lost: again("The connection broke."),
  closed: again("The server has ended the connection."),
};

/** WHEP: WebRTC, received only. */
export const openWhep: Open = async (video, source, events) => new WhepTransport(video, source, events);

class WhepTransport implements Transport {
  readonly startMs = null;
  readonly delivery = "tracks";
  figures: Incoming | null = null;
  private readonly pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  private readonly meter = new IncomingMeter();
  private readonly listeners = new AbortController();
  private stopped = false;
  private session: Session | undefined;
  private unwatch: (() => void) | undefined;
  private timer?: ReturnType<typeof setInterval>;
  private stuckMs = 0;

  constructor(
    private readonly video: HTMLVideoElement,
    source: Source,
    private readonly events: TransportEvents,
  ) {
    const stream = new MediaStream();
    this.pc.ontrack = ({ track }) => stream.addTrack(track);
    video.srcObject = stream;
    void this.begin(source);
  }

  get shownDate(): number | null {
    const behind = this.figures?.behind ?? null;
    return behind === null ? null : Date.now() - behind * 1000;
  }

  stop(): void {
    this.stopped = true;
    const { pc, video } = this;
    this.listeners.abort();
    this.unwatch?.();
    clearInterval(this.timer);
    video.srcObject = null;
    // The server hears of it before the connection does.
    void (this.session?.leave() ?? Promise.resolve()).finally(() => pc.close());
  }

  private async begin({ url, kinds }: Source): Promise<void> {
    const { pc } = this;
    const { signal } = this.listeners;
    const wanted = (["video", "audio"] as const).filter((kind) => kinds[kind]);
    for (const kind of wanted) pc.addTransceiver(kind, { direction: "recvonly" });
    let session: Session;
    try {
      session = await exchange(pc, url, null, signal);
    } catch (err) {
      this.end(await whyNotAnswered(err, url));
      return;
    }
    if (this.stopped) {
      void session.leave();
      return;
    }
    this.session = session;
    addEventListener("pagehide", () => void session.leave(), { signal });
    this.unwatch = watch(pc, { mend: () => session.restart(), over: (how) => this.end(overs[how]) });
    this.timer = setInterval(() => void this.measure(), measureMs);
    this.tellMissing(kinds);
  }

  private tellMissing(kinds: Kinds): void {
    const sent = new Set(this.pc.getTransceivers().flatMap((t) => (t.currentDirection === "recvonly" ? t.receiver.track.kind : [])));
    if (kinds.video && !sent.has("video")) this.events.lacks("The server sends no picture.");
    else if (kinds.audio && !sent.has("audio")) this.events.lacks("The server sends no sound.");
  }

  private async measure(): Promise<void> {
    const report = await this.pc.getStats().catch(() => null);
    if (!report || this.stopped) return;
    this.figures = this.meter.read(report, Date.now());
    this.stuckMs = this.figures.stuck ? this.stuckMs + measureMs : 0;
    if (this.stuckMs >= stuckMs) this.end(undecodable);
  }

  private end(why: Failure): void {
    if (!this.stopped) this.events.ended(why);
  }
}

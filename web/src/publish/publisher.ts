import { ApiError } from "../api";
import { backoff } from "../backoff";
import { exchange } from "../webrtc/exchange";
import { OutgoingMeter, type Outgoing } from "../webrtc/outgoing";
import type { Session } from "../webrtc/session";
import { watch, type Over } from "../webrtc/watch";

/** What a publisher is doing: "error" is the end, "waiting" is for the next try. */
export interface PublisherStatus {
  state: "connecting" | "live" | "waiting" | "error";
  /** What the user should know; empty if nothing. */
  message: string;
}

/** How pictures are encoded. */
export interface Encoding {
  /** As RTCRtpSender.getCapabilities names it, such as "video/H264"; the browser's first if empty. */
  codec: string;
  /** In bit/s, of the pictures. */
  maxBitrate: number;
}

const retryBaseMs = 500;
const retryMaxMs = 10_000;

/** Publishes tracks by WHIP, anew when the connection is lost, until it is stopped or refused for good. */
export class Publisher {
  private pc: RTCPeerConnection | undefined;
  private meter = new OutgoingMeter();
  private session: Session | undefined;
  private unwatch: (() => void) | undefined;
  private retryTimer?: ReturnType<typeof setTimeout>;
  private failures = 0;
  /** What the server does not take; empty if nothing. */
  private lack = "";
  private stopped = false;
  private readonly listeners = new AbortController();

  /** `url` is the endpoint's address; `authorization` the header of that name, or empty: it is the page that asks the user. */
  constructor(
    private readonly stream: MediaStream,
    private readonly url: string,
    private readonly authorization: string,
    private readonly encoding: Encoding,
    private readonly onStatus: (status: PublisherStatus) => void,
  ) {}

  /** Begins. Called once. */
  start(): void {
    addEventListener("pagehide", () => void this.session?.leave(), { signal: this.listeners.signal });
    void this.open();
  }

  /** Ends the connection; the tracks go on. */
  stop(): void {
    this.stopped = true;
    this.listeners.abort();
    clearTimeout(this.retryTimer);
    this.close();
  }

  /** What the connection measures now; null while there is none. */
  async figures(): Promise<Outgoing | null> {
    const report = await this.pc?.getStats().catch(() => null);
    return report ? this.meter.read(report) : null;
  }

  private async open(): Promise<void> {
    this.status("connecting", "Connecting…");
    const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    this.pc = pc;
    this.meter = new OutgoingMeter();
    let session: Session;
    try {
      this.offer(pc);
      session = await exchange(pc, this.url, this.authorization, this.listeners.signal);
    } catch (err) {
      if (!this.stopped) this.refused(err);
      return;
    }
    if (this.stopped) {
      void session.leave();
      return;
    }
    this.session = session;
    this.lack = unwanted(pc);
    pc.addEventListener("connectionstatechange", () => pc.connectionState === "connected" && this.live(), { signal: this.listeners.signal });
    if (pc.connectionState === "connected") this.live();
    const mend = () => {
      this.status("waiting", "Nothing gets through. Looking for another way…");
      return session.restart();
    };
    this.unwatch = watch(pc, { mend, over: (how) => this.over(how) });
  }

  private offer(pc: RTCPeerConnection): void {
    const { codec, maxBitrate } = this.encoding;
    for (const track of this.stream.getTracks()) {
      const video = track.kind === "video";
      const sendEncodings = video ? [{ maxBitrate }] : [];
      const transceiver = pc.addTransceiver(track, { direction: "sendonly", streams: [this.stream], sendEncodings });
      if (video && codec) transceiver.setCodecPreferences(only(codec));
    }
  }

  private live(): void {
    this.failures = 0;
    this.status("live", this.lack);
  }

  private refused(err: unknown): void {
    const { message, final } = whyNotPublished(err);
    if (final) this.fail(message);
    else this.retry(message);
  }

  private over(how: Over): void {
    if (how === "closed") this.fail("The server ended the session: the stream was taken over or closed, or the server stops.");
    else if (how === "lost") this.retry("The connection broke.");
    else this.retry("No connection came about: neither UDP nor TCP reaches the server's port for WebRTC (webrtc.listen, and webrtc.hosts behind NAT).");
  }

  private retry(why: string): void {
    this.close();
    this.status("waiting", `${why} Trying again…`);
    this.retryTimer = setTimeout(() => void this.open(), backoff(this.failures++, retryBaseMs, retryMaxMs));
  }

  private fail(message: string): void {
    this.close();
    this.status("error", message);
  }

  private close(): void {
    this.unwatch?.();
    const { pc, session } = this;
    this.pc = this.session = this.unwatch = undefined;
    void (session?.leave() ?? Promise.resolve()).finally(() => pc?.close());
  }

  private status(state: PublisherStatus["state"], message: string): void {
    if (!this.stopped) this.onStatus({ state, message });
  }
}

/** The codecs of pictures that this browser sends, as getCapabilities names them. */
export function sendableCodecs(): string[] {
  const all = RTCRtpSender.getCapabilities?.("video")?.codecs.map((c) => c.mimeType) ?? [];
  return [...new Set(all)].filter((type) => /\/(H264|H265|VP8|VP9|AV1)$/i.test(type));
}

function only(codec: string): RTCRtpCodec[] {
  // What is lost is sent again by rtx.
  return RTCRtpSender.getCapabilities("video")!.codecs.filter((c) => c.mimeType === codec || c.mimeType === "video/rtx");
}

/** What the answer of the server refuses of the offer. */
function unwanted(pc: RTCPeerConnection): string {
  const kinds = pc.getTransceivers().flatMap(({ currentDirection, sender }) => (currentDirection === "sendonly" ? [] : (sender.track?.kind ?? [])));
  if (kinds.includes("video")) return "The server does not take the picture: choose another codec.";
  return kinds.includes("audio") ? "The server does not take the sound." : "";
}

/** Why nothing can be published, and whether trying again is vain; `err` is what exchange throws. */
export function whyNotPublished(err: unknown): { message: string; final: boolean } {
  if (!(err instanceof ApiError)) {
    if (err instanceof DOMException) return { message: `This browser cannot use the server's answer: ${err.message}`, final: true };
    return { message: "The server cannot be reached.", final: false };
  }
  const { status, code, message } = err;
  if ([404, 405, 501].includes(status)) return { message: "This server has WebRTC switched off (webrtc.listen).", final: true };
  if (status === 401 || status === 403) return { message: "The server does not allow you to publish this stream: give a user who may.", final: true };
  if (code === "stream_busy") return { message: "Somebody else publishes this stream: choose another name.", final: true };
  const passing = status >= 500 || status === 429;
  return { message: `The server refuses: ${message}.`, final: !passing };
}

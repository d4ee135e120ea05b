import type Hls from "hls.js/light";
import type { ErrorData, HlsConfig } from "hls.js/light";
import { mediaSource } from "./choose";
import { again, notThisWay, statusFailure, undecodable, type Failure } from "./failure";
import { serverShiftMs } from "./mp4";
import type { Open, Transport, TransportEvents } from "./transport";

const config: Partial<HlsConfig> = {
  // Its worker is for MPEG-TS; MP4 goes through untouched.
  enableWorker: false,
  // What was played, as with the other ways.
  backBufferLength: 15,
  liveDurationInfinity: true,
  // As much faster as the other ways catch up.
  maxLiveSyncPlaybackRate: 1.1,
};

/** HLS by hls.js, with parts. */
export const openLowLatencyHls: Open = async (video, { url }, events, libraries) =>
  new HlsTransport(video, url, events, await libraries.hls(), true);

/** HLS by hls.js, segment by segment; by the browser where that can and Media Source is missing. */
export const openHls: Open = async (video, { url }, events, libraries) =>
  mediaSource()
    ? new HlsTransport(video, url, events, await libraries.hls(), false)
    : new NativeHlsTransport(video, url, events);

class HlsTransport implements Transport {
  startMs: number | null = null;
  readonly delivery = "pieces";
  private readonly hls: Hls;
  private stopped = false;
  private recovered = false;

  constructor(
    video: HTMLVideoElement,
    url: string,
    private readonly events: TransportEvents,
    private readonly lib: typeof Hls,
    lowLatencyMode: boolean,
  ) {
    const hls = new lib({ ...config, lowLatencyMode });
    this.hls = hls;
    hls.on(lib.Events.INIT_PTS_FOUND, (_, { initPTS, timescale }) => (this.startMs = (initPTS / timescale) * 1000 - serverShiftMs));
    hls.on(lib.Events.ERROR, (_, data) => this.broken(data));
    hls.loadSource(url);
    hls.attachMedia(video);
  }

  get shownDate(): number | null {
    return this.hls.playingDate?.getTime() ?? null;
  }

  stop(): void {
    this.stopped = true;
    this.hls.destroy();
  }

  private broken(data: ErrorData): void {
    if (!data.fatal || this.stopped) return;
    const { ErrorTypes, ErrorDetails } = this.lib;
    if (data.type === ErrorTypes.MEDIA_ERROR && !this.recovered && data.details !== ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR) {
      this.recovered = true;
      this.hls.recoverMediaError();
      return;
    }
    this.end(this.failure(data));
  }

  private failure({ type, details, response }: ErrorData): Failure {
    const { ErrorTypes, ErrorDetails } = this.lib;
    if (details === ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR) return notThisWay("This browser cannot play the stream's codecs.");
    if (type !== ErrorTypes.NETWORK_ERROR) return undecodable;
    return response?.code && response.code >= 400 ? statusFailure(response.code) : again("The connection broke.");
  }

  private end(why: Failure): void {
    if (!this.stopped) this.events.ended(why);
  }
}

class NativeHlsTransport implements Transport {
  readonly startMs = null;
  readonly delivery = "pieces";

  constructor(
    private readonly video: HTMLVideoElement & { getStartDate?: () => Date },
    url: string,
    events: TransportEvents,
  ) {
    video.src = url;
    video.onerror = () => events.ended(video.error?.code === MediaError.MEDIA_ERR_NETWORK ? again("The connection broke.") : undecodable);
  }

  get shownDate(): number | null {
    const start = this.video.getStartDate?.().getTime();
    return start === undefined || Number.isNaN(start) ? null : start + this.video.currentTime * 1000;
  }

  stop(): void {
    this.video.onerror = null;
    this.video.removeAttribute("src");
    this.video.load();
  }
}

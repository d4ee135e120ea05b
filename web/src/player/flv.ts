import type Mpegts from "mpegts.js";
import { again, mediaFailure, statusFailure, type Failure } from "./failure";
import { webSocketLoader } from "./flv-websocket";
import type { Open, Transport, TransportEvents } from "./transport";

const config: Mpegts.Config = {
  // Demuxing goes on while the page is busy, and ending a worker ends its
  // request at once, even one that no byte arrives on.
  enableWorker: true,
  lazyLoad: false,
  // Each frame is handed over as it comes.
  enableStashBuffer: false,
  // How far behind playback is and where it goes on is the player's business.
  liveBufferLatencyChasing: false,
  liveSync: false,
  autoCleanupSourceBuffer: true,
  autoCleanupMaxBackwardDuration: 30,
  autoCleanupMinBackwardDuration: 15,
};

/** HTTP-FLV and WS-FLV by mpegts.js. */
export const openFlv: Open = async (video, { url }, events, libraries) => new FlvTransport(video, url, events, await libraries.mpegts());

class FlvTransport implements Transport {
  startMs: number | null = null;
  readonly shownDate = null;
  readonly delivery = "frames";
  private readonly player: Mpegts.Player;
  private stopped = false;
  private closed: Failure | null = null;

  constructor(
    video: HTMLVideoElement,
    url: string,
    private readonly events: TransportEvents,
    private readonly lib: typeof Mpegts,
  ) {
    lib.LoggingControl.applyConfig({ enableVerbose: false, enableDebug: false, enableInfo: false, enableWarn: false });
    const { Events } = lib;
    const player = lib.createPlayer({ type: "flv", isLive: true, url }, this.config(url));
    this.player = player;
    player.on(Events.METADATA_ARRIVED, (fields: Record<string, unknown>) => this.described(fields));
    player.on(Events.LOADING_COMPLETE, () => this.end(this.closed ?? again("The stream has ended.")));
    player.on(Events.ERROR, (type: string, detail: string, info: unknown) => this.broken(type, detail, info));
    player.attachMediaElement(video);
    player.load();
  }

  stop(): void {
    this.stopped = true;
    this.player.destroy();
  }

  private config(url: string): Mpegts.Config {
    if (!url.startsWith("ws")) return config;
    const customLoader = webSocketLoader(this.lib, (why) => (this.closed = why));
    return { ...config, enableWorker: false, customLoader };
  }

  // Later metadata, after a change of tracks or a skip, does not move the media
  // time that the first frame has set.
  private described({ streamTime }: Record<string, unknown>): void {
    if (this.startMs === null && typeof streamTime === "number") this.startMs = streamTime;
  }

  private broken(type: string, detail: string, info: unknown): void {
    const { ErrorTypes, ErrorDetails } = this.lib;
    if (detail === ErrorDetails.NETWORK_STATUS_CODE_INVALID) {
      this.end(statusFailure((info as { code?: number } | undefined)?.code));
    } else if (type === ErrorTypes.NETWORK_ERROR) {
      this.end(again("The connection broke."));
    } else {
      const why = mediaFailure(detail, info);
      if (why) this.end(why);
    }
  }

  private end(why: Failure): void {
    if (!this.stopped) this.events.ended(why);
  }
}

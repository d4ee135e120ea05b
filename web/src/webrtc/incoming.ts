import { all, sum, travel, worst, type Figures } from "./figures";

/** Measured of a connection that receives. */
export interface Incoming extends Figures {
  /** Whether anything has come since the reading before. */
  arrives: boolean;
  /** Whether pictures have come since then of which none could be decoded. */
  stuck: boolean;
  /** How often the picture stood, and for how long. */
  freezes: number;
  frozen: number;
  /** How long what is shown has waited in the browser since it arrived. */
  held: number | null;
  /** How long ago what is shown came to the server, by the clocks of both. */
  behind: number | null;
}

// From 1900, where NTP begins, to 1970 (RFC 5905, 6).
const ntpOffsetMs = 2_208_988_800_000;

const nothing = { bytes: 0, pictureBytes: 0, decoded: 0, waited: 0, emitted: 0 };

/** Makes figures of the reports of one connection, one after another. */
export class IncomingMeter {
  private before = nothing;

  /** What a report says; `now` is the time by this device's clock in ms since 1970. */
  read(report: RTCStatsReport, now: number): Incoming {
    const tracks = all<RTCInboundRtpStreamStats>(report, "inbound-rtp");
    const video = tracks.find((t) => t.kind === "video");
    const leading = video ?? tracks[0];
    const { before } = this;
    const newest = {
      bytes: sum(tracks, (t) => t.bytesReceived),
      pictureBytes: video?.bytesReceived ?? 0,
      decoded: video?.framesDecoded ?? 0,
      waited: leading?.jitterBufferDelay ?? 0,
      emitted: leading?.jitterBufferEmittedCount ?? 0,
    };
    this.before = newest;
    const emitted = newest.emitted - before.emitted;
    const shown = leading?.estimatedPlayoutTimestamp;
    return {
      ...travel(report),
      jitter: worst(tracks, (t) => t.jitter),
      lost: Math.max(0, sum(tracks, (t) => t.packetsLost)), // what came twice counts against it
      arrives: newest.bytes > before.bytes,
      stuck: newest.pictureBytes > before.pictureBytes && newest.decoded === before.decoded,
      freezes: video?.freezeCount ?? 0,
      frozen: video?.totalFreezesDuration ?? 0,
      held: emitted > 0 ? (newest.waited - before.waited) / emitted : null,
      behind: shown ? (now - (shown - ntpOffsetMs)) / 1000 : null,
    };
  }
}

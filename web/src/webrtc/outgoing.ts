import { all, sum, travel, worst, type Figures } from "./figures";

/** Measured of a connection that sends. */
export interface Outgoing extends Figures {
  /** Since the reading before. */
  bitrate: number;
  /** Of the pictures that are sent. */
  width: number;
  height: number;
  frameRate: number;
  /** The codec of the pictures, as SDP spells it; empty while it is not known. */
  codec: string;
  /** What keeps the picture from being better: "bandwidth", "cpu" or "other"; empty if nothing. */
  limit: string;
}

/** What the other side reports of a track. */
interface Reported {
  jitter?: number;
  packetsLost?: number;
  roundTripTime?: number;
}

/** Makes figures of the reports of one connection, one after another. */
export class OutgoingMeter {
  private before: { bytes: number; at: number } | undefined;

  /** What a report says. */
  read(report: RTCStatsReport): Outgoing {
    const tracks = all<RTCOutboundRtpStreamStats>(report, "outbound-rtp");
    const remote = all<Reported>(report, "remote-inbound-rtp");
    const video = tracks.find((t) => t.kind === "video");
    const codec = video?.codecId && (report.get(video.codecId) as { mimeType?: string } | undefined)?.mimeType;
    const limit = video?.qualityLimitationReason ?? "none";
    const { path, roundTrip } = travel(report);
    return {
      path,
      roundTrip: roundTrip ?? worst(remote, (r) => r.roundTripTime),
      jitter: worst(remote, (r) => r.jitter),
      lost: Math.max(0, sum(remote, (r) => r.packetsLost)),
      bitrate: this.rate(sum(tracks, (t) => t.bytesSent), tracks[0]?.timestamp ?? 0),
      width: video?.frameWidth ?? 0,
      height: video?.frameHeight ?? 0,
      frameRate: video?.framesPerSecond ?? 0,
      codec: codec ? codec.replace(/^.*\//, "") : "",
      limit: limit === "none" ? "" : limit,
    };
  }

  private rate(bytes: number, at: number): number {
    const { before } = this;
    this.before = { bytes, at };
    return before && at > before.at ? Math.max(0, ((bytes - before.bytes) * 8000) / (at - before.at)) : 0;
  }
}

import { describe as suite, expect, it } from "vitest";
import { describe } from "./figures";
import { IncomingMeter } from "./incoming";
import { OutgoingMeter } from "./outgoing";

function report(...stats: Record<string, unknown>[]): RTCStatsReport {
  return new Map(stats.map((s, i) => [String(s.id ?? i), s])) as unknown as RTCStatsReport;
}

const udp = [
  { id: "T", type: "transport", selectedCandidatePairId: "P" },
  { id: "Q", type: "candidate-pair", nominated: true, state: "succeeded", localCandidateId: "M", currentRoundTripTime: 9 },
  { id: "P", type: "candidate-pair", localCandidateId: "L", currentRoundTripTime: 0.012 },
  { id: "L", type: "local-candidate", protocol: "udp", candidateType: "prflx" },
  { id: "M", type: "local-candidate", protocol: "tcp", candidateType: "relay" },
];
const now = Date.UTC(2026, 10, 21);
const ntp = now + 2_208_988_800_000;

suite("IncomingMeter", () => {
  const video = { type: "inbound-rtp", kind: "video", bytesReceived: 5000, framesDecoded: 50, packetsLost: 3, jitter: 0.004, freezeCount: 1,
    totalFreezesDuration: 0.5, jitterBufferDelay: 2, jitterBufferEmittedCount: 50, estimatedPlayoutTimestamp: ntp - 150 };
  const audio = { type: "inbound-rtp", kind: "audio", bytesReceived: 900, packetsLost: -1, jitter: 0.02 };

  it("reads a report of Chromium", () => {
    expect(new IncomingMeter().read(report(...udp, video, audio), now)).toEqual({
      path: "UDP", roundTrip: 0.012, jitter: 0.02, lost: 2, arrives: true, stuck: false, freezes: 1, frozen: 0.5, held: 0.04, behind: 0.15,
    });
  });

  it("compares with the reading before", () => {
    const meter = new IncomingMeter();
    meter.read(report(video, audio), now);
    expect(meter.read(report(video, audio), now)).toMatchObject({ arrives: false, stuck: false, held: null });
    const later = { ...video, bytesReceived: 9000, jitterBufferDelay: 3, jitterBufferEmittedCount: 60 };
    expect(meter.read(report(later, audio), now)).toMatchObject({ arrives: true, stuck: true, held: 0.1 });
    expect(meter.read(report({ ...later, bytesReceived: 9500, framesDecoded: 51 }, audio), now)).toMatchObject({ arrives: true, stuck: false });
  });

  it("does with what there is", () => {
    expect(new IncomingMeter().read(report(), now)).toEqual({
      path: "", roundTrip: null, jitter: null, lost: 0, arrives: false, stuck: false, freezes: 0, frozen: 0, held: null, behind: null,
    });
    const firefox = report(udp[1]!, udp[4]!, audio);
    expect(new IncomingMeter().read(firefox, now)).toMatchObject({ path: "TCP by a relay", roundTrip: 9, stuck: false, arrives: true });
  });
});

suite("OutgoingMeter", () => {
  const sends = { type: "outbound-rtp", kind: "video", timestamp: 1000, bytesSent: 1000, frameWidth: 1280, frameHeight: 720, framesPerSecond: 30,
    codecId: "C", qualityLimitationReason: "bandwidth" };
  const codec = { id: "C", type: "codec", mimeType: "video/H264" };

  it("reads reports", () => {
    const meter = new OutgoingMeter();
    const reported = { type: "remote-inbound-rtp", jitter: 0.003, packetsLost: 7, roundTripTime: 0.05 };
    expect(meter.read(report(...udp, sends, codec, reported))).toEqual({
      path: "UDP", roundTrip: 0.012, jitter: 0.003, lost: 7, bitrate: 0, width: 1280, height: 720, frameRate: 30, codec: "H264", limit: "bandwidth",
    });
    const later = { ...sends, timestamp: 3000, bytesSent: 501_000, qualityLimitationReason: "none" };
    expect(meter.read(report(later, codec, reported))).toMatchObject({ bitrate: 2_000_000, roundTrip: 0.05, limit: "" });
  });

  it("does with what there is", () => {
    expect(new OutgoingMeter().read(report())).toEqual({
      path: "", roundTrip: null, jitter: null, lost: 0, bitrate: 0, width: 0, height: 0, frameRate: 0, codec: "", limit: "",
    });
  });
});

suite("describe", () => {
  it.each([
    [{ path: "UDP", roundTrip: 0.0124, jitter: 0.02, lost: 2 }, "12 ms round trip · 20 ms jitter · 2 lost · UDP"],
    [{ path: "", roundTrip: null, jitter: null, lost: 0 }, "0 lost"],
  ])("%j", (figures, want) => expect(describe(figures).join(" · ")).toBe(want));
});

import { describe, expect, it } from "vitest";
import { summary } from "./event-list";

const event = (type: string, data: Record<string, unknown>) => ({ id: "1", time: "", node: "", type, stream: "", session: "", data });

describe("summary", () => {
  it.each([
    ["session.opened", { protocol: "httpflv", action: "play", remote: "192.0.2.2:5", user: "" }, "HTTP-FLV · plays · 192.0.2.2:5"],
    ["session.refused", { protocol: "rtmp", action: "play", remote: "192.0.2.2:5", user: "", reason: "unauthorized" }, "RTMP · plays · 192.0.2.2:5 · not allowed"],
    ["session.closed", { protocol: "rtmp", action: "publish", remote: "192.0.2.2:5", user: "ann", reason: "kicked", duration_s: 61 }, "RTMP · publishes · 192.0.2.2:5 · ann · closed by an operator · 1 min 1 s"],
    ["stream.published", { publisher: { protocol: "rtsp", remote: "192.0.2.3:6" }, tracks: [] }, "RTSP · 192.0.2.3:6"],
    ["stream.unpublished", { publisher: null }, ""],
    ["stream.layout_changed", { tracks: [{ codec: "H264" }, { codec: "AAC" }] }, "H264 · AAC"],
    ["stream.not_found", { protocol: "hls", remote: "192.0.2.2:5", user: "", agent: "x" }, "HLS · 192.0.2.2:5"],
    ["server.heartbeat", { version: "v1", streams: 1, viewers: 2 }, "v1 · 1 stream · 2 viewers"],
    ["server.reloaded", { changed: ["hls.window"], restart: [] }, "Changed: hls.window."],
    ["record.segment", { file: "live/a.mp4", duration_s: 600.2, why: "segment_duration" }, "live/a.mp4 · 10 min"],
    ["record.error", { file: "live/a.mp4", reason: "disk_full", error: "no space" }, "live/a.mp4 · disk full"],
    ["events_lost", { lost: 3 }, "At least 3 events are missing here."],
    ["of.tomorrow", { protocol: 7, publisher: "x", reason: null }, ""],
  ])("of %s", (type, data, text) => expect(summary(event(type, data))).toBe(text));
});

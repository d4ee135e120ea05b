import { describe, expect, it } from "vitest";
import type { Stream } from "./api";
import type { Sample } from "./control";
import { keptMs, merge, viewersOf } from "./samples";
import { points } from "./sparkline";
import { extend, mostPoints } from "./trends";

const start = Date.UTC(2026, 10, 21, 12);
const time = (ms: number) => new Date(start + ms).toISOString();
const sample = (ms: number): Sample => ({
  at: time(ms),
  streams: 0,
  publishers: 0,
  viewers: { rtmp: 2, hls: 3 },
  bitrate_in: 0,
  bitrate_out: 0,
  cpu: 0,
  memory_bytes: 0,
  lag_ms: null,
});
const times = (samples: Sample[]) => samples.map((s) => Date.parse(s.at) - start);

describe("samples", () => {
  it("are kept once", () => {
    expect(times(merge([sample(0), sample(2000)], [sample(2000), sample(4000)], time(4000)))).toEqual([0, 2000, 4000]);
  });
  it("are forgotten when they are old", () => {
    expect(times(merge([sample(0), sample(2000)], [sample(keptMs + 1000)], time(keptMs + 1000)))).toEqual([2000, keptMs + 1000]);
  });
  it("sum up viewers", () => expect(viewersOf(sample(0))).toBe(5));
});

const stream = (name: string, bitrate: number) =>
  ({ name, bitrate, viewers_total: 7, tracks: [{ id: 0, kind: "video", codec: "H264", frame_rate: 25 }] }) as Stream;

describe("trends", () => {
  it("grow with each answer, and go with their stream", () => {
    const one = extend(new Map(), [stream("a", 1), stream("b", 2)], start);
    const two = extend(one, [stream("a", 3)], start + 1000);
    expect([...two.keys()]).toEqual(["a"]);
    expect(two.get("a")).toEqual({ at: [start / 1000, start / 1000 + 1], bitrate: [1, 3], frameRate: [25, 25], viewers: [7, 7] });
  });
  it("have one point for each second of the server's clock", () => {
    const two = extend(extend(new Map(), [stream("a", 1)], start), [stream("a", 2)], start);
    expect(two.get("a")).toMatchObject({ at: [start / 1000], bitrate: [2] });
  });
  it("are bounded", () => {
    let trends = new Map();
    for (let i = 0; i < mostPoints + 3; i++) trends = extend(trends, [stream("a", i)], start + i * 1000);
    expect(trends.get("a").bitrate).toHaveLength(mostPoints);
    expect(trends.get("a").bitrate[0]).toBe(3);
  });
});

it("a sparkline fills its height from 0 to the greatest value", () => {
  expect(points([0, 5, 10], 100, 22)).toBe("0.0,21.0 50.0,11.0 100.0,1.0");
  expect(points([0, 0], 10, 22)).toBe("0.0,21.0 10.0,21.0");
});

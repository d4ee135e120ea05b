import { describe, expect, it } from "vitest";
import { allWays, wayFrom, wayUrl } from "./ways";

describe("wayUrl", () => {
  it.each([
    ["https://h/live/demo?token=x", "whep", false, true, "https://h/live/demo/whep?token=x"],
    ["http://h:8080/live/demo", "wsmp4", true, true, "ws://h:8080/live/demo.mp4"],
    ["https://h/a%20b", "wsmp4", false, true, "wss://h/a%20b.mp4?audio=0"],
    ["http://h/live/demo", "httpflv", true, true, "http://h/live/demo.flv"],
    ["https://http.example/x", "wsflv", true, false, "wss://http.example/x.flv?video=0"],
    ["http://h/live/demo/", "llhls", true, true, "http://h/live/demo/index.m3u8?format=fmp4"],
    ["http://h/live/demo?token=a%2Bb#x", "hls", false, true, "http://h/live/demo/index.m3u8?token=a%2Bb&format=fmp4"],
    ["http://h/live/demo?user=u&pass=p", "wsmp4", false, true, "ws://h/live/demo.mp4?user=u&pass=p&audio=0"],
  ] as const)("%s by %s", (stream, way, audio, video, want) => expect(wayUrl(stream, way, { audio, video })).toBe(want));

  it("tells whether all of the stream is wanted", () =>
    expect(wayUrl("http://h/live/demo?token=x", "whep", undefined, true)).toBe("http://h/live/demo/whep?token=x&whole=1"));
});

it("knows its names", () => {
  for (const w of allWays) expect(wayFrom(w)).toBe(w);
  expect(wayFrom("carrier-pigeon")).toBeUndefined();
  expect(wayFrom("toString")).toBeUndefined();
  expect(wayFrom(null)).toBeUndefined();
});

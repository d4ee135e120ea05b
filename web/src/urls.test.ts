import { describe, expect, it } from "vitest";
import { basic, encodeName, mediaUrls, playFrom, playSearch, serverAndKey, splitToken, streamUrl } from "./urls";

describe("encodeName", () => {
  it.each([
    ["live/test", "live/test"],
    ["cam/north hd", "cam/north%20hd"],
    ["a/50%?#b", "a/50%25%3F%23b"],
    ["камера", "%D0%BA%D0%B0%D0%BC%D0%B5%D1%80%D0%B0"],
  ])("%s", (name, path) => expect(encodeName(name)).toBe(path));
});

it("makes a stream's address", () => expect(streamUrl("http://h:8080", "a b/c")).toBe("http://h:8080/a%20b/c"));

describe("mediaUrls", () => {
  it.each([
    ["nothing is known", "h", undefined, []],
    ["RTMP alone", "[::1]", { rtmp_port: 1935 }, ["rtmp://[::1]:1935/a%20b/c"]],
    ["both", "h", { rtmp_port: 1935, rtmps_port: 1936 }, ["rtmp://h:1935/a%20b/c", "rtmps://h:1936/a%20b/c"]],
    ["RTMPS alone", "h", { rtmp_port: 0, rtmps_port: 1936 }, ["rtmps://h:1936/a%20b/c"]],
    ["both are off", "h", { rtmp_port: 0, rtmps_port: 0 }, []],
  ] as const)("%s", (_, host, ports, want) => expect(mediaUrls("rtmp", host, ports, "a b/c")).toEqual(want));

  it("keeps protocols apart", () => {
    const ports = { rtmp_port: 1935, rtsp_port: 8554, rtsps_port: 8322 };
    expect(mediaUrls("rtmp", "h", ports, "a")).toEqual(["rtmp://h:1935/a"]);
    expect(mediaUrls("rtsp", "h", ports, "a")).toEqual(["rtsp://h:8554/a", "rtsps://h:8322/a"]);
  });
});

describe("serverAndKey", () => {
  it.each([
    ["rtmp://h:1935/live/test", "rtmp://h:1935/live", "test"],
    ["rtmp://h:1935/cam/north/hd", "rtmp://h:1935/cam/north", "hd"],
    ["rtmp://h:1935/test", "rtmp://h:1935", "test"],
  ])("%s", (url, server, key) => expect(serverAndKey(url)).toEqual({ server, key }));
});

it("makes a header of a user", () => expect(basic("ann", "pä:ss")).toBe("Basic YW5uOnDDpDpzcw=="));

describe("deep links", () => {
  it.each(["live/test", "a&b/c=d", "x+y", "100%", "a#b?c", "a&via=hls"])("%s survives", (name) => {
    expect(playFrom(playSearch({ name }))).toEqual({ name });
    expect(playFrom(playSearch({ name, via: "wsmp4" }))).toEqual({ name, via: "wsmp4" });
  });
  it.each([
    ["?play=live/test&via=wsflv", { name: "live/test", via: "wsflv" }],
    ["?play=live/test&via=carrier-pigeon", { name: "live/test" }],
    ["?play=", null],
    ["?via=hls", null],
  ])("%s", (search, want) => expect(playFrom(search)).toEqual(want));
});

describe("splitToken", () => {
  it.each([
    ["", null, ""],
    ["#token=abc", "abc", ""],
    ["#token=a%2Fb&x=1", "a/b", "#x=1"],
    ["#section", null, "#section"],
    ["#token=", null, "#token="],
  ])("%s", (hash, token, rest) => expect(splitToken(hash)).toEqual({ token, rest }));
});

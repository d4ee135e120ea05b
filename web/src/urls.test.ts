import { describe, expect, it } from "vitest";
import { encodeName, flvUrl, playFrom, playSearch, rtmpUrls, serverAndKey, splitToken } from "./urls";

describe("encodeName", () => {
  it.each([
    ["live/test", "live/test"],
    ["cam/north hd", "cam/north%20hd"],
    ["a/50%?#b", "a/50%25%3F%23b"],
    ["камера", "%D0%BA%D0%B0%D0%BC%D0%B5%D1%80%D0%B0"],
  ])("%s", (name, path) => expect(encodeName(name)).toBe(path));
});

it("makes media addresses", () => {
  expect(flvUrl("http://h:8080", "live/test")).toBe("http://h:8080/live/test.flv");
  expect(flvUrl("http://h:8080", "live/test", "http", { audio: false, video: true })).toBe("http://h:8080/live/test.flv?audio=0");
  expect(flvUrl("http://h:8080", "live/test", "ws")).toBe("ws://h:8080/live/test.flv");
  expect(flvUrl("https://http.example", "a b", "ws", { audio: true, video: false })).toBe("wss://http.example/a%20b.flv?video=0");
});

describe("rtmpUrls", () => {
  it.each([
    ["nothing is known", "h", undefined, []],
    ["RTMP alone", "[::1]", { rtmp_port: 1935 }, ["rtmp://[::1]:1935/a%20b/c"]],
    ["both", "h", { rtmp_port: 1935, rtmps_port: 1936 }, ["rtmp://h:1935/a%20b/c", "rtmps://h:1936/a%20b/c"]],
    ["RTMPS alone", "h", { rtmp_port: 0, rtmps_port: 1936 }, ["rtmps://h:1936/a%20b/c"]],
    ["both are off", "h", { rtmp_port: 0, rtmps_port: 0 }, []],
  ] as const)("%s", (_, host, ports, want) => expect(rtmpUrls(host, ports, "a b/c")).toEqual(want));
});

describe("serverAndKey", () => {
  it.each([
    ["rtmp://h:1935/live/test", "rtmp://h:1935/live", "test"],
    ["rtmp://h:1935/cam/north/hd", "rtmp://h:1935/cam/north", "hd"],
    ["rtmp://h:1935/test", "rtmp://h:1935", "test"],
  ])("%s", (url, server, key) => expect(serverAndKey(url)).toEqual({ server, key }));
});

describe("deep links", () => {
  it.each(["live/test", "a&b/c=d", "x+y", "100%", "a#b?c", "a&via=ws"])("%s survives", (name) => {
    expect(playFrom(playSearch({ name, via: "http" }))).toEqual({ name, via: "http" });
    expect(playFrom(playSearch({ name, via: "ws" }))).toEqual({ name, via: "ws" });
  });
  it.each([
    ["?play=live/test&via=ws", { name: "live/test", via: "ws" }],
    ["?play=live/test&via=carrier-pigeon", { name: "live/test", via: "http" }],
    ["?play=", null],
    ["?via=ws", null],
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

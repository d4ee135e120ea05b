import { describe, expect, it } from "vitest";
import { encodeName, flvUrl, playFrom, playSearch, rtmpUrl, splitToken } from "./urls";

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
  expect(flvUrl("http://h:8080", "live/test", { audio: false, video: true })).toBe("http://h:8080/live/test.flv?audio=0");
  expect(rtmpUrl("[::1]", 1935, "live/test")).toBe("rtmp://[::1]:1935/live/test");
});

describe("deep links", () => {
  it.each(["live/test", "a&b/c=d", "x+y", "100%", "a#b?c"])("%s survives", (name) => {
    expect(playFrom(playSearch(name))).toBe(name);
  });
  it("an empty or absent name is none", () => {
    expect(playFrom("?play=")).toBeNull();
    expect(playFrom("?other=1")).toBeNull();
  });
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

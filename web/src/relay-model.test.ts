import { describe, expect, it } from "vitest";
import { ApiError } from "./api";
import type { Relay, RelayRule } from "./control";
import { fieldOf, groups, lines, matches } from "./relay-model";

describe("patterns", () => {
  it.each([
    ["cam/7", "cam/7", true],
    ["cam/7", "cam/8", false],
    ["cam/7", "cam/7/hd", false],
    ["cam/*", "cam/7", true],
    ["cam/*", "cam", false],
    ["{site}/{id}", "a/7", true],
    ["{site}/{id}", "a/b/7", false],
    ["live/**", "live/a/b", true],
    ["live/**", "live", false],
    ["**", "live", true],
    ["a.c", "abc", false],
  ])("%s of %s: %s", (pattern, name, want) => expect(matches(pattern, name)).toBe(want));
});

const rule = (added: boolean, ...streams: string[]): RelayRule => ({ streams, peers: ["rtsp://h/x"], mode: "on_demand", added });
const relay = (stream: string) => ({ stream, state: "running" }) as Relay;

describe("groups", () => {
  it("give each relay to the first rule that matches, and what has none is first", () => {
    const rules = [rule(true, "cam/7"), rule(false, "cam/{id}"), rule(false, "a", "b"), rule(true, "x/**")];
    const found = groups({ relays: [relay("cam/7"), relay("cam/8"), relay("cam/9"), relay("b"), relay("other")], rules });
    expect(found.map(({ only, relays }) => [only, relays.map((r) => r.stream)])).toEqual([
      [undefined, ["other"]],
      ["cam/7", ["cam/7"]],
      [undefined, ["cam/8", "cam/9"]],
      [undefined, ["b"]],
      [undefined, []],
    ]);
    expect(found.map((g) => g.rule)).toEqual([undefined, ...rules]);
  });
  it("are the rules alone if nothing runs", () => expect(groups({ relays: [], rules: [rule(true, "cam/7")] })).toMatchObject([{ only: "cam/7", relays: [] }]));
});

it.each([
  ["stream", 400, "stream"],
  ["streams[0]", 400, "stream"],
  ["sources", 400, "urls"],
  ["sources[1]", 400, "urls"],
  ["targets[0]", 400, "urls"],
  ["mode", 400, "mode"],
  ["", 409, "stream"],
  ["close_after", 400, undefined],
  ["", 500, undefined],
])("an error of %j with status %i is shown at %s", (field, status, want) => expect(fieldOf(new ApiError(status, "", "no", field))).toBe(want));

it("an error that is not the API's is at no field", () => expect(fieldOf(new TypeError("fetch"))).toBeUndefined());

it("addresses are on lines", () => expect(lines(" rtsp://a/x \n\n\trtmp://b/y\r\n")).toEqual(["rtsp://a/x", "rtmp://b/y"]));

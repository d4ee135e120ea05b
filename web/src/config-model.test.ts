import { describe, expect, it } from "vitest";
import { begun, changed, changeText, isLong, plain, sections, yaml } from "./config-model";
import type { ConfigKey } from "./control";

const key = (name: string, more: Partial<ConfigKey> = {}): ConfigKey => ({
  key: name,
  type: "text",
  value: "",
  default: "",
  set_by: "",
  overlay: false,
  live: false,
  secret: false,
  help: "",
  ...more,
});

const keys = [
  key("log.level", { live: true, value: "info", help: "What is written." }),
  key("hls.window", { live: true, set_by: "data/overlay.yaml:4:3", overlay: true, help: "Segments in a playlist." }),
  key("log.format", { set_by: "WEIR_LOG_FORMAT" }),
];
const names = (search: string, show: Parameters<typeof sections>[2]) => sections(keys, search, show).map((s) => [s.name, ...s.keys.map((k) => k.key)]);

describe("sections", () => {
  it("have the keys of one name", () => expect(names("", "every")).toEqual([["log", "log.level", "log.format"], ["hls", "hls.window"]]));
  it("show what is set", () => expect(names("", "changed")).toEqual([["hls", "hls.window"], ["log", "log.format"]]));
  it("show what is live", () => expect(names("", "live")).toEqual([["log", "log.level"], ["hls", "hls.window"]]));
  it.each([
    ["playlist SEGMENTS", [["hls", "hls.window"]]],
    ["log info", [["log", "log.level"]]],
    ["nothing like it", []],
  ])("are searched for %s", (search, want) => expect(names(search, "every")).toEqual(want));
});

describe("texts", () => {
  it.each([
    ["text", "info", "info", '"info"'],
    ["text", '""', "", '""'],
    ["address", '":8080"', ":8080", '":8080"'],
    ["secret", '"a \\"b\\" # c"', 'a "b" # c', '"a \\"b\\" # c"'],
    ["size", '"0"', "0", '"0"'],
    ["number", "6", "6", "6"],
    ["list", '["a", b]', '["a", b]', '["a", b]'],
  ] as const)("of type %s are typed without quotes: %s", (type, value, typed, sent) => {
    const k = key("a.b", { type, value });
    expect(plain(k, value)).toBe(typed);
    expect(yaml(k, typed)).toBe(sent);
  });
  it("of YAML that is no JSON stay as they are", () => expect(plain(key("a"), '"\\x41"')).toBe('"\\x41"'));
});

describe("what is saved", () => {
  const save = (type: ConfigKey["type"], value: string, typed?: string) => {
    const k = key("a.b", { type, value });
    return changed(k, begun(k), typed ?? begun(k));
  };
  it.each([
    ["secret", '"***"'],
    ["secret", '""'],
    ["list", '["***"]'],
    ["groups", "- password: '***'\n"],
    ["text", '"https://***@example.org/"'],
  ] as const)("is nothing if a %s is untouched: %s", (type, value) => expect(save(type, value)).toBeUndefined());
  it.each([
    ["secret", '"***"', "new", '"new"'],
    ["list", '["***"]', "[new]", "[new]"],
    ["text", '"info"', undefined, '"info"'],
    ["text", '"info"', "", '""'],
  ] as const)("of a %s is what was typed: %s", (type, value, typed, sent) => expect(save(type, value, typed)).toBe(sent));
});

it("groups take several lines", () => {
  expect([key("a", { type: "groups" }), key("b", { value: "x\ny" }), key("c")].map(isLong)).toEqual([true, true, false]);
});

it("a change says what it did", () => {
  expect(changeText({ changed: ["a.b"], restart: ["c.d", "e.f"] })).toBe("Changed: a.b. Needs a restart: c.d, e.f.");
  expect(changeText({ changed: [], restart: [] })).toBe("Nothing has changed.");
});

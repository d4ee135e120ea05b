import { describe, expect, it } from "vitest";
import { settings } from "./attributes";

function read(attributes: Record<string, string>) {
  return settings((name) => attributes[name] ?? null, "https://page.example/news/1");
}

describe("settings", () => {
  it.each([
    ["an address", { src: "http://h:8080/live/demo" }, "http://h:8080/live/demo", undefined],
    ["a relative one", { src: "/live/demo", via: "llhls" }, "https://page.example/live/demo", "llhls"],
    ["a way that there is not", { src: "http://h/a", via: "smoke" }, "http://h/a", undefined],
    ["a token", { src: "http://h/a", token: "x&y" }, "http://h/a?token=x%26y", undefined],
    ["a user", { src: "http://h/a?x=1", user: "ann", pass: "ü" }, "http://h/a?x=1&user=ann&pass=%C3%BC", undefined],
    ["nothing", {}, null, undefined],
    ["no address", { src: "http://" }, null, undefined],
    ["a script", { src: "javascript:alert(1)" }, null, undefined],
  ] as const)("%s", (_, attributes, stream, via) => expect(read(attributes)).toEqual({ stream, via }));
});

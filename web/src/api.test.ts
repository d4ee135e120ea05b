import { afterEach, describe, expect, it, vi } from "vitest";
import { Api, ApiError, needsToken, type TokenStorage } from "./api";

function memory(): TokenStorage {
  const items = new Map<string, string>();
  return { getItem: (k) => items.get(k) ?? null, setItem: (k, v) => void items.set(k, v) };
}

function answer(body: string, init?: ResponseInit) {
  const fetch = vi.fn<typeof globalThis.fetch>(async () => new Response(body, init));
  vi.stubGlobal("fetch", fetch);
  return fetch;
}

const { signal } = new AbortController();

afterEach(() => vi.unstubAllGlobals());

describe("Api", () => {
  it("reads the list and the server's clock", async () => {
    answer('{"streams":[]}', { headers: { Date: "Fri, 20 Nov 2026 12:00:00 GMT" } });
    const from = performance.now();
    const list = await new Api(memory()).streams(signal);
    expect(list).toMatchObject({ streams: [], now: Date.UTC(2026, 10, 20, 12) });
    expect(list.at).toBeGreaterThanOrEqual(from);
    expect(list.at).toBeLessThanOrEqual(performance.now());
  });

  it("sends a token only if there is one", async () => {
    const fetch = answer('{"version":"v1","uptime_s":1,"rtmp_port":0}');
    const api = new Api(memory());
    await api.info(signal);
    api.token = "secret";
    await api.info(signal);
    const sent = fetch.mock.calls.map(([, init]) => new Headers(init?.headers).get("Authorization"));
    expect(sent).toEqual([null, "Bearer secret"]);
  });

  it("knows that a token is needed", async () => {
    answer('{"error":{"code":"unauthorized","message":"a token is needed","field":""}}', { status: 401 });
    const err = await new Api(memory()).info(signal).catch((e: unknown) => e);
    expect(needsToken(err)).toBe(true);
    expect(err).toMatchObject({ code: "unauthorized", message: "a token is needed" });
  });

  it("bears an error that is not the API's", async () => {
    answer("<html>", { status: 502, statusText: "Bad Gateway" });
    const err = await new Api(memory()).info(signal).catch((e: unknown) => e);
    expect(err).toBeInstanceOf(ApiError);
    expect(needsToken(err)).toBe(false);
    expect(err).toMatchObject({ status: 502, code: "", message: "HTTP 502 Bad Gateway" });
  });
});

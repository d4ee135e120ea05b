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

  it("asks as a user, whom it does not store, until there is a token", async () => {
    const fetch = answer('{"version":"v1","uptime_s":1,"rtmp_port":0}');
    const storage = memory();
    const api = new Api(storage);
    api.token = "secret";
    api.signIn("ann", "pa:ss");
    await api.info(signal);
    expect(new Headers(fetch.mock.calls[0]![1]?.headers).get("Authorization")).toBe("Basic YW5uOnBhOnNz");
    expect([api.token, new Api(storage).authorization]).toEqual(["", ""]);
    api.token = "other";
    expect(api.authorization).toBe("Bearer other");
  });

  it.each([
    ["sessions", (api: Api) => api.sessions({ stream: "a/b", user: "" }, 100, 50, signal), "GET", "/api/v1/sessions?stream=a%2Fb&offset=100&limit=50"],
    ["all statistics", (api: Api) => api.stats("", signal), "GET", "/api/v1/stats"],
    ["newer statistics", (api: Api) => api.stats("2026-11-21T12:00:00Z", signal), "GET", "/api/v1/stats?since=2026-11-21T12%3A00%3A00Z"],
    ["a kick", (api: Api) => api.kick("a/b"), "DELETE", "/api/v1/sessions/a%2Fb"],
    ["a release", (api: Api) => api.release("live/a b"), "DELETE", "/api/v1/streams/live/a%20b"],
    ["a reload", (api: Api) => api.reloadConfig(), "POST", "/api/v1/config/reload"],
  ])("asks for %s", async (_, ask, method, path) => {
    const fetch = answer("{}");
    await ask(new Api(memory()));
    expect([fetch.mock.calls[0]![1]?.method ?? "GET", fetch.mock.calls[0]![0]]).toEqual([method, path]);
  });

  it("changes the configuration that it knows", async () => {
    const fetch = answer('{"changed":["hls.window"],"restart":[]}');
    const change = await new Api(memory()).changeConfig('"7"', { "hls.window": "8", "log.level": null });
    expect(change.changed).toEqual(["hls.window"]);
    const init = fetch.mock.calls[0]![1]!;
    expect([init.method, new Headers(init.headers).get("If-Match"), init.body]).toEqual(["PATCH", '"7"', '{"changes":{"hls.window":"8","log.level":null}}']);
  });

  it("names the part of a request that was wrong", async () => {
    answer('{"error":{"code":"invalid_config","message":"no number","field":"hls.window"}}', { status: 400 });
    await expect(new Api(memory()).changeConfig("", {})).rejects.toMatchObject({ status: 400, field: "hls.window" });
  });

  it("follows events after one", async () => {
    const fetch = answer("");
    await new Api(memory()).events({ types: "stream.*", stream: "" }, "17", signal);
    const [path, init] = fetch.mock.calls[0]!;
    expect([path, new Headers(init?.headers).get("Last-Event-ID")]).toEqual(["/api/v1/events?types=stream.*", "17"]);
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

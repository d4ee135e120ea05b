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
    ["what is fetched", (api: Api) => api.relays("pulls", signal), "GET", "/api/v1/pulls"],
    ["a rule to go", (api: Api) => api.removeRelay("forwards", "cam/{id}"), "DELETE", "/api/v1/forwards/cam/%7Bid%7D"],
    ["what is kept", (api: Api) => api.kept(signal), "GET", "/api/v1/recordings/streams"],
    ["a recording to go", (api: Api) => api.removeRecording("a/b"), "DELETE", "/api/v1/recordings/a%2Fb"],
    ["recorders", (api: Api) => api.recorders(signal), "GET", "/api/v1/recorders"],
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

  it("reads what is sent on, and the rules", async () => {
    answer('{"forwards":[{"stream":"a"}],"rules":[{"streams":["a"]}]}');
    expect(await new Api(memory()).relays("forwards", signal)).toEqual({ relays: [{ stream: "a" }], rules: [{ streams: ["a"] }] });
  });

  it.each([
    ["a source", (api: Api) => api.addRelay("pulls", { stream: "a", urls: ["u"], mode: "always" }), "/api/v1/pulls", { stream: "a", sources: ["u"], mode: "always" }],
    ["a target", (api: Api) => api.addRelay("forwards", { stream: "a", urls: ["u", "v"], mode: "always" }), "/api/v1/forwards", { stream: "a", targets: ["u", "v"] }],
    ["a stop", (api: Api) => api.switchRelay("pulls", "stop", "a", ""), "/api/v1/pulls/stop", { stream: "a" }],
    ["a recorder to stop", (api: Api) => api.switchRecorder("stop", "a b"), "/api/v1/recorders/stop", { stream: "a b" }],
    ["a start of one target", (api: Api) => api.switchRelay("forwards", "start", "a", "u"), "/api/v1/forwards/start", { stream: "a", target: "u" }],
  ])("sends %s", async (_, ask, path, body) => {
    const fetch = answer("{}");
    await ask(new Api(memory()));
    const [sent, init] = fetch.mock.calls[0]!;
    expect([sent, init?.method, JSON.parse(String(init?.body))]).toEqual([path, "POST", body]);
  });

  it("reads recordings page by page, up to a bound", async () => {
    const fetch = vi.fn<typeof globalThis.fetch>(async (url) => {
      const { searchParams: q } = new URL(String(url), "http://h");
      const first = Number(q.get("after") ?? 0) + 1;
      return Response.json({ recordings: Array.from({ length: Number(q.get("limit")) }, (_, i) => ({ id: String(first + i) })), more: first < 2000 });
    });
    vi.stubGlobal("fetch", fetch);
    const api = new Api(memory());
    const { recordings, more } = await api.recordings("a/b", { from: Date.UTC(2026, 10, 21, 12) }, 2500, signal);
    expect([recordings.length, recordings.at(-1)?.id, more]).toEqual([2500, "2500", false]);
    expect(fetch.mock.calls.map(([url]) => url)).toEqual([
      "/api/v1/recordings?stream=a%2Fb&from=2026-11-21T12%3A00%3A00.000Z&limit=1000",
      "/api/v1/recordings?stream=a%2Fb&from=2026-11-21T12%3A00%3A00.000Z&after=1000&limit=1000",
      "/api/v1/recordings?stream=a%2Fb&from=2026-11-21T12%3A00%3A00.000Z&after=2000&limit=500",
    ]);
    expect((await api.recordings("a", {}, 1500, signal)).more).toBe(true);
  });

  it("ends a list whose pages are empty", async () => {
    answer('{"recordings":[],"more":true}');
    expect(await new Api(memory()).recordings("a", {}, 10, signal)).toEqual({ recordings: [], more: false });
  });

  it("puts a token into the address of a file, and no password", async () => {
    const api = new Api(memory());
    expect(api.recordingHref("a/b")).toBe("/api/v1/recordings/a%2Fb/file");
    api.token = "s&t";
    expect(api.recordingHref("x")).toBe("/api/v1/recordings/x/file?token=s%26t");
    expect(api.playlistHref("a b", { from: 0, to: 1000 })).toBe("/api/v1/recordings/playlist.m3u8?stream=a+b&from=1970-01-01T00%3A00%3A00.000Z&to=1970-01-01T00%3A00%3A01.000Z");
    api.signIn("ann", "pa:ss");
    expect(api.recordingHref("x")).toBeNull();
    const fetch = answer("media");
    expect(await (await api.recordingFile("x")).text()).toBe("media");
    expect(new Headers(fetch.mock.calls[0]![1]?.headers).get("Authorization")).toBe("Basic YW5uOnBhOnNz");
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

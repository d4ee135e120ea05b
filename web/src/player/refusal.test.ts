import { afterEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "../api";
import { refusedWith, whyNotAnswered, whyRefused } from "./refusal";

describe("refusedWith", () => {
  it.each([
    [200, false, true],
    [404, true, true],
    [401, true, false],
    [415, true, true],
    [503, false, false],
  ])("%d", (status, final, elsewhere) => expect(refusedWith(status)).toMatchObject({ final, elsewhere }));
});

afterEach(() => vi.unstubAllGlobals());

describe("whyNotAnswered", () => {
  const api = (status: number, code: string, message = "m") => new ApiError(status, code, message);
  it.each([
    ["WebRTC that is off", api(404, "not_found"), "The server does not offer it.", true, true],
    ["a proxy that knows only GET", api(405, ""), "The server does not offer it.", true, true],
    ["a stream that is not there", api(404, "stream_not_found"), "The stream is not live.", false, false],
    ["who may not", api(401, "unauthorized"), "You are not allowed to play this stream.", true, false],
    ["who may not, says a proxy", api(403, ""), "You are not allowed to play this stream.", true, false],
    ["no codec in common", api(415, "unsupported", "the client cannot receive H265"),
      "The server cannot send this stream so: the client cannot receive H265.", true, true],
    ["a limit of WebRTC", api(503, "limit_reached"), "The server has as many WebRTC sessions as it may have.", false, true],
    ["a fault", api(500, "internal_error", "it broke"), "The server answers: it broke.", false, true],
    ["no server", new TypeError("Failed to fetch"), "The server cannot be reached.", false, false],
    ["an answer that does not fit", new DOMException("no m-line"), "This browser cannot use the server's answer: no m-line", true, true],
  ] as const)("%s", async (_, err, message, final, elsewhere) => {
    vi.stubGlobal("location", { origin: "http://h" });
    expect(await whyNotAnswered(err, "http://h/live/whep")).toEqual({ message, final, elsewhere });
  });

  it.each([
    ["another origin, of a server that is there", async () => new Response(), "The server does not offer it to this page.", true],
    ["another origin, of no server", async () => Promise.reject(new TypeError()), "The server cannot be reached.", false],
  ])("%s", async (_, fetch, message, elsewhere) => {
    vi.stubGlobal("location", { origin: "http://page" });
    vi.stubGlobal("fetch", fetch);
    expect(await whyNotAnswered(new TypeError("Failed to fetch"), "http://h/live/whep")).toMatchObject({ message, elsewhere });
  });
});

describe("whyRefused", () => {
  it("asks the same address by HTTP", async () => {
    const asked = vi.fn(async () => new Response(null, { status: 403 }));
    vi.stubGlobal("fetch", asked);
    expect((await whyRefused("wss://h/live/demo.mp4?token=x")).message).toBe("You are not allowed to play this stream.");
    expect(asked).toHaveBeenCalledWith("https://h/live/demo.mp4?token=x", expect.objectContaining({ method: "HEAD" }));
  });

  it("tells that there is no server", async () => {
    vi.stubGlobal("fetch", async () => Promise.reject(new TypeError("refused")));
    expect(await whyRefused("ws://h/x.mp4")).toMatchObject({ message: "The server cannot be reached.", final: false, elsewhere: false });
  });
});

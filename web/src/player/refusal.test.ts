import { afterEach, describe, expect, it, vi } from "vitest";
import { refusedWith, whyRefused } from "./refusal";

describe("refusedWith", () => {
  it.each([
    [200, false, true],
    [404, true, true],
    [401, true, false],
    [415, true, true],
    [503, false, false],
  ])("%d", (status, final, elsewhere) => expect(refusedWith(status)).toMatchObject({ final, elsewhere }));
});

describe("whyRefused", () => {
  afterEach(() => vi.unstubAllGlobals());

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

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "../api";
import { exchange, iceServers } from "./exchange";

const offer = "v=0\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n";
const url = "http://h:8080/live/a%20b/whep?token=x";

/** As much of a connection as an exchange uses. */
class FakeConnection {
  readonly done: string[] = [];
  fails = "";

  createOffer = async () => ({ type: "offer", sdp: offer });
  getConfiguration = () => ({ bundlePolicy: "max-bundle" });
  setConfiguration = (c: RTCConfiguration) => this.do("configure", JSON.stringify(c));
  setLocalDescription = async ({ sdp }: { sdp: string }) => this.do("local", sdp);
  setRemoteDescription = async ({ sdp }: { sdp: string }) => this.do("remote", sdp);

  private do(step: string, text: string): void {
    if (this.fails === step) throw new DOMException("does not fit");
    this.done.push(`${step} ${text}`);
  }
}

describe("exchange", () => {
  const ask = vi.fn<typeof fetch>();
  let pc: FakeConnection;
  const { signal } = new AbortController();
  const run = (authorization: string | null = null) => exchange(pc as unknown as RTCPeerConnection, url, authorization, signal);
  const answered = (headers: Record<string, string> = {}) =>
    ask.mockResolvedValueOnce(new Response("answer", { status: 201, headers: { Location: "/live/a%20b/whep/id", ...headers } }));

  beforeEach(() => {
    pc = new FakeConnection();
    ask.mockReset();
    ask.mockResolvedValue(new Response(null));
    vi.stubGlobal("fetch", ask);
  });
  afterEach(() => vi.unstubAllGlobals());

  it("posts an offer, takes the answer and leaves by the resource's address", async () => {
    answered();
    const session = await run("Bearer x");
    const [to, init] = ask.mock.calls[0]!;
    const sent = offer.replace("=1\r", "=1;stereo=1\r");
    expect([to, init]).toMatchObject([url, { method: "POST", body: sent, headers: { "Content-Type": "application/sdp", Authorization: "Bearer x" }, credentials: "omit", signal }]);
    expect(pc.done).toEqual([`local ${sent}`, "remote answer"]);
    await session.leave();
    expect(String(ask.mock.calls[1]![0])).toBe("http://h:8080/live/a%20b/whep/id");
    expect(ask.mock.calls[1]![1]).toMatchObject({ method: "DELETE", keepalive: true, headers: { Authorization: "Bearer x" } });
  });

  it("looks for candidates by the servers of the answer", async () => {
    answered({ Link: '<stun:s.example>; rel="ice-server"' });
    await run();
    expect(pc.done[0]).toBe('configure {"bundlePolicy":"max-bundle","iceServers":[{"urls":"stun:s.example"}]}');
    expect(pc.done).toHaveLength(3);
  });

  it("bears a server that cannot be told of the end", async () => {
    answered();
    const session = await run();
    ask.mockRejectedValueOnce(new TypeError("gone"));
    await expect(session.leave()).resolves.toBeUndefined();
  });

  it.each([
    ["nobody", "", { credentials: "omit" }],
    ["the browser's user", null, {}],
  ])("asks as %s", async (_, authorization, want) => {
    answered();
    await run(authorization);
    expect(ask.mock.calls[0]![1]).toEqual({ method: "POST", headers: { "Content-Type": "application/sdp" }, body: expect.anything(), signal, cache: "no-store", ...want });
  });

  it("throws the refusal", async () => {
    ask.mockResolvedValueOnce(new Response('{"error":{"code":"unsupported","message":"no codec","field":""}}', { status: 415 }));
    const err = await run().catch((e: unknown) => e);
    expect(err).toBeInstanceOf(ApiError);
    expect(err).toMatchObject({ status: 415, code: "unsupported", message: "no codec" });
    expect(pc.done).toEqual([]);
  });

  it("leaves a session whose answer cannot be used", async () => {
    answered();
    pc.fails = "remote";
    await expect(run()).rejects.toThrow("does not fit");
    expect(ask.mock.calls[1]![1]).toMatchObject({ method: "DELETE" });
  });
});

describe("iceServers", () => {
  it.each([
    ["", []],
    ['<stun:a:3478>; rel="ice-server"', [{ urls: "stun:a:3478" }]],
    ['<https://a/next>; rel="next", <stun:a>; rel=ice-server', [{ urls: "stun:a" }]],
    ['<stun:a>; rel="ice-server", <turn:b?transport=udp>; rel="ice-server"; username="1:weir"; credential="x\\"=,/"; credential-type="password"',
      [{ urls: "stun:a" }, { urls: "turn:b?transport=udp", username: "1:weir", credential: 'x"=,/' }]],
    ["nonsense", []],
  ])("%s", (link, want) => expect(iceServers(link)).toEqual(want));
});

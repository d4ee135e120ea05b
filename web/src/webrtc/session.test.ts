import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "../api";
import { Session } from "./session";

const described = (ufrag: string) => `v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=ice-ufrag:${ufrag}\r\na=ice-pwd:p\r\na=mid:0\r\n`;
const host = (port: number) => `candidate:1 1 udp 2122260223 192.0.2.1 ${port} typ host`;

/** As much of a connection as a session uses. */
class FakeConnection {
  onicecandidate: ((e: { candidate: { candidate: string } | null }) => void) | null = null;
  localDescription = { sdp: described("ours1") };
  currentRemoteDescription = { sdp: described("theirs1") };
  createOffer = vi.fn(async () => ({ type: "offer", sdp: described("ours2") }));
  setLocalDescription = vi.fn(async (d: { sdp: string }) => void (this.localDescription = d));
  setRemoteDescription = vi.fn(async (d: { sdp: string }) => void (this.currentRemoteDescription = d));

  find(...candidates: string[]) {
    for (const candidate of candidates) this.onicecandidate?.({ candidate: { candidate } });
  }
}

describe("Session", () => {
  const ask = vi.fn<typeof fetch>();
  let pc: FakeConnection;
  let session: Session;
  const url = new URL("http://h/live/whep/id");
  const open = (resource = { url: url as URL | null, etag: '"1"' }) => (session = new Session(pc as unknown as RTCPeerConnection, resource, "Bearer x"));
  /** What was asked: method, If-Match, and the ports of the candidates. */
  const asked = () => ask.mock.calls.map(([, init]) => {
    const { method, headers, body } = init as { method: string; headers: Record<string, string>; body?: string };
    return [method, headers["If-Match"], (body ?? "").match(/(?<=192\.0\.2\.1 )\d+/g)?.map(Number) ?? []];
  });
  const settle = () => new Promise((done) => setTimeout(done));

  beforeEach(() => {
    pc = new FakeConnection();
    ask.mockReset();
    ask.mockImplementation(async () => new Response(null, { status: 204 }));
    vi.stubGlobal("fetch", ask);
  });
  afterEach(() => vi.unstubAllGlobals());

  it("tells candidates as they are found, those of a moment together, and no names", async () => {
    open();
    pc.find(host(1), "candidate:1 1 udp 2122260223 0a1b.local 5 typ host", host(2), "", host(3));
    pc.onicecandidate!({ candidate: null });
    await settle();
    expect(asked()).toEqual([["PATCH", '"1"', [1]], ["PATCH", '"1"', [2, 3]]]);
    expect(ask.mock.calls[0]![0]).toBe(url);
    expect(ask.mock.calls[0]![1]).toMatchObject({
      headers: { "Content-Type": "application/trickle-ice-sdpfrag", Authorization: "Bearer x" },
      body: `a=ice-ufrag:ours1\r\na=ice-pwd:p\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=${host(1)}\r\n`,
    });
  });

  it.each([
    ["there is no tag", { url, etag: "" }],
    ["the session has no address", { url: null, etag: '"1"' }],
  ])("tells nothing and restarts nothing if %s", async (_, resource) => {
    open(resource);
    pc.find(host(1));
    await settle();
    await expect(session.restart()).rejects.toThrow("The server");
    await session.leave();
    expect(asked().filter(([method]) => method === "PATCH")).toEqual([]);
  });

  it("bears a server that takes no candidates", async () => {
    open();
    ask.mockRejectedValueOnce(new TypeError("gone"));
    pc.find(host(1), host(2));
    await settle();
    expect(asked()).toHaveLength(1);
  });

  it("restarts ICE once at a time, and tells candidates of the new session afterwards", async () => {
    open();
    ask.mockResolvedValueOnce(new Response("a=ice-ufrag:theirs2\r\na=ice-pwd:q\r\n", { status: 200, headers: { ETag: '"2"' } }));
    const both = [session.restart(), session.restart()];
    pc.find(host(4));
    await Promise.all(both);
    await settle();
    expect(pc.createOffer.mock.calls).toEqual([[{ iceRestart: true }]]);
    expect(pc.currentRemoteDescription).toEqual({ type: "answer", sdp: "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=ice-ufrag:theirs2\r\na=ice-pwd:q\r\na=mid:0\r\n" });
    expect(asked()).toEqual([["PATCH", "*", []], ["PATCH", '"2"', [4]]]);
  });

  it("tells why there is no restart", async () => {
    open();
    ask.mockResolvedValueOnce(new Response("{}", { status: 404 }));
    await expect(session.restart()).rejects.toBeInstanceOf(ApiError);
    expect(pc.setRemoteDescription).not.toHaveBeenCalled();
  });

  it("tells nothing more once it has left", async () => {
    open();
    await session.leave();
    pc.find(host(1));
    await settle();
    expect(asked()).toEqual([["DELETE", undefined, []]]);
  });
});

import { afterEach, describe, expect, it, vi } from "vitest";
import { openSource, whyNoSource, type SourceKind } from "./sources";

afterEach(() => vi.unstubAllGlobals());

function fakeTrack(kind: string) {
  return { kind, contentHint: "", stop: vi.fn() };
}

describe("openSource", () => {
  it.each([
    ["camera", "getUserMedia", "motion"],
    ["screen", "getDisplayMedia", "detail"],
  ] as const)("opens the %s, and gives it free", async (kind, method, hint) => {
    const tracks = [fakeTrack("video"), fakeTrack("audio")];
    const get = vi.fn(async (_: MediaStreamConstraints) => ({ getTracks: () => tracks, getVideoTracks: () => tracks.slice(0, 1) }));
    vi.stubGlobal("navigator", { mediaDevices: { [method]: get } });
    const { stop } = await openSource(kind, false);
    expect(get.mock.lastCall).toMatchObject([{ audio: false, video: { frameRate: { ideal: 30 } } }]);
    expect(tracks.map((t) => t.contentHint)).toEqual([hint, ""]);
    stop();
    expect(tracks.map((t) => t.stop.mock.calls.length)).toEqual([1, 1]);
  });

  it.each([
    ["camera", false, "SecurityError"],
    ["screen", true, "NotSupportedError"],
  ] as const)("throws where browsers have no %s (secure: %s)", async (kind, secure, name) => {
    vi.stubGlobal("navigator", {});
    vi.stubGlobal("isSecureContext", secure);
    await expect(openSource(kind, true)).rejects.toMatchObject({ name });
  });
});

describe("whyNoSource", () => {
  it.each([
    ["SecurityError", "camera", "Open the console at https://"],
    ["NotAllowedError", "screen", "The screen was not allowed. Allow it for this page"],
    ["NotFoundError", "camera", "There is no camera or microphone. Connect one, or publish without sound."],
    ["NotReadableError", "camera", "another program may have it"],
    ["NotSupportedError", "screen", "This browser cannot publish the screen."],
    ["OverconstrainedError", "camera", "The camera or microphone cannot be used: odd"],
  ] as [string, SourceKind, string][])("%s of the %s", (name, kind, text) => expect(whyNoSource(new DOMException("odd", name), kind)).toContain(text));
  it("bears anything", () => expect(whyNoSource("smoke", "test")).toBe("The test picture cannot be used: smoke"));
});

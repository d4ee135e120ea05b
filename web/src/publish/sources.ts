// What a page can publish.

import { testPicture } from "./test-picture";

export const sourceKinds = ["camera", "screen", "test"] as const;

/** Where pictures and sound come from. */
export type SourceKind = (typeof sourceKinds)[number];

/** Running pictures and sound. */
export interface Source {
  stream: MediaStream;
  /** Ends them and gives the devices free. */
  stop(): void;
}

const size = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };

/** Begins a source, which may ask the user first. It throws what whyNoSource explains. */
export async function openSource(kind: SourceKind, sound: boolean): Promise<Source> {
  if (kind === "test") return testPicture(sound);
  const { mediaDevices } = navigator;
  // Browsers hide what they would not grant: getDisplayMedia on phones, both on
  // pages that others could have changed on their way.
  const get = kind === "camera" ? mediaDevices?.getUserMedia : mediaDevices?.getDisplayMedia;
  if (!get) throw new DOMException("", isSecureContext ? "NotSupportedError" : "SecurityError");
  const stream = await get.call(mediaDevices, { video: size, audio: sound });
  for (const track of stream.getVideoTracks()) track.contentHint = kind === "screen" ? "detail" : "motion";
  return { stream, stop: () => stream.getTracks().forEach((t) => t.stop()) };
}

const things: Record<SourceKind, string> = { camera: "camera or microphone", screen: "screen", test: "test picture" };

/** Why a source did not begin, and what to do. */
export function whyNoSource(err: unknown, kind: SourceKind): string {
  const thing = things[kind];
  switch (err instanceof DOMException ? err.name : "") {
    case "SecurityError":
      return `Browsers give the ${thing} only to pages that come by HTTPS or from this machine. Open the console at https:// (http.tls_listen in the server's configuration) or as localhost; a test picture can be published from here.`;
    case "NotAllowedError":
      return `The ${thing} was not allowed. Allow it for this page, in the address bar or the system's settings, and start again.`;
    case "NotFoundError":
      return `There is no ${thing}. Connect one, or publish without sound.`;
    case "NotReadableError":
    case "AbortError":
      return `The ${thing} cannot be used: another program may have it.`;
    case "NotSupportedError":
      return `This browser cannot publish the ${thing}.`;
  }
  return `The ${thing} cannot be used: ${err instanceof Error ? err.message : String(err)}`;
}

// Which ways can play a stream in this browser, and which is taken.

import type { Track, WebRTCInfo } from "../api";
import { carries, hasBFrames, mseType, rtpType } from "./codecs";
import { allWays, ways, type Container, type Kinds, type Way } from "./ways";

/** What a browser can do. */
export interface Capabilities {
  /** The test of Media Source Extensions, null if the browser has none. */
  isTypeSupported: ((type: string) => boolean) | null;
  /** What it receives by WebRTC, as rtpType names it; null if it has no WebRTC. */
  receives: ReadonlySet<string> | null;
  /** It plays HLS playlists by itself. */
  nativeHls: boolean;
}

/** What becomes of a stream by one way. */
export interface Option {
  way: Way;
  /** Which kinds it fetches. */
  kinds: Kinds;
  /**
   * "play" if it can be played, if need be without its sound; "listen" if only
   * the sound could; "nothing" if no track of it can.
   */
  verdict: "play" | "listen" | "nothing";
  /** What is left out and why; empty if nothing. */
  note: string;
  /** What may be left out, so that ways come first that do without; empty if nothing. */
  doubt: string;
  /** The server is asked to refuse rather than to leave pictures out. */
  whole?: boolean;
}

/** The tracks that a player gets unless it asks for others: the first of a kind. */
function played(tracks: Track[]): Track[] {
  return (["video", "audio"] as const).flatMap((kind) => tracks.find((t) => t.kind === kind) ?? []);
}

/** What WebRTC makes of B-frames. */
export const bFramesNote = "B-frames are left out: set bframes=0 in the encoder.";

/** What is known of a stream. */
export interface Known {
  tracks: Track[];
  webrtc?: WebRTCInfo | undefined;
}

/**
 * What each way makes of the stream, best first: those that play all of it, then
 * those that may leave something out, then those that do, then those that cannot
 * play it; among equals the one of less delay. A stream without tracks, as far as
 * is known, is worth a try.
 */
export function choose({ tracks, webrtc }: Known, browser: Capabilities): Option[] {
  const media = played(tracks);
  const options = allWays.map((way) => judge(way, media, browser, webrtc));
  const rank = ({ verdict, note, doubt }: Option) => ["play", "listen", "nothing"].indexOf(verdict) * 3 + (note ? 2 : doubt ? 1 : 0);
  return options.sort((a, b) => rank(a) - rank(b));
}

/**
 * As choose, for a stream of which nothing is known. WebRTC is tried first for all
 * of it: the server knows whether it can send that.
 */
export function chooseBlindly(browser: Capabilities): Option[] {
  const options = choose({ tracks: [] }, browser);
  const whole = options.filter((o) => o.doubt).map((o): Option => ({ ...o, doubt: "", whole: true }));
  return [...whole, ...options];
}

function judge(way: Way, media: Track[], browser: Capabilities, webrtc: WebRTCInfo | undefined): Option {
  const { container } = ways[way];
  const both = { audio: true, video: true };
  const server = container === "WebRTC" ? webrtc : undefined;
  if (server?.playable === false) return { way, kinds: both, verdict: "nothing", note: `The server cannot send it so: ${server.why}.`, doubt: "" };
  const decodes = decoder(container, browser);
  if (!decodes) {
    if (way === "hls" && browser.nativeHls) return { way, kinds: both, verdict: "play", note: "", doubt: "" };
    const note = `This browser has no ${container === "WebRTC" ? "WebRTC" : "Media Source Extensions"}.`;
    return { way, kinds: both, verdict: "nothing", note, doubt: "" };
  }
  const missing = media.filter((t) => !carries(container, t));
  const undecodable = media.filter((t) => !missing.includes(t) && !decodes(t));
  const unsent = (server?.left_out ?? []).flatMap(({ kind, codec, why }) => {
    const track = media.find((t) => t.kind === kind && t.codec === codec && !missing.includes(t) && !undecodable.includes(t));
    return track ? [{ track, why }] : [];
  });
  const refused = [...missing, ...undecodable, ...unsent.map(({ track }) => track)];
  const kept = media.length > 0 ? media.filter((t) => !refused.includes(t)) : null;
  const reordered = container === "WebRTC" ? reordering(kept) : false;
  const note = [
    undecodable.length > 0 && `This browser cannot play ${names(undecodable)}.`,
    missing.length > 0 && `Browsers cannot play ${names(missing)} from ${container}.`,
    ...unsent.map(({ track, why }) => `The server sends no ${names([track])} so: ${why}.`),
    reordered && bFramesNote,
  ];
  // Of WebRTC only what there is is asked for, so that what is not sent is noticed.
  const fetches = (kind: Track["kind"]) =>
    container === "WebRTC" && kept ? kept.some((t) => t.kind === kind) : !refused.some((t) => t.kind === kind);
  const option = (verdict: Option["verdict"]): Option => ({
    way,
    kinds: { audio: fetches("audio"), video: fetches("video") },
    verdict,
    note: note.filter(Boolean).join(" "),
    doubt: reordered === null ? "B-frames are left out, which this stream may have." : "",
  });
  if (refused.length > 0 && refused.length === media.length) return option("nothing");
  // A playlist cannot be asked for less than it has.
  if (container === "HLS" && undecodable.length > 0) return option("nothing");
  return option(refused.some((t) => t.kind === "video") ? "listen" : "play");
}

/** How the browser is asked about the tracks of a container; null if it takes nothing from there. */
function decoder(container: Container, { isTypeSupported, receives }: Capabilities): ((t: Track) => boolean) | null {
  if (container === "WebRTC") return receives && ((t) => receives.has(rtpType(t)!));
  return isTypeSupported && ((t) => isTypeSupported(mseType(t, container)!));
}

/** Whether the picture among these tracks has B-frames; null if that is not known, as of tracks that are not. */
function reordering(tracks: Track[] | null): boolean | null {
  if (!tracks) return null;
  const video = tracks.find((t) => t.kind === "video");
  return video ? hasBFrames(video) : false;
}

function names(tracks: Track[]): string {
  return tracks.map((t) => `${t.codec} ${t.kind}`).join(" and ");
}

/** What a viewer wants. */
export interface Wishes {
  /** The one way that is to be tried; all if undefined. */
  via?: Way | undefined;
  /** Sound without a picture is welcome. */
  listen?: boolean;
}

/** The options that are tried, in their order. */
export function plan(options: Option[], { via, listen }: Wishes): Option[] {
  return options.filter((o) => (!via || (o.way === via && !o.whole)) && (o.verdict === "play" || (listen && o.verdict === "listen")));
}

/** Why nothing is tried, in words for the viewer; those of the best option. */
export function refusal(options: Option[], { via }: Wishes): string {
  return options.find((o) => !via || o.way === via)?.note ?? "";
}

/**
 * Why a way is taken. `earlier` are the ways that were tried and failed, with a
 * sentence each.
 */
export function because(way: Way, { via }: Wishes, options: Option[], earlier: ReadonlyMap<Way, string>): string {
  const { label, merit } = ways[way];
  if (via) return `${label}, as you chose.`;
  const before = allWays.filter((w) => w !== way && (earlier.has(w) || allWays.indexOf(w) < allWays.indexOf(way)));
  const reasons = before.flatMap((w) => {
    const option = options.find((o) => o.way === w);
    const why = earlier.get(w) ?? (option?.note || option?.doubt);
    return why ? [[why, w] as const] : [];
  });
  // One sentence holds for each way of a container.
  const failed = [...new Map(reasons)].map(([why, w]) => `${ways[w].label}: ${why}`);
  return [`${label} is ${merit}.`, ...failed].join(" ");
}

/** What the browser that runs this can do. */
export function capabilities(): Capabilities {
  const source = mediaSource();
  return {
    isTypeSupported: source ? (type) => source.isTypeSupported(type) : null,
    receives: received(),
    nativeHls: document.createElement("video").canPlayType("application/vnd.apple.mpegurl") !== "",
  };
}

function received(): ReadonlySet<string> | null {
  if (!("RTCPeerConnection" in globalThis)) return null;
  const codecs = (["video", "audio"] as const).flatMap((kind) => RTCRtpReceiver.getCapabilities?.(kind)?.codecs ?? []);
  return new Set(codecs.map((c) => c.mimeType.toLowerCase()));
}

/** Media Source Extensions of the browser; those of iPhones are managed. */
export function mediaSource(): typeof MediaSource | undefined {
  const { MediaSource, ManagedMediaSource } = globalThis as {
    MediaSource?: typeof globalThis.MediaSource;
    ManagedMediaSource?: typeof globalThis.MediaSource;
  };
  return MediaSource ?? ManagedMediaSource;
}

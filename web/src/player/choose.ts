// Which ways can play a stream in this browser, and which is taken.

import type { Track } from "../api";
import { carries, mseType } from "./codecs";
import { allWays, ways, type Kinds, type Way } from "./ways";

/** What a browser can do. */
export interface Capabilities {
  /** The test of Media Source Extensions, null if the browser has none. */
  isTypeSupported: ((type: string) => boolean) | null;
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
}

/** The tracks that a player gets unless it asks for others: the first of a kind. */
function played(tracks: Track[]): Track[] {
  return (["video", "audio"] as const).flatMap((kind) => tracks.find((t) => t.kind === kind) ?? []);
}

/**
 * What each way makes of the stream, best first: those that play all of it,
 * then those that leave something out, then those that cannot play it; among
 * equals the one of less delay. A stream without tracks, as far as is known, is
 * worth a try.
 */
export function choose(tracks: Track[], browser: Capabilities): Option[] {
  const media = played(tracks);
  const options = allWays.map((way) => judge(way, media, browser));
  const rank = ({ verdict, note }: Option) => ["play", "listen", "nothing"].indexOf(verdict) * 2 + (note ? 1 : 0);
  return options.sort((a, b) => rank(a) - rank(b));
}

function judge(way: Way, media: Track[], browser: Capabilities): Option {
  const { container } = ways[way];
  const both = { audio: true, video: true };
  const impossible = (note: string): Option => ({ way, kinds: both, verdict: "nothing", note });
  if (!browser.isTypeSupported) {
    if (way === "hls" && browser.nativeHls) return { way, kinds: both, verdict: "play", note: "" };
    return impossible("This browser has no Media Source Extensions.");
  }
  const supported = browser.isTypeSupported;
  const missing = media.filter((t) => !carries(container, t));
  const undecodable = media.filter((t) => !missing.includes(t) && !supported(mseType(t, container)!));
  const refused = [...missing, ...undecodable];
  const note = [
    undecodable.length > 0 && `This browser cannot play ${names(undecodable)}.`,
    missing.length > 0 && `Browsers cannot play ${names(missing)} from ${container}.`,
  ];
  const option = (verdict: Option["verdict"]): Option => ({
    way,
    kinds: { audio: !refused.some((t) => t.kind === "audio"), video: !refused.some((t) => t.kind === "video") },
    verdict,
    note: note.filter(Boolean).join(" "),
  });
  if (refused.length > 0 && refused.length === media.length) return option("nothing");
  // A playlist cannot be asked for less than it has.
  if (container === "HLS" && undecodable.length > 0) return option("nothing");
  return option(refused.some((t) => t.kind === "video") ? "listen" : "play");
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
  return options.filter((o) => (!via || o.way === via) && (o.verdict === "play" || (listen && o.verdict === "listen")));
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
  const before = allWays.slice(0, allWays.indexOf(way));
  const reasons = before.flatMap((w) => {
    const why = earlier.get(w) ?? options.find((o) => o.way === w)?.note;
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
    nativeHls: document.createElement("video").canPlayType("application/vnd.apple.mpegurl") !== "",
  };
}

/** Media Source Extensions of the browser; those of iPhones are managed. */
export function mediaSource(): typeof MediaSource | undefined {
  const { MediaSource, ManagedMediaSource } = globalThis as {
    MediaSource?: typeof globalThis.MediaSource;
    ManagedMediaSource?: typeof globalThis.MediaSource;
  };
  return MediaSource ?? ManagedMediaSource;
}

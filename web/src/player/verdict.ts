// What a stream is worth by WebRTC, in one glance.

import type { Track } from "../api";
import { decimal } from "../format";
import { bFramesNote, type Known, type Option } from "./choose";

/** What a viewer by WebRTC gets of a stream. */
export interface Verdict {
  gets: "all" | "less" | "nothing";
  /** A few words. */
  text: string;
  /** Why, and what to set; empty if there is nothing to say. */
  why: string;
}

/**
 * The verdict of WebRTC's option among those of choose; null while it is not
 * known. `off` is for a server without WebRTC.
 */
export function verdict(stream: Known, options: Option[], off: boolean): Verdict | null {
  if (off) return { gets: "nothing", text: "Not by WebRTC", why: "It is switched off (webrtc.listen)." };
  const option = options.find((o) => o.way === "whep");
  const has = (kind: Track["kind"]) => stream.tracks.some((t) => t.kind === kind);
  const sound = has("audio");
  if (!option || option.doubt || !(sound || has("video"))) return null;
  const { note, kinds } = option;
  if (option.verdict === "nothing") return { gets: "nothing", text: "Not by WebRTC", why: note };
  if (option.verdict === "listen") return { gets: "less", text: "WebRTC with sound alone", why: note };
  const lacks = [sound && !kinds.audio && "sound", note.includes(bFramesNote) && "B-frames"].filter(Boolean);
  if (lacks.length > 0) return { gets: "less", text: `WebRTC without ${lacks.join(" and ")}`, why: note.replace(bFramesNote, () => bFrames(stream)) };
  return { gets: "all", text: sound ? "WebRTC with sound" : "WebRTC", why: "" };
}

/** How many pictures are sent, as far as the server tells. */
function bFrames({ tracks, webrtc }: Known): string {
  const all = tracks.find((t) => t.kind === "video")?.frame_rate;
  const sent = webrtc?.frame_rate;
  if (!all || sent === undefined) return bFramesNote;
  return `B-frames: ${decimal(sent, 0)} of ${decimal(all, 0)} frames per second sent; set bframes=0 in the encoder.`;
}

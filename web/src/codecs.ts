import type { Track } from "./api";

/** What the player asks for, and what it must tell the viewer about it. */
export interface Playable {
  audio: boolean;
  video: boolean;
  /** What is left out and why; empty if nothing is. */
  note: string;
}

// profile_idc and constraint flags, the first four digits of an avc1 string
// (RFC 6381, 3.3).
const h264Profiles: Record<string, string> = {
  Baseline: "4200",
  "Constrained Baseline": "42E0",
  Main: "4D00",
  Extended: "5800",
  High: "6400",
  "High 10": "6E00",
  "High 4:2:2": "7A00",
  "High 4:4:4 Predictive": "F400",
};

// "High 10" is a profile's name, "High 5" a name and a level.
function h264(profile: string): string {
  const split = profile in h264Profiles ? profile.length : profile.lastIndexOf(" ");
  const prefix = h264Profiles[profile.slice(0, Math.max(0, split))];
  const level = prefix && split < profile.length ? Number(profile.slice(split)) : 3;
  return `avc1.${prefix ?? "42E0"}${Math.round(level * 10).toString(16).toUpperCase().padStart(2, "0")}`;
}

/**
 * The type that Media Source Extensions know a track by once it was remuxed
 * from FLV; null if that cannot be done.
 */
export function mseType(track: Track): string | null {
  const profile = track.profile ?? "";
  switch (track.codec.toUpperCase()) {
    case "H264":
      return `video/mp4; codecs="${h264(profile)}"`;
    case "H265":
    case "HEVC":
      return `video/mp4; codecs="hvc1.1.6.L120.90"`;
    case "AV1":
      return `video/mp4; codecs="av01.0.08M.08"`;
    case "AAC":
      return `audio/mp4; codecs="mp4a.40.2"`;
    case "MP3":
      return "audio/mpeg";
    case "OPUS":
      return `audio/mp4; codecs="opus"`;
  }
  return null;
}

/** Finds out before anything is fetched which tracks this browser can play. */
export function playable(tracks: Track[], isTypeSupported: (type: string) => boolean): Playable {
  const media = tracks.filter((t) => t.kind !== "data");
  const refused = media.filter((t) => {
    const type = mseType(t);
    return type === null || !isTypeSupported(type);
  });
  const left = (kind: Track["kind"]) => !refused.some((t) => t.kind === kind);
  const names = refused.map((t) => `${t.codec} ${t.kind}`).join(" and ");
  return { audio: left("audio"), video: left("video"), note: names && `This browser cannot play ${names}.` };
}

/** Whether anything would be left to play. */
export function anythingLeft(tracks: Track[], p: Playable): boolean {
  const media = tracks.filter((t) => t.kind !== "data");
  return media.length === 0 || media.some((t) => (t.kind === "video" ? p.video : p.audio));
}

// What a browser is asked about a track before anything of it is fetched.

import type { Track } from "../api";
import type { Container } from "./ways";

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

// general_profile_idc (ITU-T H.265, A.3).
const h265Profiles: Record<string, string> = {
  Main: "1",
  "Main 10": "2",
  "Main Still Picture": "3",
  "Range Extensions": "4",
  "High Throughput": "5",
  "Screen-Extended": "9",
};

// seq_profile (AV1 specification, A.2).
const av1Profiles: Record<string, string> = { Main: "0", High: "1", Professional: "2" };

interface Profile {
  /** The value of the profile's name, if it is known. */
  id: string | undefined;
  major: number;
  minor: number;
  highTier: boolean;
}

/**
 * Reads texts such as "High 4.0" and "Main 10 5.1 high tier"; `level` stands in
 * for one that is missing. "High 10" is a profile's name, "High 5" a name and a
 * level.
 */
function parseProfile(text: string, ids: Record<string, string>, level: [number, number]): Profile {
  const plain = text.replace(/ high tier$/, "");
  const highTier = plain !== text;
  const [, name, major, minor] = (!(plain in ids) && /^(.*) (\d+)(?:\.(\d+))?$/.exec(plain)) || [];
  if (name === undefined) return { id: ids[plain], major: level[0], minor: level[1], highTier };
  return { id: ids[name], major: Number(major), minor: Number(minor ?? 0), highTier };
}

function hex(n: number): string {
  return n.toString(16).toUpperCase().padStart(2, "0");
}

function h264(profile: string): string {
  const { id, major, minor } = parseProfile(profile, h264Profiles, [3, 0]);
  return `avc1.${id ?? "42E0"}${hex(major * 10 + minor)}`;
}

// ISO/IEC 14496-15, E.3; general_level_idc is thirty times the level.
function h265(profile: string): string {
  const { id, major, minor, highTier } = parseProfile(profile, h265Profiles, [4, 0]);
  return `hvc1.${id ?? "1"}.${id === "2" ? "4" : "6"}.${highTier ? "H" : "L"}${major * 30 + minor * 3}.B0`;
}

// AV1-ISOBMFF, 5; seq_level_idx counts four to each major level from 2.0 on. The
// API does not tell the bit depth: every decoder of a profile has 8.
function av1(profile: string): string {
  const { id, major, minor, highTier } = parseProfile(profile, av1Profiles, [4, 0]);
  const level = String((major - 2) * 4 + minor).padStart(2, "0");
  return `av01.${id ?? "0"}.${level}${highTier ? "H" : "M"}.08`;
}

// VP Codec ISO Media File Format Binding, "Codecs Parameter String". The API
// does not tell the bit depth: the least of the profile stands in for it.
function vp9(profile: string): string {
  const [, id = "0", major = "3", minor = "1"] = /^profile (\d)(?: (\d)\.(\d))?/.exec(profile) ?? [];
  return `vp09.0${id}.${major}${minor}.${Number(id) >= 2 ? "10" : "08"}`;
}

/**
 * What mpegts.js makes of FLV. Its demuxer has no VP8, VP9, AC-3, E-AC-3 and
 * G.711, and it reads the header of FLAC as if it lacked the "fLaC" that
 * Enhanced RTMP v2 starts it with.
 */
const fromFLV = new Set(["H264", "H265", "AV1", "AAC", "MP3", "Opus"]);

/** What the server writes as fragmented MP4, for HLS too (docs/http-ts-mp4.md). */
const inMP4 = new Set(["H264", "H265", "AV1", "VP9", "AAC", "MP3", "Opus", "FLAC", "AC-3", "E-AC-3"]);

/** Whether browsers could get a track out of a container. */
export function carries(container: Container, track: Track): boolean {
  if (container === "WebRTC") return rtpType(track) !== null;
  return (container === "FLV" ? fromFLV : inMP4).has(track.codec);
}

/** The profiles that WebRTC has decoders for: 8 bits, 4:2:0. */
const rtpProfiles: Record<string, RegExp> = {
  H264: /^($|Baseline|Constrained Baseline|Main|High( \d(\.\d)?)?$)/,
  H265: /^($|Main( \d(\.\d)?)?( high tier)?$)/,
  VP9: /^($|profile 0)/,
  AV1: /^($|Main)/,
  AAC: /^($|LC)/,
};

/** What WebRTC knows a codec of the server as. */
const rtpTypes: Record<string, string> = {
  H264: "video/h264",
  H265: "video/h265",
  VP8: "video/vp8",
  VP9: "video/vp9",
  AV1: "video/av1",
  Opus: "audio/opus",
  // The server sends it as Opus.
  AAC: "audio/opus",
  "G.711 A-law": "audio/pcma",
  "G.711 mu-law": "audio/pcmu",
};

/** The type, in lower case, that a browser must receive by WebRTC to play a track; null if it cannot be sent. */
export function rtpType(track: Track): string | null {
  const fits = rtpProfiles[track.codec]?.test(track.profile ?? "") ?? true;
  return (fits && rtpTypes[track.codec]) || null;
}

/** Whether pictures may be shown in another order than they are sent in; null if only the stream knows. */
export function hasBFrames(track: Track): boolean | null {
  if (track.codec !== "H264" && track.codec !== "H265") return false;
  if (/^(Constrained )?Baseline/.test(track.profile ?? "")) return false; // it has none (ITU-T H.264, A.2.1)
  return track.has_b_frames ?? null;
}

/** The type by which Media Source Extensions know a track; null if they have none. */
export function mseType(track: Track, container: Container): string | null {
  const profile = track.profile ?? "";
  switch (track.codec) {
    case "H264":
      return `video/mp4; codecs="${h264(profile)}"`;
    case "H265":
      return `video/mp4; codecs="${h265(profile)}"`;
    case "AV1":
      return `video/mp4; codecs="${av1(profile)}"`;
    case "VP9":
      return `video/mp4; codecs="${vp9(profile)}"`;
    case "AAC":
      return `audio/mp4; codecs="mp4a.40.2"`;
    case "MP3":
      // mpegts.js hands MP3 on as it is.
      return container === "FLV" ? "audio/mpeg" : `audio/mp4; codecs="mp4a.6B"`;
    case "Opus":
      return `audio/mp4; codecs="opus"`;
    case "FLAC":
      return `audio/mp4; codecs="flac"`;
    case "AC-3":
      return `audio/mp4; codecs="ac-3"`;
    case "E-AC-3":
      return `audio/mp4; codecs="ec-3"`;
  }
  return null;
}

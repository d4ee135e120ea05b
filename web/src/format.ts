// Numbers as people read them. Decimal multiples throughout, as networks count.

import type { Lack } from "./api";

/** A bit rate such as "64 kbit/s" or "2.4 Mbit/s". */
export function bitrate(bitsPerSecond: number): string {
  if (bitsPerSecond < 1000) return `${Math.round(bitsPerSecond)} bit/s`;
  if (bitsPerSecond < 999_500) return `${Math.round(bitsPerSecond / 1000)} kbit/s`;
  const mega = bitsPerSecond / 1e6;
  return `${mega.toFixed(mega < 10 ? 1 : 0)} Mbit/s`;
}

/** A time span in its two largest units: "42 s", "3 min 5 s", "2 h 4 min", "3 d 1 h". */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  const units: [number, string][] = [[86_400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const first = units.findIndex(([size]) => s >= size);
  if (first < 0) return "0 s";
  let rest = s;
  const parts: string[] = [];
  for (const [size, unit] of units.slice(first, first + 2)) {
    const n = Math.floor(rest / size);
    rest -= n * size;
    if (n > 0) parts.push(`${n} ${unit}`);
  }
  return parts.join(" ");
}

/** A number with at most `digits` decimals and no trailing zeros. */
export function decimal(n: number, digits: number): string {
  return String(Number(n.toFixed(digits)));
}

/** Frames per second: "25 fps", "29.97 fps". */
export function frameRate(fps: number): string {
  return `${decimal(fps, 2)} fps`;
}

/** A count with its noun: "1 viewer", "2 viewers". */
export function count(n: number, noun: string): string {
  return `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
}

/** Audio channels: "mono", "stereo", "6 channels". */
export function channels(n: number): string {
  return n === 1 ? "mono" : n === 2 ? "stereo" : count(n, "channel");
}

/** What somebody does without, and why. */
export function lack(l: Lack): string {
  const track = [l.kind === "data" ? "" : l.kind, l.codec].filter(Boolean).join(" ");
  return l.action === "publish" ? `The publisher's ${track} is not used: ${l.why}` : `${protocol(l.protocol)} goes without ${track}: ${l.why}`;
}

const protocolNames: Record<string, string> = {
  httpflv: "HTTP-FLV",
  wsflv: "WS-FLV",
  httpmp4: "HTTP-fMP4",
  wsmp4: "WS-fMP4",
  httpts: "HTTP-TS",
  wsts: "WS-TS",
  webrtc: "WebRTC",
};

/** The usual spelling of a protocol that the API names in lower case. */
export function protocol(id: string): string {
  return protocolNames[id] ?? id.toUpperCase();
}

// Numbers as people read them. Decimal multiples throughout, as networks count.

import type { Lack, Track } from "./api";
import { locale, w } from "./i18n/language";

/** A bit rate such as "64 kbit/s" or "2.4 Mbit/s". */
export function bitrate(bitsPerSecond: number): string {
  if (bitsPerSecond < 1000) return `${Math.round(bitsPerSecond)} bit/s`;
  if (bitsPerSecond < 999_500) return `${Math.round(bitsPerSecond / 1000)} kbit/s`;
  const [value, unit] = bitsPerSecond < 999.5e6 ? [bitsPerSecond / 1e6, "Mbit/s"] : [bitsPerSecond / 1e9, "Gbit/s"];
  return `${value.toFixed(value < 9.95 ? 1 : 0)} ${unit}`;
}

/** A time span in its two largest units: "42 s", "3 min 5 s", "2 h 4 min", "3 d 1 h". */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  const { day, hour, minute, second } = w().units;
  const units: [number, string][] = [[86_400, day], [3600, hour], [60, minute], [1, second]];
  const first = units.findIndex(([size]) => s >= size);
  if (first < 0) return `0 ${second}`;
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

/** A size such as "64 kB" or "2.4 GB". */
export function bytes(n: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let [value, unit] = [n, 0];
  for (; value >= 999.5 && unit < units.length - 1; unit++) value /= 1000;
  return `${value.toFixed(unit > 0 && value < 9.95 ? 1 : 0)} ${units[unit]}`;
}

/** A share of a processor: 1 is "100 %". */
export function percent(share: number): string {
  return `${decimal(share * 100, share < 0.0995 ? 1 : 0)} %`;
}

/** A delay in ms: "18 ms", "2.4 s". */
export function delay(ms: number): string {
  return ms < 1000 ? `${decimal(ms, ms < 9.95 ? 1 : 0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** A time of day with seconds; with the date if it is not of the day of `now`. Both are in ms since 1970. */
export function clock(ms: number, now: number = Date.now()): string {
  const [at, today] = [new Date(ms), new Date(now)];
  const time = at.toLocaleTimeString(locale(), { hour12: false });
  return at.toDateString() === today.toDateString() ? time : `${at.toLocaleDateString(locale())} ${time}`;
}

/** A number with the separators of the language. */
export function number(n: number): string {
  return n.toLocaleString(locale());
}

/** Audio channels: "mono", "stereo", "6 channels". */
export function channels(n: number): string {
  return n === 1 ? w().mono : n === 2 ? w().stereo : w().channels(n);
}

/** What a track is like, without its codec: its size and rate, or those of its sound. */
export function trackFormat(t: Track): string {
  const parts = [t.width && t.height && `${t.width}×${t.height}`, t.frame_rate && frameRate(t.frame_rate)];
  parts.push(t.sample_rate && `${decimal(t.sample_rate / 1000, 2)} kHz`, t.channels && channels(t.channels));
  return parts.filter(Boolean).join(" · ");
}

/** What somebody does without, without the server's word why. */
export function lack(l: Lack): string {
  const track = [l.kind === "data" ? "" : w().kinds[l.kind], l.codec].filter(Boolean).join(" ");
  return l.action === "publish" ? w().lackOfPublisher(track) : w().lackOfViewers(protocol(l.protocol), track);
}

/** One of the API's reasons, in words; one that is not known stays as it is. */
export function reason(code: string): string {
  const { reasons } = w();
  return Object.hasOwn(reasons, code) ? reasons[code as keyof typeof reasons] : code;
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

/** The usual spelling of a protocol that the API names in lower case, or the word for a part of weir. */
export function protocol(id: string): string {
  const { parts } = w();
  return Object.hasOwn(parts, id) ? parts[id as keyof typeof parts] : protocolNames[id] ?? id.toUpperCase();
}

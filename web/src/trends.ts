// How streams have done lately, kept by the page: the API tells the moment.

import type { Stream } from "./api";

/** Figures of one stream, oldest first; all lists are of one length. */
export interface Trend {
  /** In seconds since 1970. */
  at: number[];
  bitrate: number[];
  frameRate: number[];
  viewers: number[];
}

// Five minutes of a page that asks each second.
export const mostPoints = 300;

/** What is known of streams, with what a further answer at `now` (ms since 1970) says. Those that are gone are forgotten. */
export function extend(trends: ReadonlyMap<string, Trend>, streams: Stream[], now: number): Map<string, Trend> {
  const at = now / 1000;
  return new Map(
    streams.map((s) => {
      const before = trends.get(s.name) ?? { at: [], bitrate: [], frameRate: [], viewers: [] };
      // The server's clock has whole seconds: two answers may be of the same.
      const same = before.at.at(-1) === at;
      const add = (list: number[], value: number) => [...(same ? list.slice(0, -1) : list), value].slice(-mostPoints);
      const video = s.tracks.find((t) => t.kind === "video");
      const trend = {
        at: add(before.at, at),
        bitrate: add(before.bitrate, s.bitrate),
        frameRate: add(before.frameRate, video?.frame_rate ?? 0),
        viewers: add(before.viewers, s.viewers_total),
      };
      return [s.name, trend];
    }),
  );
}

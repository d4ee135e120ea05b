import type { Track } from "../api";
import type { Known } from "./choose";

/** What is known of a stream and whose it is. */
export interface Remembered extends Known {
  /** Another publisher, or other tracks, have another. */
  epoch: number;
}

/**
 * What is known of a stream that was known before. One that is gone comes back
 * with the same tracks more often than not; and an encoder that makes B-frames
 * makes none while nothing moves, for which no player is to change its way.
 */
export function remember(before: Remembered | undefined, now: Remembered | undefined): Remembered | undefined {
  if (!now?.tracks.length) return before;
  const another = before?.epoch !== now.epoch;
  const tracks = now.tracks.map((track): Track => {
    const known = before?.tracks.find((t) => t.id === track.id)?.has_b_frames;
    const told = another || !known ? track.has_b_frames : undefined;
    const has_b_frames = told ?? known;
    return has_b_frames === undefined ? track : { ...track, has_b_frames };
  });
  const judged = another || before?.webrtc?.playable !== false ? now.webrtc : undefined;
  return { epoch: now.epoch, tracks, webrtc: judged ?? before?.webrtc };
}

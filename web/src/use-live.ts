import { useEffect, useRef, useState } from "preact/hooks";
import type { Stream, Track } from "./api";
import { playable } from "./codecs";
import { LivePlayer, type PlayerStatus } from "./live";
import { flvUrl, type Playing } from "./urls";

export type VideoRef = { current: HTMLVideoElement | null };
export type LiveRef = { current: LivePlayer | null };

interface Live {
  status: PlayerStatus;
  /** What is left out of the stream, and why. */
  note: string;
  /** The player of the moment. */
  player: LiveRef;
  /** Plays the sound of a stream whose picture cannot be played; undefined for others. */
  listen: (() => void) | undefined;
}

/**
 * Plays a stream in the element for as long as the component is there. Nothing
 * is fetched before the API has answered or failed (`settled`), nor if the
 * browser cannot play the stream.
 */
export function useLive(video: VideoRef, { name, via }: Playing, stream: Stream | undefined, settled: boolean): Live {
  const [status, setStatus] = useState<PlayerStatus>({ state: "connecting", message: "Connecting…" });
  const [listening, setListening] = useState(false);
  const player = useRef<LivePlayer | null>(null);

  // A stream that is gone comes back with the same tracks more often than not.
  const known = useRef<Track[]>([]);
  if (stream?.tracks.length) known.current = stream.tracks;
  const can = playable(known.current, isTypeSupported);
  const refused = can.verdict === "nothing" || (can.verdict === "listen" && !listening) ? can.note : "";
  const url = flvUrl(location.origin, name, via, can);

  useEffect(() => {
    if (!settled) return;
    if (refused) {
      setStatus({ state: "error", message: refused });
      return;
    }
    const live = new LivePlayer(video.current!, url, setStatus);
    player.current = live;
    void live.start();
    return () => {
      player.current = null;
      live.stop();
    };
  }, [url, refused, settled]);

  // A publisher that came back need not wait for the next retry.
  const epoch = stream?.state === "live" ? stream.epoch : undefined;
  useEffect(() => {
    if (epoch !== undefined) player.current?.nudge();
  }, [epoch]);

  const listen = refused && can.verdict === "listen" ? () => setListening(true) : undefined;
  return { status, note: refused ? "" : can.note, player, listen };
}

function isTypeSupported(type: string): boolean {
  const { MediaSource, ManagedMediaSource } = globalThis as {
    MediaSource?: typeof globalThis.MediaSource;
    ManagedMediaSource?: typeof globalThis.MediaSource;
  };
  const source = MediaSource ?? ManagedMediaSource;
  // Without either, the player says so better than a list of codecs would.
  return source ? source.isTypeSupported(type) : true;
}

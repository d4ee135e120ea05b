import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Api } from "../api";
import { behindMs, playableAt, spanOf, type Playable, type Span } from "./model";
import { Vod, type VodStatus } from "./vod";

// Most spans that are played have fewer.
const filesAtOnce = 100;

export interface Playback {
  /** Null until something is played. */
  status: VodStatus | null;
  /** When the frame came that is shown, in ms since 1970; null before. */
  at: number | null;
  seek: (ms: number) => void;
}

/** Plays what is kept of a stream in the element, for as long as the component is there. */
export function useVod(video: { current: HTMLVideoElement | null }, api: Api, stream: string): Playback {
  const [status, setStatus] = useState<VodStatus | null>(null);
  const [at, setAt] = useState<number | null>(null);
  const vod = useRef<Vod>(undefined);

  useEffect(() => {
    const ended = new AbortController();
    const source = {
      playlist: (span: Span) => api.playlistHref(stream, span),
      authorization: () => api.authorization,
      next: async (ms: number): Promise<Playable | null> => {
        for (let from = ms - behindMs; ; ) {
          const { recordings, more } = await api.recordings(stream, { from }, filesAtOnce, ended.signal);
          const found = playableAt(recordings, ms);
          if (found || !more) return found;
          from = spanOf(recordings.at(-1)!).to;
        }
      },
    };
    const library = async () => (await import("../player/lib-hls")).default;
    const player = new Vod(video.current!, source, library, { status: setStatus, time: setAt });
    vod.current = player;
    return () => {
      ended.abort();
      player.stop();
    };
  }, [api, stream]);

  const seek = useMemo(() => (ms: number) => vod.current!.seek(ms), []);
  return { status, at, seek };
}

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Stream } from "./api";
import { capabilities, choose, plan, type Option } from "./player/choose";
import { Player, type PlayerStatus } from "./player/player";
import { remember, type Remembered } from "./player/remember";
import type { Libraries } from "./player/transport";
import { allWays } from "./player/ways";
import { streamUrl, type Playing } from "./urls";

export type VideoRef = { current: HTMLVideoElement | null };
export type PlayerRef = { current: Player | null };

interface Live {
  status: PlayerStatus;
  /** What each way makes of the stream. */
  options: Option[];
  /** The player of the moment. */
  player: PlayerRef;
  /** Plays the sound of a stream whose picture cannot be played; undefined for others. */
  listen: (() => void) | undefined;
}

const libraries: Libraries = {
  mpegts: async () => (await import("./player/lib-flv")).default,
  hls: async () => (await import("./player/lib-hls")).default,
};

const connecting: PlayerStatus = { state: "connecting", message: "Connecting…", way: null, why: "", note: "" };

// A stream that begins tells soon whether it has B-frames.
const patienceMs = 2000;

/**
 * Plays a stream in the element for as long as the component is there. Nothing
 * is fetched before the API has answered or failed (`settled`), nor if the
 * browser cannot play the stream; and not at once if a live stream does not tell
 * yet which way is best.
 */
export function useLive(video: VideoRef, { name, via }: Playing, stream: Stream | undefined, settled: boolean): Live {
  const [status, setStatus] = useState(connecting);
  const [listening, setListening] = useState(false);
  const player = useRef<Player | null>(null);
  const browser = useMemo(capabilities, []);

  const known = useRef<Remembered | undefined>(undefined);
  known.current = remember(known.current, stream);
  const options = choose(known.current ?? { tracks: [] }, browser);
  const patient = useWhile(settled, patienceMs);
  const ready = settled && !(patient && stream?.state === "live" && options.some((o) => o.doubt));
  const key = JSON.stringify([name, via, listening, effects(options)]);

  useEffect(() => {
    if (!ready) return;
    const live = new Player(video.current!, streamUrl(location.origin, name), options, { via, listen: listening }, libraries, setStatus);
    player.current = live;
    live.start();
    return () => {
      player.current = null;
      live.stop();
    };
  }, [key, ready]);

  // A publisher that came back need not wait for the next retry.
  const epoch = stream?.state === "live" ? stream.epoch : undefined;
  useEffect(() => {
    if (epoch !== undefined) player.current?.nudge();
  }, [epoch]);

  const silent = plan(options, { via }).length === 0 && plan(options, { via, listen: true }).length > 0;
  const listen = silent && !listening ? () => setListening(true) : undefined;
  return { status, options, player, listen };
}

/** Whether it is not long since something is so; once that is over it stays over. */
function useWhile(begun: boolean, ms: number): boolean {
  const [lasts, setLasts] = useState(true);
  useEffect(() => {
    if (!begun) return;
    const timer = setTimeout(() => setLasts(false), ms);
    return () => clearTimeout(timer);
  }, [begun]);
  return lasts;
}

/** What a player that plays is begun anew for: not for a doubt that is over. */
function effects(options: Option[]): unknown {
  return allWays.map((way) => {
    const { kinds, verdict, note } = options.find((o) => o.way === way)!;
    return [kinds, verdict, note];
  });
}

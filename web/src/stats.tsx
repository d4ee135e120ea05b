import { useEffect, useRef, useState } from "preact/hooks";
import { smooth, type StreamClock } from "./player/latency";
import type { Latency } from "./player/player";
import { ahead, ranges } from "./player/spans";
import type { PlayerRef, VideoRef } from "./use-live";
import { describe } from "./webrtc/figures";
import type { Incoming } from "./webrtc/incoming";

const intervalMs = 1000;

interface StatsProps {
  video: VideoRef;
  player: PlayerRef;
  /** The stream's clock; undefined while the API does not tell it. */
  clock: StreamClock | undefined;
}

/** One line about what the browser makes of the stream. */
export function Stats({ video, player, clock }: StatsProps) {
  const [line, setLine] = useState("");
  const newest = useRef(clock);
  newest.current = clock;

  useEffect(() => {
    const rate = frameCounter();
    let latency: number | null = null;
    const timer = setInterval(() => {
      const v = video.current!;
      const parts: string[] = [];
      const { totalVideoFrames, droppedVideoFrames } = v.getVideoPlaybackQuality();
      const fps = rate(totalVideoFrames);
      if (v.videoWidth) parts.push(`${v.videoWidth}×${v.videoHeight}`, `${Math.round(fps)} fps`, `${droppedVideoFrames} dropped`);
      const measured = player.current?.latency(newest.current) ?? null;
      latency = smooth(latency, measured?.seconds ?? null);
      if (measured && latency !== null) parts.push(`${latency.toFixed(1)} s behind${caveats[measured.by]}`);
      const figures = player.current?.figures;
      if (figures) parts.push(...received(figures));
      else parts.push(`${ahead(ranges(v.buffered), v.currentTime).toFixed(1)} s buffered`);
      setLine(v.readyState ? parts.join(" · ") : "");
    }, intervalMs);
    return () => clearInterval(timer);
  }, []);

  return <p class="stats">{line}</p>;
}

/** What WebRTC tells beyond the other ways. */
function received(figures: Incoming): string[] {
  const { freezes, frozen, held } = figures;
  const parts = [...describe(figures), freezes === 1 ? "1 freeze" : `${freezes} freezes`];
  if (frozen > 0) parts.push(`${frozen.toFixed(1)} s frozen`);
  if (held !== null) parts.push(`${Math.round(held * 1000)} ms buffered`);
  return parts;
}

// What is not in the figure.
const caveats: Record<Latency["by"], string> = { server: "", date: " by the clock", arrival: " and the network" };

/** Makes a function that turns a count of frames into frames per second since its last call. */
function frameCounter(): (total: number) => number {
  let frames = 0;
  let time = performance.now();
  return (total) => {
    const now = performance.now();
    // A new source counts from zero again.
    const fps = Math.max(0, ((total - frames) * 1000) / (now - time));
    frames = total;
    time = now;
    return fps;
  };
}

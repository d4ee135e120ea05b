import { useEffect, useRef, useState } from "preact/hooks";
import { say, w } from "./i18n/language";
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
      const v = video.current;
      // The page may be gone a moment before its timers are.
      if (!v) return;
      const parts: string[] = [];
      const { totalVideoFrames, droppedVideoFrames } = v.getVideoPlaybackQuality();
      const fps = rate(totalVideoFrames);
      if (v.videoWidth) parts.push(`${v.videoWidth}×${v.videoHeight}`, w().player.fps(Math.round(fps)), w().player.dropped(droppedVideoFrames));
      const measured = player.current?.latency(newest.current) ?? null;
      latency = smooth(latency, measured?.seconds ?? null);
      if (measured && latency !== null) parts.push(w().player.behind(latency.toFixed(1)) + caveat(measured.by));
      const figures = player.current?.figures;
      if (figures) parts.push(...received(figures));
      else parts.push(w().player.buffered(ahead(ranges(v.buffered), v.currentTime).toFixed(1)));
      setLine(v.readyState ? parts.join(" · ") : "");
    }, intervalMs);
    return () => clearInterval(timer);
  }, []);

  return <p class="stats">{line}</p>;
}

/** What WebRTC tells beyond the other ways. */
function received(figures: Incoming): string[] {
  const { freezes, frozen, held } = figures;
  const parts = [...describe(figures).map(say), w().player.freezes(freezes)];
  if (frozen > 0) parts.push(w().player.frozen(frozen.toFixed(1)));
  if (held !== null) parts.push(w().player.bufferedMs(Math.round(held * 1000)));
  return parts;
}

/** What is not in the figure. */
function caveat(by: Latency["by"]): string {
  return { server: "", date: w().player.byClock, arrival: w().player.byArrival }[by];
}

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

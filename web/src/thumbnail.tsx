import { useEffect, useRef, useState } from "preact/hooks";
import type { Stream } from "./api";
import { backoff } from "./backoff";
import { drawSnapshot, NoPicture } from "./snapshot";
import { streamUrl } from "./urls";

const refreshMs = 30_000;
const mostMs = 300_000;
const timeoutMs = 15_000;

/** A picture of a live stream, anew now and then while it is on the screen; nothing until there is one. */
export function Thumbnail({ stream: { name, state, tracks, epoch } }: { stream: Stream }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [drawn, setDrawn] = useState(false);
  const shows = state === "live" && tracks.some((t) => t.kind === "video");

  useEffect(() => {
    if (!shows) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let running: AbortController | undefined;
    let [due, seen, failures, ended] = [true, false, 0, false];

    const draw = async () => {
      if (!due || running || !seen || document.hidden || ended) return;
      due = false;
      running = new AbortController();
      const timeout = setTimeout(() => running?.abort(), timeoutMs);
      let delay = refreshMs;
      try {
        await drawSnapshot(`${streamUrl(location.origin, name)}/snapshot.mp4`, canvas.current!, running.signal);
        failures = 0;
        if (!ended) setDrawn(true);
      } catch (err) {
        if (ended || (err instanceof NoPicture && err.final)) return;
        delay = backoff(failures++, refreshMs, mostMs);
      } finally {
        clearTimeout(timeout);
        running = undefined;
      }
      if (!ended) timer = setTimeout(() => {
        due = true;
        void draw();
      }, delay);
    };
    const look = new IntersectionObserver(([entry]) => {
      seen = entry!.isIntersecting;
      void draw();
    });
    look.observe(canvas.current!);
    document.addEventListener("visibilitychange", draw);
    return () => {
      ended = true;
      running?.abort();
      clearTimeout(timer);
      look.disconnect();
      document.removeEventListener("visibilitychange", draw);
      setDrawn(false);
    };
  }, [name, shows, epoch]);

  return <canvas ref={canvas} class="thumbnail" data-drawn={drawn || undefined} aria-hidden="true" />;
}
